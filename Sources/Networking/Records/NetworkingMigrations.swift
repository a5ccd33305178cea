import CloudStore

/// The tables of Networking.
enum NetworkingMigrations {
    static let all = MigrationSet(module: "networking", [
        Migration(1, "networks, subnets and ports", networks + ports),
        Migration(2, "security groups", securityGroups),
        Migration(3, "routers and floating IPs", routers),
        Migration(4, "tags, quotas, agents and pending topology changes", housekeeping),
        Migration(5, "sharing, subnet pools and segments", sharing),
        Migration(6, "port attributes, quality of service and trunks", portServices),
        Migration(7, "gateways, port forwarding, flavors, metering and firewalls", routerServices),
        Migration(8, "address groups, default rules and packet logs", groupServices),
        Migration(9, "tags of tunnelled networks", dataPlane),
        Migration(10, "ports in the order of lists", portOrder),
        Migration(11, "networks that carry guests' own tags", carriedTags),
        Migration(12, "descriptions of the first default rules", defaultRuleDescriptions),
        Migration(13, "private networks", privateNetworks),
        Migration(14, "ports that carry other ports' addresses", addressPairs),
    ])

    private static let networks: [SQL] = [
        """
        CREATE TABLE networks (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            admin_state_up BIGINT NOT NULL, shared BIGINT NOT NULL, external BIGINT NOT NULL, is_default BIGINT NOT NULL,
            network_type TEXT NOT NULL, physical_network TEXT, segmentation_id BIGINT, segment_key TEXT UNIQUE,
            mtu BIGINT NOT NULL, port_security_enabled BIGINT NOT NULL, dns_domain TEXT NOT NULL, zone_hints TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX networks_by_project ON networks (project_id)",
        "CREATE INDEX networks_by_name ON networks (name)",
        """
        CREATE TABLE subnets (
            id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), project_id TEXT NOT NULL,
            name TEXT NOT NULL, description TEXT NOT NULL, ip_version BIGINT NOT NULL, cidr TEXT NOT NULL, gateway_ip TEXT,
            pools TEXT NOT NULL, enable_dhcp BIGINT NOT NULL, dns_nameservers TEXT NOT NULL, host_routes TEXT NOT NULL,
            service_types TEXT NOT NULL, ipv6_ra_mode TEXT, ipv6_address_mode TEXT, next_address TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX subnets_by_network ON subnets (network_id)",
        "CREATE INDEX subnets_by_project ON subnets (project_id)",
    ]

    private static let ports: [SQL] = [
        """
        CREATE TABLE ports (
            id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), project_id TEXT NOT NULL,
            name TEXT NOT NULL, description TEXT NOT NULL, admin_state_up BIGINT NOT NULL, mac_address TEXT NOT NULL,
            status TEXT NOT NULL, device_id TEXT NOT NULL, device_owner TEXT NOT NULL, port_security_enabled BIGINT NOT NULL,
            allowed_pairs TEXT NOT NULL, host TEXT NOT NULL, binding_profile TEXT NOT NULL, vnic_type TEXT NOT NULL,
            dns_name TEXT NOT NULL, made_for_device BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL,
            UNIQUE (network_id, mac_address))
        """,
        "CREATE INDEX ports_by_project ON ports (project_id)",
        "CREATE INDEX ports_by_device ON ports (device_id)",
        "CREATE INDEX ports_by_host ON ports (host)",
        """
        CREATE TABLE ip_allocations (
            subnet_id TEXT NOT NULL REFERENCES subnets (id), address_key TEXT NOT NULL, address TEXT NOT NULL,
            network_id TEXT NOT NULL, port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
            given_at BIGINT NOT NULL, PRIMARY KEY (subnet_id, address_key))
        """,
        "CREATE INDEX ip_allocations_by_port ON ip_allocations (port_id)",
        "CREATE INDEX ip_allocations_by_address ON ip_allocations (address)",
    ]

    private static let securityGroups: [SQL] = [
        """
        CREATE TABLE security_groups (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            stateful BIGINT NOT NULL, default_of TEXT UNIQUE,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX security_groups_by_project ON security_groups (project_id, name)",
        """
        CREATE TABLE security_group_rules (
            id TEXT PRIMARY KEY, security_group_id TEXT NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
            project_id TEXT NOT NULL, direction TEXT NOT NULL, ethertype TEXT NOT NULL, protocol TEXT,
            port_range_min BIGINT, port_range_max BIGINT, remote_ip_prefix TEXT,
            remote_group_id TEXT REFERENCES security_groups (id) ON DELETE CASCADE, description TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL,
            UNIQUE (security_group_id, fingerprint))
        """,
        "CREATE INDEX security_group_rules_by_remote ON security_group_rules (remote_group_id)",
        "CREATE INDEX security_group_rules_by_project ON security_group_rules (project_id)",
        """
        CREATE TABLE port_security_groups (
            port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
            security_group_id TEXT NOT NULL REFERENCES security_groups (id), PRIMARY KEY (port_id, security_group_id))
        """,
        "CREATE INDEX port_security_groups_by_group ON port_security_groups (security_group_id)",
    ]

    private static let routers: [SQL] = [
        """
        CREATE TABLE routers (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            admin_state_up BIGINT NOT NULL, enable_snat BIGINT NOT NULL, gateway_port_id TEXT REFERENCES ports (id),
            routes TEXT NOT NULL, zone_hints TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX routers_by_project ON routers (project_id)",
        "CREATE INDEX routers_by_gateway ON routers (gateway_port_id)",
        """
        CREATE TABLE floating_ips (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, floating_network_id TEXT NOT NULL REFERENCES networks (id),
            floating_ip_address TEXT NOT NULL, floating_port_id TEXT NOT NULL REFERENCES ports (id),
            fixed_port_id TEXT REFERENCES ports (id), fixed_ip_address TEXT, router_id TEXT REFERENCES routers (id),
            dns_name TEXT NOT NULL, dns_domain TEXT NOT NULL, description TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL,
            UNIQUE (floating_network_id, fixed_port_id, fixed_ip_address))
        """,
        "CREATE INDEX floating_ips_by_project ON floating_ips (project_id)",
        "CREATE INDEX floating_ips_by_fixed_port ON floating_ips (fixed_port_id)",
        "CREATE INDEX floating_ips_by_floating_port ON floating_ips (floating_port_id)",
        "CREATE INDEX floating_ips_by_router ON floating_ips (router_id)",
    ]

    private static let housekeeping: [SQL] = [
        "CREATE TABLE network_tags (resource_id TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (resource_id, tag))",
        """
        CREATE TABLE network_quotas (
            project_id TEXT NOT NULL, resource TEXT NOT NULL, quota BIGINT NOT NULL, PRIMARY KEY (project_id, resource))
        """,
        """
        CREATE TABLE network_agents (
            id TEXT PRIMARY KEY, host TEXT NOT NULL UNIQUE, zone TEXT NOT NULL, admin_state_up BIGINT NOT NULL,
            description TEXT NOT NULL, configurations TEXT NOT NULL,
            created_at BIGINT NOT NULL, started_at BIGINT NOT NULL, heartbeat_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE topology_changes (
            kind TEXT NOT NULL, id TEXT NOT NULL, mark TEXT NOT NULL, marked_at BIGINT NOT NULL, PRIMARY KEY (kind, id))
        """,
    ]
}
