import CloudStore

/// Block storage's tables. Each area has a migration of its own, added here in one line: 2 to 9 are the catalogue's (types,
/// groups, messages …), 10 to 19 those of backups, transfers and management; later changes follow from 20 on.
enum BlockStorageSchema {
    static let migrations = MigrationSet(module: "block-storage", [
        volumes,
        CatalogueSchema.types,
        CatalogueSchema.groups,
        CatalogueSchema.messages,
        CatalogueSchema.settling,
        BackupRecords.migration,
        TransferRecords.migration,
        VolumeRecords.unmadeIndex,
        attachedQoS,
    ])

    private static let attachedQoS = Migration(21, "QoS specs that attachments keep", [
        "ALTER TABLE volume_attachments ADD COLUMN qos_specs TEXT",
    ])

    private static let volumes = Migration(1, "volumes, snapshots, attachments, hosts and quotas", [
        """
        CREATE TABLE volumes (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, description TEXT, size BIGINT NOT NULL,
            growth BIGINT NOT NULL, status TEXT NOT NULL, previous_status TEXT, attach_status TEXT NOT NULL, migration_status TEXT,
            type_id TEXT NOT NULL,
            snapshot_id TEXT, source_id TEXT, group_id TEXT, availability_zone TEXT NOT NULL, host TEXT, is_bootable BIGINT NOT NULL,
            is_multiattach BIGINT NOT NULL, encryption_key_id TEXT, uses_quota BIGINT NOT NULL, metadata TEXT NOT NULL,
            image_metadata TEXT NOT NULL, details TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volumes_by_project ON volumes (project_id, created_at, id)",
        "CREATE INDEX volumes_by_time ON volumes (created_at, id)",
        "CREATE INDEX volumes_by_host ON volumes (host)",
        "CREATE INDEX volumes_by_type ON volumes (type_id)",
        "CREATE INDEX volumes_by_group ON volumes (group_id)",
        """
        CREATE TABLE volume_snapshots (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, description TEXT,
            volume_id TEXT NOT NULL REFERENCES volumes (id), volume_size BIGINT NOT NULL, status TEXT NOT NULL, progress TEXT,
            metadata TEXT NOT NULL, group_snapshot_id TEXT, type_id TEXT NOT NULL, uses_quota BIGINT NOT NULL, details TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT)
        """,
        "CREATE INDEX volume_snapshots_by_project ON volume_snapshots (project_id, created_at, id)",
        "CREATE INDEX volume_snapshots_by_time ON volume_snapshots (created_at, id)",
        "CREATE INDEX volume_snapshots_by_volume ON volume_snapshots (volume_id)",
        "CREATE INDEX volume_snapshots_by_group ON volume_snapshots (group_snapshot_id)",
        """
        CREATE TABLE volume_attachments (
            id TEXT PRIMARY KEY, volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE CASCADE, project_id TEXT NOT NULL,
            server_id TEXT, host TEXT, device TEXT, status TEXT NOT NULL, mode TEXT NOT NULL, connector TEXT, connection TEXT,
            attached_at BIGINT, detached_at BIGINT, created_at BIGINT NOT NULL, is_held_by_compute BIGINT NOT NULL)
        """,
        "CREATE INDEX volume_attachments_by_volume ON volume_attachments (volume_id)",
        "CREATE INDEX volume_attachments_by_server ON volume_attachments (server_id)",
        "CREATE INDEX volume_attachments_by_project ON volume_attachments (project_id, created_at, id)",
        """
        CREATE TABLE volume_services (
            id TEXT PRIMARY KEY, service TEXT NOT NULL, host TEXT NOT NULL, availability_zone TEXT NOT NULL,
            is_disabled BIGINT NOT NULL, disabled_reason TEXT, is_frozen BIGINT NOT NULL, failure TEXT, seen_at BIGINT NOT NULL,
            created_at BIGINT NOT NULL, UNIQUE (service, host))
        """,
        """
        CREATE TABLE volume_pools (
            name TEXT PRIMARY KEY, service_id TEXT NOT NULL REFERENCES volume_services (id) ON DELETE CASCADE, report TEXT NOT NULL)
        """,
        "CREATE INDEX volume_pools_by_service ON volume_pools (service_id)",
        """
        CREATE TABLE volume_quotas (
            project_id TEXT NOT NULL, resource TEXT NOT NULL, maximum BIGINT NOT NULL, PRIMARY KEY (project_id, resource))
        """,
        """
        CREATE TABLE volume_quota_classes (
            class TEXT NOT NULL, resource TEXT NOT NULL, maximum BIGINT NOT NULL, PRIMARY KEY (class, resource))
        """,
    ])
}
