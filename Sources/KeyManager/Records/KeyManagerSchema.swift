import CloudCore
import CloudStore

/// The key manager's tables.
enum KeyManagerSchema {
    static let migrations = MigrationSet(
        module: "key-manager",
        [
            Migration(1, "secrets, containers, orders", secrets + containers + [orders] + others)
        ])

    private static let secrets: [SQL] = [
        """
        CREATE TABLE key_secrets (
            id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, creator_id TEXT NOT NULL, name TEXT, type TEXT NOT NULL,
            algorithm TEXT, bit_length BIGINT, mode TEXT, expires_at BIGINT, content_type TEXT, sealed_payload TEXT,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
        """,
        "CREATE INDEX key_secrets_project ON key_secrets (project_id, created_at, id)",
        """
        CREATE TABLE key_secret_metadata (
            secret_id TEXT NOT NULL REFERENCES key_secrets (id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (secret_id, name))
        """,
    ]

    private static let containers: [SQL] = [
        """
        CREATE TABLE key_containers (
            id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, creator_id TEXT NOT NULL, name TEXT, type TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
        """,
        "CREATE INDEX key_containers_project ON key_containers (project_id, created_at, id)",
        """
        CREATE TABLE key_container_secrets (
            container_id TEXT NOT NULL REFERENCES key_containers (id) ON DELETE CASCADE,
            secret_id TEXT NOT NULL REFERENCES key_secrets (id) ON DELETE CASCADE,
            position BIGINT NOT NULL, name TEXT, PRIMARY KEY (container_id, position))
        """,
        "CREATE INDEX key_container_secrets_secret ON key_container_secrets (secret_id)",
    ]

    private static let orders: SQL = """
        CREATE TABLE key_orders (
            id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, creator_id TEXT NOT NULL, type TEXT NOT NULL, meta TEXT NOT NULL,
            secret_id TEXT, container_id TEXT, error_status BIGINT, error_reason TEXT,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
        """

    /// What belongs to secrets and containers alike goes by the holder's id, which is unique among both.
    private static let others: [SQL] = [
        "CREATE INDEX key_orders_project ON key_orders (project_id, created_at, id)",
        """
        CREATE TABLE key_access_lists (
            holder_id TEXT NOT NULL PRIMARY KEY, project_access BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE key_access_users (
            holder_id TEXT NOT NULL REFERENCES key_access_lists (holder_id) ON DELETE CASCADE, user_id TEXT NOT NULL,
            PRIMARY KEY (holder_id, user_id))
        """,
        "CREATE INDEX key_access_users_user ON key_access_users (user_id)",
        """
        CREATE TABLE key_consumers (
            id TEXT NOT NULL PRIMARY KEY, holder_id TEXT NOT NULL, project_id TEXT NOT NULL, name TEXT NOT NULL,
            resource_type TEXT NOT NULL, reference TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
            UNIQUE (holder_id, name, resource_type, reference))
        """,
        "CREATE INDEX key_consumers_project ON key_consumers (project_id)",
        """
        CREATE TABLE key_quotas (
            project_id TEXT NOT NULL PRIMARY KEY, amounts TEXT NOT NULL, created_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE key_transport_keys (
            id TEXT NOT NULL PRIMARY KEY, plugin_name TEXT NOT NULL, transport_key TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
        """,
        "CREATE TABLE key_stores (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at BIGINT NOT NULL)",
        "CREATE TABLE key_preferred_stores (project_id TEXT NOT NULL PRIMARY KEY, store_id TEXT NOT NULL REFERENCES key_stores (id))",
        // The one store there is gets its identity when the tables are made.
        "INSERT INTO key_stores (id, name, created_at) VALUES (\(Identifier.uuid()), 'Embedded', \(Timestamp.now))",
    ]
}
