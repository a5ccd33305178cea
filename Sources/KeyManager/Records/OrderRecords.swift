import CloudCore
import CloudStore

/// Orders in the database.
enum OrderRecords {
    private static let columns: SQL =
        "id, project_id, creator_id, type, meta, secret_id, container_id, error_status, error_reason, created_at, updated_at"

    private static func order(_ row: borrowing Row) throws -> KeyOrder {
        let outcome: KeyOrder.Outcome
        if let secret: String = try row[5] {
            outcome = .secret(secret)
        } else if let container: String = try row[6] {
            outcome = .container(container)
        } else {
            outcome = .failure(status: try row[7], reason: try row[8])
        }
        return KeyOrder(
            id: try row[0], projectID: try row[1], creatorID: try row[2], type: try row[3], meta: try row[4], outcome: outcome,
            createdAt: try row[9], updatedAt: try row[10])
    }

    static func find(_ id: String, of projectID: String, in reader: any Reader) throws -> KeyOrder? {
        try reader.first("SELECT \(columns) FROM key_orders WHERE id = \(id) AND project_id = \(projectID)", order)
    }

    /// A page of a project's orders in the order of their creation, and how many there are in all.
    static func list(of projectID: String, _ page: ListPage, in reader: any Reader) throws -> (orders: [KeyOrder], total: Int) {
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_orders WHERE project_id = \(projectID)") ?? 0
        let found = try reader.all(
            """
            SELECT \(columns) FROM key_orders WHERE project_id = \(projectID)
            ORDER BY created_at, id LIMIT \(page.limit) OFFSET \(page.offset)
            """, order)
        return (found, total)
    }

    static func insert(_ order: KeyOrder, in transaction: any Transaction) throws {
        var (secret, container, status, reason): (String?, String?, Int?, String?)
        switch order.outcome {
        case .secret(let id): secret = id
        case .container(let id): container = id
        case .failure(let code, let text): (status, reason) = (code, text)
        }
        try transaction.execute(
            """
            INSERT INTO key_orders (\(columns))
            VALUES (\(order.id), \(order.projectID), \(order.creatorID), \(order.type), \(order.meta), \(secret), \(container),
                \(status), \(reason), \(order.createdAt), \(order.updatedAt))
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM key_orders WHERE id = \(id)")
    }
}
