import CloudPolicy

extension NeutronPolicy {
    /// The default rules of routers and floating IPs, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let routerRules = [
        rule("create_floatingip", adminOrMember, "Create a floating IP"),
        rule(
            "create_floatingip:floating_ip_address",
            adminOrManager,
            "Set `floating_ip_address` as a floating IP is created"),
        rule("create_floatingip:router_id", adminOrMember, "Set `router_id` as a floating IP is created"),
        rule("create_floatingip:tags", adminOrMember, "Tag a floating IP as it is created"),
        rule("get_floatingip", adminOrReader, "See a floating IP"),
        rule("get_floatingip:tags", adminOrReader, "See the tags of a floating IP"),
        rule("update_floatingip", adminOrMember, "Change a floating IP"),
        rule("update_floatingip:router_id", adminOrMember, "Change `router_id` of a floating IP"),
        rule("update_floatingip:tags", adminOrMember, "Tag a floating IP"),
        rule("delete_floatingip", adminOrMember, "Delete a floating IP"),
        rule("delete_floatingip:tags", adminOrMember, "Untag a floating IP"),
        rule("get_floatingip_pool", adminOrReader, "See floating IP pools"),
        rule("create_router", adminOrMember, "Create a router"),
        rule(
            "create_router:external_gateway_info",
            adminOrMember,
            "Set `external_gateway_info` as a router is created"),
        rule(
            "create_router:external_gateway_info:network_id",
            adminOrMember,
            "Set `external_gateway_info:network_id` as a router is created"),
        rule(
            "create_router:external_gateway_info:enable_snat",
            admin,
            "Set `external_gateway_info:enable_snat` as a router is created"),
        rule(
            "create_router:external_gateway_info:external_fixed_ips",
            admin,
            "Set `external_gateway_info:external_fixed_ips` as a router is created"),
        rule("create_router:tags", adminOrMember, "Tag a router as it is created"),
        rule("get_router", adminOrReader, "See a router"),
        rule("get_router:tags", adminOrReader, "See the tags of a router"),
        rule("update_router", adminOrMember, "Change a router"),
        rule("update_router:external_gateway_info", adminOrMember, "Change `external_gateway_info` of a router"),
        rule(
            "update_router:external_gateway_info:network_id",
            adminOrMember,
            "Change `external_gateway_info:network_id` of a router"),
        rule(
            "update_router:external_gateway_info:enable_snat",
            admin,
            "Change `external_gateway_info:enable_snat` of a router"),
        rule(
            "update_router:external_gateway_info:external_fixed_ips",
            admin,
            "Change `external_gateway_info:external_fixed_ips` of a router"),
        rule("update_router:tags", adminOrMember, "Tag a router"),
        rule("delete_router", adminOrMember, "Delete a router"),
        rule("delete_router:tags", adminOrMember, "Untag a router"),
        rule("add_router_interface", adminOrMember, "Add a router interface"),
        rule("remove_router_interface", adminOrMember, "Remove a router interface"),
        rule("add_extraroutes", adminOrMember, "Add extra routes"),
        rule("remove_extraroutes", adminOrMember, "Remove extra routes"),
    ]
}
