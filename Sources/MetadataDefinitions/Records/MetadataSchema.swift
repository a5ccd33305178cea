import CloudStore

/// The catalogue's tables.
enum MetadataSchema {
    static let migrations = MigrationSet(module: "metadata_definitions", [
        Migration(1, "metadata definitions", [
            """
            CREATE TABLE metadef_namespaces (
                id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, display_name TEXT, description TEXT, visibility TEXT NOT NULL,
                protected BIGINT NOT NULL, owner TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
            """,
            "CREATE INDEX metadef_namespaces_by_time ON metadef_namespaces (created_at, id)",
            """
            CREATE TABLE metadef_resource_types (
                name TEXT PRIMARY KEY, protected BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
            """,
            """
            CREATE TABLE metadef_associations (
                namespace_id TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE,
                resource_type TEXT NOT NULL REFERENCES metadef_resource_types (name), prefix TEXT, properties_target TEXT,
                created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (namespace_id, resource_type))
            """,
            "CREATE INDEX metadef_associations_by_type ON metadef_associations (resource_type, namespace_id)",
            // Objects, properties and tags: each kind has names of its own within a namespace.
            """
            CREATE TABLE metadef_items (
                namespace_id TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE, kind TEXT NOT NULL,
                name TEXT NOT NULL, body TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
                PRIMARY KEY (namespace_id, kind, name))
            """,
        ])
    ])
}
