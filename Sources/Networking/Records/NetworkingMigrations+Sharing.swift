import CloudStore

// Sharing, subnet pools and segments.
extension NetworkingMigrations {
    static let sharing: [SQL] = rbac + subnetPools + autoAllocation + segments

    private static let rbac: [SQL] = [
        """
        CREATE TABLE network_rbac (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
            target_project TEXT NOT NULL, action TEXT NOT NULL, UNIQUE (object_id, action, target_project))
        """,
        "CREATE INDEX network_rbac_by_target ON network_rbac (target_project, action, object_id)",
        "CREATE INDEX network_rbac_by_project ON network_rbac (project_id)",
        // What the column said becomes policies for everyone. Their ids are the networks', and the networks' with the
        // parts in another order: no function makes ids in both databases.
        """
        INSERT INTO network_rbac (id, project_id, object_type, object_id, target_project, action)
        SELECT id, project_id, 'network', id, '*', 'access_as_shared' FROM networks WHERE shared = 1
        """,
        """
        INSERT INTO network_rbac (id, project_id, object_type, object_id, target_project, action)
        SELECT substr(id, 25, 8) || substr(id, 9, 16) || substr(id, 33, 4) || substr(id, 1, 8), project_id, 'network', id,
            '*', 'access_as_external'
        FROM networks WHERE external = 1
        """,
        "ALTER TABLE networks DROP COLUMN shared",
    ]

    private static let segments: [SQL] = [
        """
        CREATE TABLE network_segments (
            id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE, name TEXT,
            description TEXT NOT NULL, network_type TEXT NOT NULL, physical_network TEXT, segmentation_id BIGINT,
            segment_key TEXT UNIQUE, segment_index BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX network_segments_by_network ON network_segments (network_id)",
        "CREATE INDEX network_segments_by_number ON network_segments (network_type, segmentation_id)",
        // The first segment of a network that was there before has the network's id.
        """
        INSERT INTO network_segments (id, network_id, description, network_type, physical_network, segmentation_id,
            segment_key, segment_index, created_at, updated_at, revision_number)
        SELECT id, id, '', network_type, physical_network, segmentation_id, segment_key, 0, created_at, updated_at, 1
        FROM networks
        """,
        """
        CREATE TABLE network_segment_ranges (
            id TEXT PRIMARY KEY, project_id TEXT, name TEXT NOT NULL, description TEXT NOT NULL, is_default BIGINT NOT NULL,
            shared BIGINT NOT NULL, network_type TEXT NOT NULL, physical_network TEXT, minimum BIGINT NOT NULL,
            maximum BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX network_segment_ranges_by_type ON network_segment_ranges (network_type)",
        "ALTER TABLE subnets ADD COLUMN segment_id TEXT REFERENCES network_segments (id)",
        "CREATE INDEX subnets_by_segment ON subnets (segment_id)",
    ]

    private static let autoAllocation: [SQL] = [
        """
        CREATE TABLE auto_allocated_topologies (
            project_id TEXT PRIMARY KEY, network_id TEXT REFERENCES networks (id) ON DELETE CASCADE,
            router_id TEXT REFERENCES routers (id) ON DELETE SET NULL)
        """,
        "CREATE INDEX auto_allocated_topologies_by_network ON auto_allocated_topologies (network_id)",
        "CREATE INDEX auto_allocated_topologies_by_router ON auto_allocated_topologies (router_id)",
    ]

    private static let subnetPools: [SQL] = [
        """
        CREATE TABLE address_scopes (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, ip_version BIGINT NOT NULL)
        """,
        "CREATE INDEX address_scopes_by_project ON address_scopes (project_id)",
        """
        CREATE TABLE subnet_pools (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            prefixes TEXT NOT NULL, ip_version BIGINT NOT NULL, min_prefixlen BIGINT NOT NULL,
            max_prefixlen BIGINT NOT NULL, default_prefixlen BIGINT NOT NULL, default_quota BIGINT,
            is_default BIGINT NOT NULL, address_scope_id TEXT REFERENCES address_scopes (id), cuts BIGINT NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX subnet_pools_by_project ON subnet_pools (project_id)",
        "CREATE INDEX subnet_pools_by_scope ON subnet_pools (address_scope_id)",
        "ALTER TABLE subnets ADD COLUMN subnetpool_id TEXT REFERENCES subnet_pools (id)",
        "CREATE INDEX subnets_by_pool ON subnets (subnetpool_id)",
    ]
}
