import CloudStore

/// Compute's tables.
enum ComputeSchema {
    static let migrations = MigrationSet(module: "compute", [
        Migration(1, "flavors, key pairs, hosts and servers", [
            """
            CREATE TABLE compute_flavors (
                id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, vcpus BIGINT NOT NULL, memory_mib BIGINT NOT NULL,
                disk_gib BIGINT NOT NULL, ephemeral_gib BIGINT NOT NULL, swap_mib BIGINT NOT NULL,
                rxtx_factor DOUBLE PRECISION NOT NULL, is_public BIGINT NOT NULL, is_disabled BIGINT NOT NULL,
                description TEXT, extra_specs TEXT NOT NULL)
            """,
            """
            CREATE TABLE compute_flavor_access (
                flavor_id TEXT NOT NULL REFERENCES compute_flavors (id) ON DELETE CASCADE, project_id TEXT NOT NULL,
                PRIMARY KEY (flavor_id, project_id))
            """,
            """
            CREATE TABLE compute_keypairs (
                id BIGINT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
                public_key TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at BIGINT NOT NULL,
                UNIQUE (user_id, name))
            """,
            """
            CREATE TABLE compute_hosts (
                id TEXT PRIMARY KEY, service_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
                hypervisor_type TEXT NOT NULL, hypervisor_version BIGINT NOT NULL, vcpus BIGINT NOT NULL,
                memory_mib BIGINT NOT NULL, disk_gib BIGINT NOT NULL, cpu_info TEXT NOT NULL,
                is_disabled BIGINT NOT NULL, disabled_reason TEXT, is_forced_down BIGINT NOT NULL,
                seen_at BIGINT NOT NULL, created_at BIGINT NOT NULL)
            """,
            """
            CREATE TABLE compute_servers (
                id TEXT PRIMARY KEY, number BIGINT NOT NULL UNIQUE, name TEXT NOT NULL, project_id TEXT NOT NULL,
                user_id TEXT NOT NULL, flavor_id TEXT NOT NULL, flavor TEXT NOT NULL, image_id TEXT NOT NULL,
                image TEXT NOT NULL, key_name TEXT, public_key TEXT, key_type TEXT, host_name TEXT NOT NULL,
                description TEXT, metadata TEXT NOT NULL, user_data TEXT, config_drive BIGINT NOT NULL,
                security_groups TEXT NOT NULL, availability_zone TEXT, reservation_id TEXT NOT NULL,
                launch_index BIGINT NOT NULL, state TEXT NOT NULL, task TEXT, power BIGINT NOT NULL, host TEXT,
                fault TEXT, vcpus BIGINT NOT NULL, memory_mib BIGINT NOT NULL, created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL, launched_at BIGINT, deleted_at BIGINT)
            """,
            "CREATE INDEX compute_servers_by_project ON compute_servers (project_id, created_at, id) WHERE deleted_at IS NULL",
            "CREATE INDEX compute_servers_by_time ON compute_servers (created_at, id)",
            "CREATE INDEX compute_servers_by_host ON compute_servers (host) WHERE deleted_at IS NULL",
            """
            CREATE TABLE compute_actions (
                server_id TEXT NOT NULL REFERENCES compute_servers (id) ON DELETE CASCADE, request_id TEXT NOT NULL,
                action TEXT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL, message TEXT,
                started_at BIGINT NOT NULL, finished_at BIGINT, PRIMARY KEY (server_id, request_id))
            """,
            """
            CREATE TABLE compute_quotas (
                project_id TEXT NOT NULL, resource TEXT NOT NULL, maximum BIGINT NOT NULL,
                PRIMARY KEY (project_id, resource))
            """,
        ]),
        catalog,
        hosts,
        moves,
        attachments,
        Migration(7, "servers' locks and details", [
            "ALTER TABLE compute_servers ADD COLUMN is_locked BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE compute_servers ADD COLUMN details TEXT NOT NULL DEFAULT '{}'",
        ]),
        blockDevices,
        sortedDetails,
        usageAudits,
    ])
}
