import CloudCore
import CloudStore

/// What was done to a server, by whom and how it ended: the instance action log.
struct InstanceAction: Sendable, Hashable {
    var serverID: String
    var requestID: String
    var action: String
    var projectID: String
    var userID: String
    var message: String?
    var startedAt: Timestamp
    var finishedAt: Timestamp?
}

/// The instance actions' rows.
enum ActionRecords {
    /// Notes that an action began.
    static func begin(_ action: InstanceAction, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_actions (server_id, request_id, action, project_id, user_id, message, started_at, finished_at)
            VALUES (\(action.serverID), \(action.requestID), \(action.action), \(action.projectID), \(action.userID),
                \(action.message), \(action.startedAt), \(action.finishedAt))
            ON CONFLICT (server_id, request_id) DO NOTHING
            """)
    }

    /// Notes that an action ended, with a message when it failed.
    static func finish(server: String, request: String?, message: String?, in transaction: any Transaction) throws {
        guard let request else { return }
        try transaction.execute(
            """
            UPDATE compute_actions SET finished_at = \(Timestamp.now), message = \(message)
            WHERE server_id = \(server) AND request_id = \(request)
            """)
    }

    /// Notes that the actions of a kind that are still open have succeeded.
    static func finishOpen(server: String, action: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_actions SET finished_at = \(Timestamp.now), message = NULL
            WHERE server_id = \(server) AND action = \(action) AND finished_at IS NULL
            """)
    }

    /// A server's actions, the newest first.
    static func all(server: String, in reader: any Reader) throws -> [InstanceAction] {
        try reader.all(
            """
            SELECT server_id, request_id, action, project_id, user_id, message, started_at, finished_at
            FROM compute_actions WHERE server_id = \(server) ORDER BY started_at DESC, request_id
            """
        ) { row in
            InstanceAction(
                serverID: try row[0], requestID: try row[1], action: try row[2], projectID: try row[3], userID: try row[4],
                message: try row[5], startedAt: try row[6], finishedAt: try row[7])
        }
    }
}
