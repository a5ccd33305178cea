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

    /// When it last moved.
    var updatedAt: Timestamp { finishedAt ?? startedAt }
}

/// Which of a server's actions a list holds.
struct InstanceActionFilter: Sendable {
    var changedSince: Timestamp?
    var changedBefore: Timestamp?
    /// The request after which the list goes on.
    var marker: InstanceAction?
    /// How many at most; nil for all.
    var limit: Int?
}

/// The instance actions' rows.
enum ActionRecords {
    private static let columns: SQL =
        "server_id, request_id, action, project_id, user_id, message, started_at, finished_at"

    private static func action(_ row: borrowing Row) throws -> InstanceAction {
        InstanceAction(
            serverID: try row[0], requestID: try row[1], action: try row[2], projectID: try row[3], userID: try row[4],
            message: try row[5], startedAt: try row[6], finishedAt: try row[7])
    }

    /// Notes that an action began, with its first event.
    /// - Parameter host: where it happens, if that is known.
    static func begin(_ action: InstanceAction, host: String? = nil, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_actions (\(columns))
            VALUES (\(action.serverID), \(action.requestID), \(action.action), \(action.projectID), \(action.userID),
                \(action.message), \(action.startedAt), \(action.finishedAt))
            ON CONFLICT (server_id, request_id) DO NOTHING
            """)
        try ActionEventRecords.begin(
            ActionEventName.first(of: action.action), server: action.serverID, request: action.requestID, host: host,
            at: action.startedAt, in: transaction)
    }

    /// Notes that an action ended, with a message when it failed.
    static func finish(server: String, request: String?, message: String?, in transaction: any Transaction) throws {
        guard let request else { return }
        try transaction.execute(
            """
            UPDATE compute_actions SET finished_at = \(Timestamp.now), message = \(message)
            WHERE server_id = \(server) AND request_id = \(request)
            """)
        try ActionEventRecords.finishOpen(server: server, request: request, message: message, in: transaction)
    }

    /// Notes that the actions of a kind that are still open have succeeded.
    static func finishOpen(server: String, action: String, in transaction: any Transaction) throws {
        let requests: [String] = try transaction.all(
            """
            SELECT request_id FROM compute_actions
            WHERE server_id = \(server) AND action = \(action) AND finished_at IS NULL
            """
        ) { try $0[0] }
        for request in requests { try finish(server: server, request: request, message: nil, in: transaction) }
    }

    /// The request of a server's newest action of a kind that is still open.
    static func openRequest(server: String, action: String, in reader: any Reader) throws -> String? {
        try reader.scalar(
            """
            SELECT request_id FROM compute_actions
            WHERE server_id = \(server) AND action = \(action) AND finished_at IS NULL ORDER BY started_at DESC LIMIT 1
            """)
    }

    /// A server's actions, the newest first.
    static func all(
        server: String, _ filter: InstanceActionFilter = InstanceActionFilter(), in reader: any Reader
    ) throws -> [InstanceAction] {
        var conditions: [SQL] = ["server_id = \(server)"]
        if let since = filter.changedSince { conditions.append("COALESCE(finished_at, started_at) >= \(since)") }
        if let before = filter.changedBefore { conditions.append("COALESCE(finished_at, started_at) <= \(before)") }
        if let marker = filter.marker {
            conditions.append(
                """
                (started_at < \(marker.startedAt) OR (started_at = \(marker.startedAt) AND request_id > \(marker.requestID)))
                """)
        }
        let end: SQL = filter.limit.map { " LIMIT \($0)" } ?? ""
        return try reader.all(
            """
            SELECT \(columns) FROM compute_actions WHERE \(conditions.joined(separator: " AND "))
            ORDER BY started_at DESC, request_id\(end)
            """, action)
    }

    /// What one request did to a server.
    static func find(server: String, request: String, in reader: any Reader) throws -> InstanceAction? {
        try reader.first(
            "SELECT \(columns) FROM compute_actions WHERE server_id = \(server) AND request_id = \(request)", action)
    }
}
