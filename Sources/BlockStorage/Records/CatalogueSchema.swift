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

    static let groups = Migration(3, "groups of volumes, their types and snapshots", [
        """
        CREATE TABLE volume_group_types (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT, is_public BIGINT NOT NULL, specs TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        """
        CREATE TABLE volume_group_type_access (
            type_id TEXT NOT NULL REFERENCES volume_group_types (id) ON DELETE CASCADE, project_id TEXT NOT NULL,
            PRIMARY KEY (type_id, project_id))
        """,
        """
        INSERT INTO volume_group_types (id, name, description, is_public, specs, created_at)
        VALUES (\(Identifier.uuid()), \(GroupType.consistencyName), 'Default group type for migrating cgsnapshot', 1,
            '{"consistent_group_snapshot_enabled":"<is> True"}', \(Timestamp.now))
        """,
        """
        CREATE TABLE volume_groups (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, description TEXT,
            type_id TEXT NOT NULL REFERENCES volume_group_types (id), status TEXT NOT NULL, availability_zone TEXT NOT NULL, host TEXT,
            group_snapshot_id TEXT, source_group_id TEXT, volume_types TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volume_groups_by_project ON volume_groups (project_id, created_at, id)",
        "CREATE INDEX volume_groups_by_type ON volume_groups (type_id)",
        """
        CREATE TABLE volume_group_volume_types (
            group_id TEXT NOT NULL REFERENCES volume_groups (id) ON DELETE CASCADE,
            type_id TEXT NOT NULL REFERENCES volume_types (id), PRIMARY KEY (group_id, type_id))
        """,
        "CREATE INDEX volume_group_volume_types_by_type ON volume_group_volume_types (type_id)",
        """
        CREATE TABLE volume_group_snapshots (
            id TEXT PRIMARY KEY, group_id TEXT NOT NULL REFERENCES volume_groups (id), group_type_id TEXT NOT NULL,
            project_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, description TEXT, status TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volume_group_snapshots_by_project ON volume_group_snapshots (project_id, created_at, id)",
        "CREATE INDEX volume_group_snapshots_by_group ON volume_group_snapshots (group_id)",
    ])

    static let messages = Migration(4, "messages to users", [
        """
        CREATE TABLE volume_messages (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, request_id TEXT, resource_type TEXT NOT NULL, resource_id TEXT,
            action TEXT NOT NULL, detail TEXT NOT NULL, level TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)
        """,
        "CREATE INDEX volume_messages_by_project ON volume_messages (project_id, created_at, id)",
        "CREATE INDEX volume_messages_by_expiry ON volume_messages (expires_at)",
    ])

    static let settling = Migration(5, "groups whose status follows from their parts", [
        "ALTER TABLE volume_groups ADD COLUMN is_settling BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE volume_group_snapshots ADD COLUMN is_settling BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX volume_groups_settling ON volume_groups (id) WHERE is_settling = 1",
        "CREATE INDEX volume_group_snapshots_settling ON volume_group_snapshots (id) WHERE is_settling = 1",
    ])
}
