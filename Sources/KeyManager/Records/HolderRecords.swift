import CloudCore
import CloudStore

/// What secrets and containers have alike: access lists and consumers.
enum HolderRecords {
    static func find(_ kind: Holder.Kind, _ id: String, now: Timestamp, in reader: any Reader) throws -> Holder? {
        let source: SQL = kind == .secret
            ? "key_secrets WHERE (expires_at IS NULL OR expires_at > \(now)) AND" : "key_containers WHERE"
        return try reader.first("SELECT project_id, creator_id FROM \(source) id = \(id)") {
            Holder(kind: kind, id: id, projectID: try $0[0], creatorID: try $0[1])
        }
    }

    /// Removes what would outlive its secret or container.
    static func deleteBelongings(of id: String, in transaction: any Transaction) throws {
        try deleteAccess(of: id, in: transaction)
        try transaction.execute("DELETE FROM key_consumers WHERE holder_id = \(id)")
    }

    // MARK: Access

    static func access(to id: String, in reader: any Reader) throws -> AccessList? {
        let found = try reader.first(
            "SELECT project_access, created_at, updated_at FROM key_access_lists WHERE holder_id = \(id)"
        ) { AccessList(projectAccess: try $0[0], users: [], createdAt: try $0[1], updatedAt: try $0[2]) }
        guard var list = found else { return nil }
        list.users = Set(try reader.all("SELECT user_id FROM key_access_users WHERE holder_id = \(id)") { try $0[0] })
        return list
    }

    static func setAccess(_ list: AccessList, to id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_access_lists (holder_id, project_access, created_at, updated_at)
            VALUES (\(id), \(list.projectAccess), \(list.createdAt), \(list.updatedAt))
            ON CONFLICT (holder_id) DO UPDATE SET project_access = excluded.project_access, updated_at = excluded.updated_at
            """)
        try transaction.execute("DELETE FROM key_access_users WHERE holder_id = \(id)")
        for user in list.users.sorted() {
            try transaction.execute("INSERT INTO key_access_users (holder_id, user_id) VALUES (\(id), \(user))")
        }
    }

    static func deleteAccess(of id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM key_access_lists WHERE holder_id = \(id)")
    }

    // MARK: Consumers

    private static let columns: SQL = "id, holder_id, project_id, name, resource_type, reference, created_at, updated_at"

    private static func consumer(_ row: borrowing Row) throws -> Consumer {
        Consumer(
            id: try row[0], holderID: try row[1], projectID: try row[2], name: try row[3], resourceType: try row[4],
            reference: try row[5], createdAt: try row[6], updatedAt: try row[7])
    }

    static func consumer(_ id: String, of holderID: String, in reader: any Reader) throws -> Consumer? {
        try reader.first("SELECT \(columns) FROM key_consumers WHERE id = \(id) AND holder_id = \(holderID)", consumer)
    }

    static func consumers(
        of id: String, _ page: ListPage, in reader: any Reader
    ) throws -> (consumers: [Consumer], total: Int) {
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_consumers WHERE holder_id = \(id)") ?? 0
        let found = try reader.all(
            """
            SELECT \(columns) FROM key_consumers WHERE holder_id = \(id)
            ORDER BY created_at, id LIMIT \(page.limit) OFFSET \(page.offset)
            """, consumer)
        return (found, total)
    }

    /// The consumers of some holders, by holder.
    static func consumers(of ids: [String], in reader: any Reader) throws -> [String: [Consumer]] {
        let found = try reader.all(
            "SELECT \(columns) FROM key_consumers WHERE holder_id IN \(in: ids) ORDER BY created_at, id", consumer)
        return Dictionary(grouping: found, by: \.holderID)
    }

    /// Registers a consumer; one that is the same already stays as it is.
    static func insert(_ consumer: Consumer, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_consumers (id, holder_id, project_id, name, resource_type, reference, created_at, updated_at)
            VALUES (\(consumer.id), \(consumer.holderID), \(consumer.projectID), \(consumer.name), \(consumer.resourceType),
                \(consumer.reference), \(consumer.createdAt), \(consumer.updatedAt))
            ON CONFLICT (holder_id, name, resource_type, reference) DO UPDATE SET updated_at = excluded.updated_at
            """)
    }

    /// The stored consumer that is the same but for its id and times.
    static func same(as consumer: Consumer, in reader: any Reader) throws -> Consumer? {
        try reader.first(
            """
            SELECT \(columns) FROM key_consumers WHERE holder_id = \(consumer.holderID) AND name = \(consumer.name)
            AND resource_type = \(consumer.resourceType) AND reference = \(consumer.reference)
            """, Self.consumer)
    }

    static func deleteConsumer(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM key_consumers WHERE id = \(id)")
    }
}
