import CloudCore
import CloudStore

extension Snapshot.Status: SQLConvertible {}

/// The snapshots' rows.
enum SnapshotRecords {
    private static let columns: SQL = """
        id, project_id, user_id, name, description, volume_id, volume_size, status, progress, metadata, group_snapshot_id, type_id, \
        uses_quota, details, created_at, updated_at
        """

    private static func snapshot(_ row: borrowing Row) throws -> Snapshot {
        let metadata: JSON = try row[9]
        return Snapshot(
            id: try row[0], projectID: try row[1], userID: try row[2], name: try row[3], description: try row[4],
            volumeID: try row[5], volumeSize: try row[6], status: try row[7], progress: try row[8],
            metadata: metadata.stringDictionary, groupSnapshotID: try row[10], typeID: try row[11], usesQuota: try row[12],
            details: try (row[13] as Stored<Snapshot.Details>).value, createdAt: try row[14], updatedAt: try row[15])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Snapshot? {
        try reader.first("SELECT \(columns) FROM volume_snapshots WHERE id = \(id)", snapshot)
    }

    /// The snapshots of a volume, the oldest first.
    static func of(volume id: String, in reader: any Reader) throws -> [Snapshot] {
        try all(where: "volume_id = \(id)", in: reader)
    }

    /// The snapshots that a condition on the table's columns holds for, the oldest first.
    static func all(where condition: SQL, in reader: any Reader) throws -> [Snapshot] {
        try reader.all("SELECT \(columns) FROM volume_snapshots WHERE \(condition) ORDER BY created_at, id", snapshot)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Snapshot] {
        try reader.all("SELECT \(columns) FROM volume_snapshots\(try selection.clause(table, in: reader))", snapshot)
    }

    static func count(_ selection: ListSelection, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM volume_snapshots\(selection.filter)") ?? 0
    }

    /// What snapshots can be sorted by.
    static let table = ListTable(
        "volume_snapshots",
        keys: [
            "id": "id", "created_at": "created_at", "updated_at": "COALESCE(updated_at, 0)", "status": "status",
            "name": "COALESCE(name, '')", "display_name": "COALESCE(name, '')", "description": "COALESCE(description, '')",
            "volume_id": "volume_id", "volume_size": "volume_size", "size": "volume_size", "user_id": "user_id",
            "project_id": "project_id",
        ])

    static func insert(_ snapshot: Snapshot, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_snapshots (\(columns)) VALUES (\(snapshot.id), \(snapshot.projectID), \(snapshot.userID),
                \(snapshot.name), \(snapshot.description), \(snapshot.volumeID), \(snapshot.volumeSize), \(snapshot.status),
                \(snapshot.progress), \(JSON(snapshot.metadata)), \(snapshot.groupSnapshotID), \(snapshot.typeID),
                \(snapshot.usesQuota), \(Stored(snapshot.details)), \(snapshot.createdAt), \(snapshot.updatedAt))
            """)
    }

    /// Saves a snapshot as it is.
    static func update(_ snapshot: Snapshot, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_snapshots SET project_id = \(snapshot.projectID), user_id = \(snapshot.userID), name = \(snapshot.name),
                description = \(snapshot.description), volume_size = \(snapshot.volumeSize), status = \(snapshot.status),
                progress = \(snapshot.progress), metadata = \(JSON(snapshot.metadata)),
                group_snapshot_id = \(snapshot.groupSnapshotID), type_id = \(snapshot.typeID), uses_quota = \(snapshot.usesQuota),
                details = \(Stored(snapshot.details)), updated_at = \(Timestamp.now)
            WHERE id = \(snapshot.id)
            """)
    }

    /// Reads a snapshot, changes it and saves it.
    /// - Returns: the snapshot as saved, or nil when there is none.
    @discardableResult
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Snapshot) throws -> Void) throws -> Snapshot? {
        guard var snapshot = try find(id, in: transaction) else { return nil }
        try change(&snapshot)
        try update(snapshot, in: transaction)
        return snapshot
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_snapshots WHERE id = \(id)")
    }
}
