import CloudStore

extension ComputeSchema {
    /// What the catalogue, quotas and the small things that hang on servers need beyond the first tables.
    static let catalog = Migration(2, "tags, passwords, console tokens, quotas of users and classes, flavors' times", [
        """
        CREATE TABLE compute_server_tags (
            server_id TEXT NOT NULL REFERENCES compute_servers (id) ON DELETE CASCADE, tag TEXT NOT NULL,
            PRIMARY KEY (server_id, tag))
        """,
        "CREATE INDEX compute_server_tags_by_tag ON compute_server_tags (tag, server_id)",
        """
        CREATE TABLE compute_server_passwords (
            server_id TEXT PRIMARY KEY REFERENCES compute_servers (id) ON DELETE CASCADE, password TEXT NOT NULL)
        """,
        """
        CREATE TABLE compute_console_tokens (
            digest TEXT PRIMARY KEY, server_id TEXT NOT NULL REFERENCES compute_servers (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, host TEXT NOT NULL, port BIGINT NOT NULL, tls_port BIGINT, internal_access_path TEXT,
            expires_at BIGINT NOT NULL)
        """,
        "CREATE INDEX compute_console_tokens_by_server ON compute_console_tokens (server_id)",
        "CREATE INDEX compute_console_tokens_by_expiry ON compute_console_tokens (expires_at)",
        """
        CREATE TABLE compute_user_quotas (
            project_id TEXT NOT NULL, user_id TEXT NOT NULL, resource TEXT NOT NULL, maximum BIGINT NOT NULL,
            PRIMARY KEY (project_id, user_id, resource))
        """,
        """
        CREATE TABLE compute_quota_classes (
            class TEXT NOT NULL, resource TEXT NOT NULL, maximum BIGINT NOT NULL, PRIMARY KEY (class, resource))
        """,
        "ALTER TABLE compute_flavors ADD COLUMN number BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE compute_flavors ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE compute_flavors ADD COLUMN updated_at BIGINT",
        "CREATE INDEX compute_servers_by_user ON compute_servers (project_id, user_id) WHERE deleted_at IS NULL",
    ])
}
