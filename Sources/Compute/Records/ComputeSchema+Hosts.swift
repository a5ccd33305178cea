import CloudStore

extension ComputeSchema {
    /// Aggregates, server groups, and what the scheduler keeps in memory of hosts.
    static let hosts = Migration(3, "aggregates, server groups and details of hosts", [
        "ALTER TABLE compute_hosts ADD COLUMN number BIGINT NOT NULL DEFAULT 0",
        """
        UPDATE compute_hosts SET number = (SELECT COUNT(*) FROM compute_hosts h
            WHERE h.created_at < compute_hosts.created_at OR h.created_at = compute_hosts.created_at AND h.id <= compute_hosts.id)
        """,
        "ALTER TABLE compute_hosts ADD COLUMN uptime TEXT",
        "ALTER TABLE compute_hosts ADD COLUMN details TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE compute_hosts ADD COLUMN change BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX compute_hosts_by_change ON compute_hosts (change)",
        // How often each kind of thing has changed, so that a copy in memory can tell what of it is old.
        "CREATE TABLE compute_host_changes (kind TEXT PRIMARY KEY, number BIGINT NOT NULL)",
        """
        CREATE TABLE compute_aggregates (
            id BIGINT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, metadata TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        """
        CREATE TABLE compute_aggregate_hosts (
            aggregate_id BIGINT NOT NULL REFERENCES compute_aggregates (id) ON DELETE CASCADE, host TEXT NOT NULL,
            PRIMARY KEY (aggregate_id, host))
        """,
        "CREATE INDEX compute_aggregate_hosts_by_host ON compute_aggregate_hosts (host)",
        // Numbers that are never given twice, whatever was deleted since.
        "CREATE TABLE compute_numbers (kind TEXT PRIMARY KEY, last BIGINT NOT NULL)",
        """
        INSERT INTO compute_numbers (kind, last) SELECT 'host', COALESCE(MAX(number), 0) FROM compute_hosts
        """,
        """
        CREATE TABLE compute_controllers (
            id TEXT PRIMARY KEY, number BIGINT NOT NULL, host TEXT NOT NULL, binary_name TEXT NOT NULL,
            seen_at BIGINT NOT NULL, created_at BIGINT NOT NULL, UNIQUE (host, binary_name))
        """,
        """
        CREATE TABLE compute_server_groups (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL, policy TEXT NOT NULL,
            maximum_per_host BIGINT, created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX compute_server_groups_by_project ON compute_server_groups (project_id, created_at, id)",
        """
        CREATE TABLE compute_server_group_members (
            server_id TEXT PRIMARY KEY REFERENCES compute_servers (id) ON DELETE CASCADE,
            group_id TEXT NOT NULL REFERENCES compute_server_groups (id) ON DELETE CASCADE)
        """,
        "CREATE INDEX compute_server_group_members_by_group ON compute_server_group_members (group_id)",
        "CREATE INDEX compute_servers_by_task ON compute_servers (task, host) WHERE task IS NOT NULL AND deleted_at IS NULL",
    ])
}
