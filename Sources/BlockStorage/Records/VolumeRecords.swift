import CloudCore
import CloudStore

extension Volume.Status: SQLConvertible {}
extension Volume.AttachStatus: SQLConvertible {}

/// The volumes' rows.
enum VolumeRecords {
    private static let columns: SQL = """
        id, project_id, user_id, name, description, size, status, previous_status, attach_status, migration_status, type_id, \
        snapshot_id, source_id, group_id, availability_zone, host, is_bootable, is_multiattach, encryption_key_id, uses_quota, \
        metadata, image_metadata, details, created_at, updated_at, growth
        """

    private static func volume(_ row: borrowing Row) throws -> Volume {
        let (metadata, image): (JSON, JSON) = (try row[20], try row[21])
        return Volume(
            id: try row[0], projectID: try row[1], userID: try row[2], name: try row[3], description: try row[4], size: try row[5],
            status: try row[6], previousStatus: try row[7], attachStatus: try row[8], migrationStatus: try row[9],
            typeID: try row[10], snapshotID: try row[11], sourceID: try row[12], groupID: try row[13],
            availabilityZone: try row[14], host: try row[15], isBootable: try row[16], isMultiattach: try row[17],
            encryptionKeyID: try row[18], usesQuota: try row[19], metadata: metadata.stringDictionary,
            imageMetadata: image.stringDictionary, details: try (row[22] as Stored<Volume.Details>).value,
            createdAt: try row[23], updatedAt: try row[24], growth: try row[25])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Volume? {
        try reader.first("SELECT \(columns) FROM volumes WHERE id = \(id)", volume)
    }

    /// The volumes with these ids, by id; those that are gone are absent.
    static func find(_ ids: some Collection<String>, in reader: any Reader) throws -> [String: Volume] {
        guard !ids.isEmpty else { return [:] }
        let volumes = try reader.all("SELECT \(columns) FROM volumes WHERE id IN \(in: Array(Set(ids)))", volume)
        return Dictionary(uniqueKeysWithValues: volumes.map { ($0.id, $0) })
    }

    /// The volumes that a condition on the table's columns holds for, the oldest first.
    static func all(where condition: SQL, in reader: any Reader) throws -> [Volume] {
        try reader.all("SELECT \(columns) FROM volumes WHERE \(condition) ORDER BY created_at, id", volume)
    }

    /// Whether volumes are being made of a volume, or of one of its snapshots.
    static func areBeingMade(ofVolume id: String, in reader: any Reader) throws -> Bool {
        try reader.first(
            """
            SELECT 1 FROM volumes WHERE \(unmade) AND
                (source_id = \(id) OR snapshot_id IN (SELECT id FROM volume_snapshots WHERE volume_id = \(id))) LIMIT 1
            """
        ) { _ in true } ?? false
    }

    /// Whether volumes are being made of a snapshot.
    static func areBeingMade(ofSnapshot id: String, in reader: any Reader) throws -> Bool {
        try reader.first("SELECT 1 FROM volumes WHERE \(unmade) AND snapshot_id = \(id) LIMIT 1") { _ in true } ?? false
    }

    /// Of volumes that are being made, which are few; `unmadeIndex` has them.
    private static let unmade: SQL = "status IN ('creating', 'downloading')"
    static let unmadeIndex = Migration(20, "volumes that are being made", [
        "CREATE INDEX volumes_unmade ON volumes (id) WHERE status IN ('creating', 'downloading')",
    ])

    /// A page of a list.
    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Volume] {
        try reader.all("SELECT \(columns) FROM volumes\(try selection.clause(table, in: reader))", volume)
    }

    /// How many match, and the GiB they add up to.
    static func sum(_ selection: ListSelection, in reader: any Reader) throws -> (count: Int, size: Int) {
        try reader.first("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM volumes\(selection.filter)") { (try $0[0], try $0[1]) } ?? (0, 0)
    }

    /// What volumes can be sorted by.
    static let table = ListTable(
        "volumes",
        keys: [
            "id": "id", "created_at": "created_at", "updated_at": "COALESCE(updated_at, 0)", "size": "size", "status": "status",
            "name": "COALESCE(name, '')", "display_name": "COALESCE(name, '')", "bootable": "is_bootable",
            "availability_zone": "availability_zone", "volume_type_id": "type_id", "host": "COALESCE(host, '')",
            "migration_status": "COALESCE(migration_status, '')", "user_id": "user_id", "project_id": "project_id",
            "attach_status": "attach_status",
        ])

    static func insert(_ volume: Volume, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volumes (\(columns)) VALUES (\(volume.id), \(volume.projectID), \(volume.userID), \(volume.name),
                \(volume.description), \(volume.size), \(volume.status), \(volume.previousStatus), \(volume.attachStatus),
                \(volume.migrationStatus), \(volume.typeID), \(volume.snapshotID), \(volume.sourceID), \(volume.groupID),
                \(volume.availabilityZone), \(volume.host), \(volume.isBootable), \(volume.isMultiattach),
                \(volume.encryptionKeyID), \(volume.usesQuota), \(JSON(volume.metadata)), \(JSON(volume.imageMetadata)),
                \(Stored(volume.details)), \(volume.createdAt), \(volume.updatedAt), \(volume.growth))
            """)
    }

    /// Saves a volume as it is.
    static func update(_ volume: Volume, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volumes SET project_id = \(volume.projectID), user_id = \(volume.userID), name = \(volume.name),
                description = \(volume.description), size = \(volume.size), status = \(volume.status),
                previous_status = \(volume.previousStatus), attach_status = \(volume.attachStatus),
                migration_status = \(volume.migrationStatus), type_id = \(volume.typeID), snapshot_id = \(volume.snapshotID),
                source_id = \(volume.sourceID), group_id = \(volume.groupID), availability_zone = \(volume.availabilityZone),
                host = \(volume.host), is_bootable = \(volume.isBootable), is_multiattach = \(volume.isMultiattach),
                encryption_key_id = \(volume.encryptionKeyID), uses_quota = \(volume.usesQuota), metadata = \(JSON(volume.metadata)),
                image_metadata = \(JSON(volume.imageMetadata)), details = \(Stored(volume.details)), growth = \(volume.growth),
                updated_at = \(Timestamp.now)
            WHERE id = \(volume.id)
            """)
    }

    /// Reads a volume, changes it and saves it.
    /// - Returns: the volume as saved, or nil when there is none.
    @discardableResult
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Volume) throws -> Void) throws -> Volume? {
        guard var volume = try find(id, in: transaction) else { return nil }
        try change(&volume)
        try update(volume, in: transaction)
        return volume
    }

    /// Removes a volume with its attachments.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volumes WHERE id = \(id)")
    }
}

extension VolumeRecords {
    /// Every value of every metadata item of the volumes that match, by name.
    static func distinctMetadata(_ selection: ListSelection, in reader: any Reader) throws -> [String: [String]] {
        var values: [String: Set<String>] = [:]
        try reader.forEach("SELECT DISTINCT metadata FROM volumes\(selection.filter)") { row in
            let metadata: JSON = try row[0]
            for (name, value) in metadata.stringDictionary { values[name, default: []].insert(value) }
        }
        return values.mapValues { $0.sorted() }
    }
}
