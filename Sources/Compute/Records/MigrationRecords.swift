import CloudCore
import CloudStore

extension ServerMigration.Kind: SQLConvertible {}
extension ServerMigration.Status: SQLConvertible {}

/// The migrations' rows.
enum MigrationRecords {
    private static let columns: SQL = """
        id, uuid, server_id, kind, status, source_host, target_host, old_flavor_id, new_flavor_id, project_id, user_id, memory, \
        disk, created_at, updated_at
        """

    private static func migration(_ row: borrowing Row) throws -> ServerMigration {
        let memory: Stored<ServerMigration.Progress>? = try row[11]
        let disk: Stored<ServerMigration.Progress>? = try row[12]
        return ServerMigration(
            id: try row[0], uuid: try row[1], serverID: try row[2], kind: try row[3], status: try row[4], sourceHost: try row[5],
            targetHost: try row[6], oldFlavorID: try row[7], newFlavorID: try row[8], projectID: try row[9], userID: try row[10],
            memory: memory?.value, disk: disk?.value, createdAt: try row[13], updatedAt: try row[14])
    }

    static func find(uuid: String, in reader: any Reader) throws -> ServerMigration? {
        try reader.first("SELECT \(columns) FROM compute_migrations WHERE uuid = \(uuid)", migration)
    }

    /// A server's migration by its number.
    static func find(_ id: Int, server: String, in reader: any Reader) throws -> ServerMigration? {
        try reader.first("SELECT \(columns) FROM compute_migrations WHERE id = \(id) AND server_id = \(server)", migration)
    }

    /// A server's latest migration with a status.
    static func latest(server: String, status: ServerMigration.Status, in reader: any Reader) throws -> ServerMigration? {
        try reader.first(
            """
            SELECT \(columns) FROM compute_migrations WHERE server_id = \(server) AND status = \(status)
            ORDER BY id DESC LIMIT 1
            """, migration)
    }

    /// A server's migrations that hold something.
    static func open(server: String, in reader: any Reader) throws -> [ServerMigration] {
        try reader.all(
            """
            SELECT \(columns) FROM compute_migrations
            WHERE server_id = \(server) AND status IN \(in: ServerMigration.Status.open.map(\.rawValue)) ORDER BY id
            """, migration)
    }

    /// The migrations with a status that have not changed since a moment.
    static func all(status: ServerMigration.Status, unchangedSince moment: Timestamp, in reader: any Reader) throws -> [ServerMigration] {
        try reader.all(
            "SELECT \(columns) FROM compute_migrations WHERE status = \(status) AND updated_at <= \(moment) ORDER BY id", migration)
    }

    /// The servers that are on their way from a host, to it, or may yet go back.
    static func servers(movingAt host: String, in reader: any Reader) throws -> Set<String> {
        Set(
            try reader.all(
                """
                SELECT server_id FROM compute_migrations
                WHERE status IN \(in: ServerMigration.Status.open.map(\.rawValue)) AND (source_host = \(host) OR target_host = \(host))
                """
            ) { try $0[0] as String })
    }

    static func list(_ filter: MigrationFilter, in reader: any Reader) throws -> [ServerMigration] {
        try reader.all("SELECT \(columns) FROM compute_migrations\(filter.clause)", migration)
    }

    /// Adds a migration.
    /// - Returns: it, with its number.
    static func insert(_ migration: ServerMigration, in transaction: any Transaction) throws -> ServerMigration {
        var migration = migration
        try transaction.execute("UPDATE compute_migration_numbers SET last = last + 1")
        migration.id = try transaction.scalar("SELECT last FROM compute_migration_numbers") ?? 1
        try transaction.execute(
            """
            INSERT INTO compute_migrations (\(columns)) VALUES (\(migration.id), \(migration.uuid), \(migration.serverID),
                \(migration.kind), \(migration.status), \(migration.sourceHost), \(migration.targetHost), \(migration.oldFlavorID),
                \(migration.newFlavorID), \(migration.projectID), \(migration.userID), \(migration.memory.map(Stored.init)),
                \(migration.disk.map(Stored.init)), \(migration.createdAt), \(migration.updatedAt))
            """)
        return migration
    }

    /// Reads a migration, changes it and saves it.
    static func change(_ uuid: String, in transaction: any Transaction, _ change: (inout ServerMigration) -> Void) throws {
        guard var migration = try find(uuid: uuid, in: transaction) else { return }
        change(&migration)
        try transaction.execute(
            """
            UPDATE compute_migrations SET status = \(migration.status), target_host = \(migration.targetHost),
                memory = \(migration.memory.map(Stored.init)), disk = \(migration.disk.map(Stored.init)),
                updated_at = \(Timestamp.now)
            WHERE uuid = \(uuid)
            """)
    }

    /// Sets how far a migration is.
    static func set(_ status: ServerMigration.Status, _ uuid: String, in transaction: any Transaction) throws {
        try change(uuid, in: transaction) { $0.status = status }
    }
}

/// What a list of migrations is asked for.
struct MigrationFilter: Sendable {
    /// A host that it leaves or goes to.
    var host: String?
    var sourceHost: String?
    var serverID: String?
    var statuses: [String] = []
    var kind: String?
    var userID: String?
    var projectID: String?
    var changedSince: Timestamp?
    var changedBefore: Timestamp?
    /// The migration after which the list goes on.
    var marker: ServerMigration?
    var limit: Int
    /// Whether the newest come first; the oldest do where pages do not exist yet.
    var isNewestFirst = true

    init(limit: Int) { self.limit = limit }

    /// WHERE, ORDER BY and LIMIT.
    var clause: SQL {
        var conditions: [SQL] = []
        if let host { conditions.append("(source_host = \(host) OR target_host = \(host))") }
        if let sourceHost { conditions.append("source_host = \(sourceHost)") }
        if let serverID { conditions.append("server_id = \(serverID)") }
        if !statuses.isEmpty { conditions.append("status IN \(in: statuses)") }
        if let kind { conditions.append("kind = \(kind)") }
        if let userID { conditions.append("user_id = \(userID)") }
        if let projectID { conditions.append("project_id = \(projectID)") }
        if let changedSince { conditions.append("updated_at >= \(changedSince)") }
        if let changedBefore { conditions.append("updated_at <= \(changedBefore)") }
        let keyset = KeysetOrder([.init("created_at", isAscending: !isNewestFirst), .init("id", isAscending: !isNewestFirst)])
        if let marker { conditions.append(keyset.behind([marker.createdAt.sqlValue, marker.id.sqlValue])) }
        let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        return "\(filter) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }
}
