import CloudCore
import CloudStore

extension Backup.Status: SQLConvertible {}

/// The backups' rows, and where backups can be kept.
enum BackupRecords {
    static let migration = Migration(10, "backups", [
        """
        CREATE TABLE volume_backups (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, description TEXT, volume_id TEXT NOT NULL,
            snapshot_id TEXT, parent_id TEXT, status TEXT NOT NULL, size BIGINT NOT NULL, object_count BIGINT NOT NULL, container TEXT,
            availability_zone TEXT, host TEXT, driver TEXT NOT NULL, fail_reason TEXT, metadata TEXT NOT NULL, data_timestamp BIGINT,
            details TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volume_backups_by_project ON volume_backups (project_id, created_at, id)",
        "CREATE INDEX volume_backups_by_time ON volume_backups (created_at, id)",
        "CREATE INDEX volume_backups_by_volume ON volume_backups (volume_id)",
        "CREATE INDEX volume_backups_by_parent ON volume_backups (parent_id)",
        """
        CREATE TABLE volume_backup_drivers (
            host TEXT NOT NULL, position BIGINT NOT NULL, driver TEXT NOT NULL, PRIMARY KEY (host, position))
        """,
    ])

    private static let columns: SQL = """
        id, project_id, user_id, name, description, volume_id, snapshot_id, parent_id, status, size, object_count, container, \
        availability_zone, host, driver, fail_reason, metadata, data_timestamp, details, created_at, updated_at
        """

    private static func backup(_ row: borrowing Row) throws -> Backup {
        let metadata: JSON = try row[16]
        return Backup(
            id: try row[0], projectID: try row[1], userID: try row[2], name: try row[3], description: try row[4], volumeID: try row[5],
            snapshotID: try row[6], parentID: try row[7], status: try row[8], size: try row[9], objectCount: try row[10],
            container: try row[11], availabilityZone: try row[12], host: try row[13], driver: try row[14], failReason: try row[15],
            metadata: metadata.stringDictionary, dataTimestamp: try row[17], details: try (row[18] as Stored<Backup.Details>).value,
            createdAt: try row[19], updatedAt: try row[20])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Backup? {
        try reader.first("SELECT \(columns) FROM volume_backups WHERE id = \(id)", backup)
    }

    /// A project's backups of a volume, the oldest first.
    static func of(volume id: String, project: String, in reader: any Reader) throws -> [Backup] {
        try reader.all(
            "SELECT \(columns) FROM volume_backups WHERE volume_id = \(id) AND project_id = \(project) ORDER BY created_at, id", backup)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Backup] {
        try reader.all("SELECT \(columns) FROM volume_backups\(try selection.clause(table, in: reader))", backup)
    }

    static func count(_ selection: ListSelection, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM volume_backups\(selection.filter)") ?? 0
    }

    /// Those of some backups that others add to.
    static func parents(among ids: [String], in reader: any Reader) throws -> Set<String> {
        Set(try reader.all("SELECT DISTINCT parent_id FROM volume_backups WHERE parent_id IN \(in: ids)") { try $0[0] as String })
    }

    /// What backups can be sorted by.
    static let table = ListTable(
        "volume_backups",
        keys: [
            "id": "id", "created_at": "created_at", "updated_at": "COALESCE(updated_at, 0)", "status": "status", "size": "size",
            "name": "COALESCE(name, '')", "display_name": "COALESCE(name, '')", "volume_id": "volume_id", "user_id": "user_id",
            "project_id": "project_id", "availability_zone": "COALESCE(availability_zone, '')",
            "data_timestamp": "COALESCE(data_timestamp, 0)",
        ])

    static func insert(_ backup: Backup, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_backups (\(columns)) VALUES (\(backup.id), \(backup.projectID), \(backup.userID), \(backup.name),
                \(backup.description), \(backup.volumeID), \(backup.snapshotID), \(backup.parentID), \(backup.status),
                \(backup.size), \(backup.objectCount), \(backup.container), \(backup.availabilityZone), \(backup.host),
                \(backup.driver), \(backup.failReason), \(JSON(backup.metadata)), \(backup.dataTimestamp),
                \(Stored(backup.details)), \(backup.createdAt), \(backup.updatedAt))
            """)
    }

    /// Reads a backup, changes it and saves it.
    /// - Returns: the backup as saved, or nil when there is none.
    @discardableResult
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Backup) throws -> Void) throws -> Backup? {
        guard var backup = try find(id, in: transaction) else { return nil }
        try change(&backup)
        backup.updatedAt = .now
        try transaction.execute(
            """
            UPDATE volume_backups SET name = \(backup.name), description = \(backup.description), status = \(backup.status),
                object_count = \(backup.objectCount), host = \(backup.host), fail_reason = \(backup.failReason),
                metadata = \(JSON(backup.metadata)), details = \(Stored(backup.details)), updated_at = \(backup.updatedAt)
            WHERE id = \(id)
            """)
        return backup
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_backups WHERE id = \(id)")
    }

    // MARK: Quotas

    /// What a project has: how many backups, and their GiB.
    static func usage(project id: String, in reader: any Reader) throws -> [String: Int] {
        let sums = try reader.first("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM volume_backups WHERE project_id = \(id)") {
            (try $0[0] as Int, try $0[1] as Int)
        }
        return ["backups": sums?.0 ?? 0, "backup_gigabytes": sums?.1 ?? 0]
    }

    // MARK: Where they can be kept

    /// The places in which a host keeps backups, the first of which is for new ones.
    static func drivers(of host: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT driver FROM volume_backup_drivers WHERE host = \(host) ORDER BY position") { try $0[0] }
    }

    /// The hosts that keep backups in a place.
    static func hosts(keeping driver: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT host FROM volume_backup_drivers WHERE driver = \(driver) ORDER BY host") { try $0[0] }
    }

    /// Notes what a host reports.
    static func setDrivers(_ drivers: [String], of host: String, in transaction: any Transaction) throws {
        guard try self.drivers(of: host, in: transaction) != drivers else { return }
        try transaction.execute("DELETE FROM volume_backup_drivers WHERE host = \(host)")
        for (position, driver) in drivers.enumerated() {
            try transaction.execute("INSERT INTO volume_backup_drivers (host, position, driver) VALUES (\(host), \(position), \(driver))")
        }
    }
}

extension BlockStorage.Parts {
    /// Holds a new backup against its project's limits.
    /// - Throws: 413.
    func checkBackupQuota(project: String, gigabytes: Int, in reader: any Reader) throws {
        let limits = try VolumeQuotaRecords.effective(project: project, configured: options.quota, in: reader)
        let usage = try BackupRecords.usage(project: project, in: reader)
        func excess(_ resource: String, _ amount: Int) -> (limit: Int, used: Int)? {
            guard let limit = limits[resource], limit >= 0, (usage[resource] ?? 0) + amount > limit else { return nil }
            return (limit, usage[resource] ?? 0)
        }
        if let excess = excess("backup_gigabytes", gigabytes) {
            throw BlockStorageError.overLimit(
                "Requested backup exceeds allowed Backup gigabytes quota. Requested \(gigabytes)G, quota is \(excess.limit)G and "
                    + "\(excess.used)G has been consumed.")
        }
        if let excess = excess("backups", 1) {
            throw BlockStorageError.overLimit("Maximum number of backups allowed (\(excess.limit)) exceeded")
        }
    }
}
