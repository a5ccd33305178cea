import CloudCore
import CloudStore
import CloudWorkflow

extension Message.Resource: SQLConvertible {}
extension Message.Action: SQLConvertible {}
extension Message.Detail: SQLConvertible {}

/// The rows of messages to users.
enum MessageRecords {
    private static let columns: SQL = """
        id, project_id, request_id, resource_type, resource_id, action, detail, level, created_at, expires_at
        """
    /// What an event's name is made of.
    static let event: SQL = "('VOLUME_' || resource_type || '_' || action || '_' || detail)"

    private static func message(_ row: borrowing Row) throws -> Message {
        var message = Message(
            project: try row[1], requestID: try row[2], try row[3], try row[4], try row[5], try row[6])
        (message.id, message.level) = (try row[0], try row[7])
        (message.createdAt, message.expiresAt) = (try row[8], try row[9])
        return message
    }

    static func find(_ id: String, in reader: any Reader) throws -> Message? {
        try reader.first("SELECT \(columns) FROM volume_messages WHERE id = \(id)", message)
    }

    static let table = ListTable(
        "volume_messages",
        keys: [
            "id": "id", "created_at": "created_at", "event_id": event, "message_level": "level", "resource_type": "resource_type",
            "resource_uuid": "COALESCE(resource_id, '')", "request_id": "COALESCE(request_id, '')", "guaranteed_until": "expires_at",
            "expires_at": "expires_at", "project_id": "project_id",
        ])

    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Message] {
        try reader.all("SELECT \(columns) FROM volume_messages\(try selection.clause(table, in: reader))", message)
    }

    static func insert(_ message: Message, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_messages (\(columns)) VALUES (\(message.id), \(message.projectID), \(message.requestID),
                \(message.resource), \(message.resourceID), \(message.action), \(message.detail), \(message.level),
                \(message.createdAt), \(message.expiresAt))
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_messages WHERE id = \(id)")
    }

    /// Removes messages whose time is over.
    static func deleteExpired(at moment: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_messages WHERE expires_at < \(moment)")
    }
}

extension BlockStorage.Parts {
    /// Tells a resource's user what went wrong after the request was accepted, in the transaction that notes the failure.
    func recordMessage(
        _ resource: Message.Resource, _ id: String, project: String, _ action: Message.Action, _ detail: Message.Detail,
        requestID: String?, in transaction: any Transaction
    ) throws {
        try MessageRecords.insert(
            Message(project: project, requestID: requestID, resource, id, action, detail), in: transaction)
    }
}

/// Removes messages whose time is over.
struct MessagePurge: Reconciler {
    let storage: BlockStorage.Parts

    var name: String { "block-storage.messages" }
    var interval: Duration { .seconds(3600) }

    func reconcile() async throws {
        try await storage.database.write { try MessageRecords.deleteExpired(at: .now, in: $0) }
    }
}
