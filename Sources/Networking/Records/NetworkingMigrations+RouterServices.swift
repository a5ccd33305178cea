import CloudStore

// Gateways, port forwarding, flavors, metering and firewalls.
extension NetworkingMigrations {
    static let routerServices: [SQL] = routerOptions + flavors + metering + forwarding + firewalls

    private static let routerOptions: [SQL] = [
        "ALTER TABLE routers ADD COLUMN flavor_id TEXT",
        "ALTER TABLE routers ADD COLUMN default_route_ecmp BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE routers ADD COLUMN default_route_bfd BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX routers_by_flavor ON routers (flavor_id)",
        """
        CREATE TABLE router_agents (
            router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
            agent_id TEXT NOT NULL REFERENCES network_agents (id) ON DELETE CASCADE,
            priority BIGINT NOT NULL, PRIMARY KEY (router_id, agent_id), UNIQUE (router_id, priority))
        """,
        "CREATE INDEX router_agents_by_agent ON router_agents (agent_id)",
        """
        CREATE TABLE conntrack_helpers (
            id TEXT PRIMARY KEY, router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
            protocol TEXT NOT NULL, port BIGINT NOT NULL, helper TEXT NOT NULL, UNIQUE (router_id, protocol, port, helper))
        """,
    ]

    private static let flavors: [SQL] = [
        """
        CREATE TABLE network_flavors (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, service_type TEXT NOT NULL,
            enabled BIGINT NOT NULL)
        """,
        """
        CREATE TABLE service_profiles (
            id TEXT PRIMARY KEY, description TEXT NOT NULL, driver TEXT NOT NULL, metainfo TEXT NOT NULL,
            enabled BIGINT NOT NULL)
        """,
        """
        CREATE TABLE flavor_profiles (
            flavor_id TEXT NOT NULL REFERENCES network_flavors (id) ON DELETE CASCADE,
            profile_id TEXT NOT NULL REFERENCES service_profiles (id), bound_at BIGINT NOT NULL,
            PRIMARY KEY (flavor_id, profile_id))
        """,
        "CREATE INDEX flavor_profiles_by_profile ON flavor_profiles (profile_id)",
    ]

    private static let metering: [SQL] = [
        """
        CREATE TABLE metering_labels (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            shared BIGINT NOT NULL)
        """,
        "CREATE INDEX metering_labels_by_project ON metering_labels (project_id)",
        """
        CREATE TABLE metering_label_rules (
            id TEXT PRIMARY KEY, metering_label_id TEXT NOT NULL REFERENCES metering_labels (id) ON DELETE CASCADE,
            direction TEXT NOT NULL, excluded BIGINT NOT NULL, remote_ip_prefix TEXT, source_ip_prefix TEXT,
            destination_ip_prefix TEXT)
        """,
        "CREATE INDEX metering_label_rules_by_label ON metering_label_rules (metering_label_id)",
    ]

    private static let forwarding: [SQL] = [
        """
        CREATE TABLE port_forwardings (
            id TEXT PRIMARY KEY, floatingip_id TEXT NOT NULL REFERENCES floating_ips (id),
            internal_port_id TEXT NOT NULL REFERENCES ports (id), internal_ip_address TEXT NOT NULL,
            protocol TEXT NOT NULL, external_first BIGINT NOT NULL, external_last BIGINT NOT NULL,
            internal_first BIGINT NOT NULL, internal_last BIGINT NOT NULL, description TEXT NOT NULL)
        """,
        "CREATE INDEX port_forwardings_by_floating_ip ON port_forwardings (floatingip_id)",
        "CREATE INDEX port_forwardings_by_port ON port_forwardings (internal_port_id)",
    ]

    private static let firewalls: [SQL] = [
        """
        CREATE TABLE firewall_rules (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            shared BIGINT NOT NULL, protocol TEXT, ip_version BIGINT NOT NULL, source_ip_address TEXT,
            destination_ip_address TEXT, source_port TEXT, destination_port TEXT, action TEXT NOT NULL,
            enabled BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX firewall_rules_by_project ON firewall_rules (project_id)",
        """
        CREATE TABLE firewall_policies (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            shared BIGINT NOT NULL, audited BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX firewall_policies_by_project ON firewall_policies (project_id)",
        """
        CREATE TABLE firewall_policy_rules (
            policy_id TEXT NOT NULL REFERENCES firewall_policies (id) ON DELETE CASCADE,
            rule_id TEXT NOT NULL REFERENCES firewall_rules (id), position BIGINT NOT NULL,
            PRIMARY KEY (policy_id, rule_id))
        """,
        "CREATE INDEX firewall_policy_rules_by_rule ON firewall_policy_rules (rule_id)",
        """
        CREATE TABLE firewall_groups (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            shared BIGINT NOT NULL, admin_state_up BIGINT NOT NULL, default_of TEXT UNIQUE,
            ingress_policy_id TEXT REFERENCES firewall_policies (id),
            egress_policy_id TEXT REFERENCES firewall_policies (id),
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX firewall_groups_by_project ON firewall_groups (project_id)",
        "CREATE INDEX firewall_groups_by_ingress ON firewall_groups (ingress_policy_id)",
        "CREATE INDEX firewall_groups_by_egress ON firewall_groups (egress_policy_id)",
        """
        CREATE TABLE firewall_group_ports (
            port_id TEXT PRIMARY KEY REFERENCES ports (id) ON DELETE CASCADE,
            group_id TEXT NOT NULL REFERENCES firewall_groups (id) ON DELETE CASCADE)
        """,
        "CREATE INDEX firewall_group_ports_by_group ON firewall_group_ports (group_id)",
    ]
}
