import CloudStore

extension ComputeSchema {
    /// The moves of servers. They go with the server's row.
    static let moves = Migration(4, "servers' migrations", [
        """
        CREATE TABLE compute_migrations (
            id BIGINT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
            server_id TEXT NOT NULL REFERENCES compute_servers (id) ON DELETE CASCADE, kind TEXT NOT NULL,
            status TEXT NOT NULL, source_host TEXT NOT NULL, target_host TEXT, old_flavor_id TEXT, new_flavor_id TEXT,
            project_id TEXT NOT NULL, user_id TEXT NOT NULL, memory TEXT, disk TEXT, created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL)
        """,
        "CREATE INDEX compute_migrations_by_server ON compute_migrations (server_id)",
        "CREATE INDEX compute_migrations_by_time ON compute_migrations (created_at, id)",
        "CREATE TABLE compute_migration_numbers (last BIGINT NOT NULL)",
        "INSERT INTO compute_migration_numbers (last) VALUES (0)",
    ])

    /// What of servers' details lists are sorted by. Rows from before count as empty until they change.
    static let sortedDetails = Migration(9, "what servers are sorted by", [
        "ALTER TABLE compute_servers ADD COLUMN access_ip_v4 TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE compute_servers ADD COLUMN access_ip_v6 TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE compute_servers ADD COLUMN auto_disk_config TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE compute_servers ADD COLUMN root_device_name TEXT NOT NULL DEFAULT ''",
    ])

    static let usageAudits = Migration(10, "the log of usage audits", [
        """
        CREATE TABLE compute_usage_audits (
            host TEXT NOT NULL, began_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, instances BIGINT NOT NULL,
            errors BIGINT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (host, began_at, ended_at))
        """,
        "CREATE INDEX compute_usage_audits_by_time ON compute_usage_audits (ended_at)",
    ])
}
