import CloudStore

// Port attributes, quality of service and trunks.
extension NetworkingMigrations {
    static let portServices: [SQL] = qos + portExtras + trunks

    private static let qos: [SQL] = [
        """
        CREATE TABLE qos_policies (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            default_of TEXT UNIQUE,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX qos_policies_by_project ON qos_policies (project_id)",
        """
        CREATE TABLE qos_rules (
            id TEXT PRIMARY KEY, policy_id TEXT NOT NULL REFERENCES qos_policies (id) ON DELETE CASCADE,
            type TEXT NOT NULL, direction TEXT NOT NULL, value BIGINT NOT NULL, burst BIGINT NOT NULL,
            UNIQUE (policy_id, type, direction))
        """,
        "ALTER TABLE networks ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id)",
        "CREATE INDEX networks_by_qos_policy ON networks (qos_policy_id)",
        "ALTER TABLE floating_ips ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id)",
        "CREATE INDEX floating_ips_by_qos_policy ON floating_ips (qos_policy_id)",
        "ALTER TABLE routers ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id)",
        "CREATE INDEX routers_by_qos_policy ON routers (qos_policy_id)",
    ]

    private static let portExtras: [SQL] = [
        "ALTER TABLE ports ADD COLUMN extra_dhcp_opts TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE ports ADD COLUMN hints TEXT",
        "ALTER TABLE ports ADD COLUMN device_profile TEXT",
        "ALTER TABLE ports ADD COLUMN numa_affinity_policy TEXT",
        "ALTER TABLE ports ADD COLUMN propagate_uplink_status BIGINT NOT NULL DEFAULT 1",
        "ALTER TABLE ports ADD COLUMN trusted BIGINT",
        "ALTER TABLE ports ADD COLUMN dns_domain TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE ports ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id)",
        "CREATE INDEX ports_by_qos_policy ON ports (qos_policy_id)",
        "ALTER TABLE subnets ADD COLUMN dns_publish_fixed_ip BIGINT NOT NULL DEFAULT 0",
        """
        CREATE TABLE port_bindings (
            port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE, host TEXT NOT NULL,
            profile TEXT NOT NULL, vnic_type TEXT NOT NULL, is_bound BIGINT NOT NULL, PRIMARY KEY (port_id, host))
        """,
    ]

    /// Ports are listed by id unless a client says otherwise: with the id in the index, nothing is sorted.
    static let portOrder: [SQL] = [
        "DROP INDEX ports_by_project",
        "CREATE INDEX ports_by_project ON ports (project_id, id)",
        "CREATE INDEX ports_by_network ON ports (network_id, id)",
    ]

    private static let trunks: [SQL] = [
        """
        CREATE TABLE trunks (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            port_id TEXT NOT NULL UNIQUE REFERENCES ports (id), admin_state_up BIGINT NOT NULL, status TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX trunks_by_project ON trunks (project_id)",
        """
        CREATE TABLE trunk_subports (
            port_id TEXT PRIMARY KEY REFERENCES ports (id), trunk_id TEXT NOT NULL REFERENCES trunks (id) ON DELETE CASCADE,
            segmentation_type TEXT NOT NULL, segmentation_id BIGINT NOT NULL, position BIGINT NOT NULL,
            UNIQUE (trunk_id, segmentation_type, segmentation_id))
        """,
    ]
}
