import CloudStore

extension ComputeSchema {
    /// What is known of actions on servers beyond that they were asked for.
    static let attachments = Migration(6, "the events of instance actions", [
        """
        CREATE TABLE compute_action_events (
            server_id TEXT NOT NULL, request_id TEXT NOT NULL, event TEXT NOT NULL, host TEXT, result TEXT, details TEXT,
            started_at BIGINT NOT NULL, finished_at BIGINT, PRIMARY KEY (server_id, request_id, event),
            FOREIGN KEY (server_id, request_id) REFERENCES compute_actions (server_id, request_id) ON DELETE CASCADE)
        """,
        "CREATE INDEX compute_actions_by_time ON compute_actions (server_id, started_at, request_id)",
    ])
}
