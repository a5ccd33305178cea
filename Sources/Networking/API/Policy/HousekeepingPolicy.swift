import CloudPolicy

extension NeutronPolicy {
    /// The default rules of quotas, agents and availability zones, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let housekeepingRules = [
        rule("get_agent", admin, "See an agent"),
        rule("update_agent", admin, "Change an agent"),
        rule("delete_agent", admin, "Delete an agent"),
        rule("create_dhcp-network", admin, "Put a network on a DHCP agent"),
        rule("get_dhcp-networks", admin, "See a DHCP agent's networks"),
        rule("delete_dhcp-network", admin, "Take a network from a DHCP agent"),
        rule("create_l3-router", admin, "Put a router on an L3 agent"),
        rule("get_l3-routers", admin, "See an L3 agent's routers"),
        rule("update_l3-router", admin, "Change a router's place on an L3 agent"),
        rule("delete_l3-router", admin, "Take a router from an L3 agent"),
        rule("get_dhcp-agents", admin, "See a network's DHCP agents"),
        rule("get_l3-agents", admin, "See a router's L3 agents"),
        rule("get_availability_zone", "role:reader", "See availability zones"),
        rule("get_quota", adminOrManager, "See a project's quotas"),
        rule("update_quota", admin, "Change a project's quotas"),
        rule("delete_quota", admin, "Delete a project's quotas"),
    ]
}
