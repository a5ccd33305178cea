import CloudCore
import CloudStore

/// The tables of volume types and what belongs to them.
enum CatalogueSchema {
    static let types = Migration(2, "volume types, QoS specs and default types", [
        """
        CREATE TABLE volume_qos_specs (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, consumer TEXT NOT NULL, specs TEXT NOT NULL, created_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE volume_types (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT, is_public BIGINT NOT NULL, extra_specs TEXT NOT NULL,
            qos_specs_id TEXT REFERENCES volume_qos_specs (id), encryption TEXT, created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volume_types_by_time ON volume_types (created_at, id)",
        "CREATE INDEX volume_types_by_qos ON volume_types (qos_specs_id)",
        """
        CREATE TABLE volume_type_access (
            type_id TEXT NOT NULL REFERENCES volume_types (id) ON DELETE CASCADE, project_id TEXT NOT NULL,
            PRIMARY KEY (type_id, project_id))
        """,
        """
        CREATE TABLE volume_default_types (
            project_id TEXT PRIMARY KEY, type_id TEXT NOT NULL REFERENCES volume_types (id))
        """,
        "CREATE INDEX volume_default_types_by_type ON volume_default_types (type_id)",
        """
        INSERT INTO volume_types (id, name, description, is_public, extra_specs, created_at)
        VALUES (\(Identifier.uuid()), \(VolumeType.defaultName), 'Default Volume Type', 1, '{}', \(Timestamp.now))
        """,
    ])
}
