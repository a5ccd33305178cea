import CloudPolicy

extension NeutronPolicy {
    /// The default rules of networks, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let networkRules = [
        rule("create_network", adminOrMember, "Create a network"),
        rule("create_network:shared", admin, "Set `shared` as a network is created"),
        rule("create_network:router:external", admin, "Set `router:external` as a network is created"),
        rule("create_network:is_default", admin, "Set `is_default` as a network is created"),
        rule(
            "create_network:port_security_enabled",
            adminOrMember,
            "Set `port_security_enabled` as a network is created"),
        rule("create_network:provider:network_type", admin, "Set `provider:network_type` as a network is created"),
        rule(
            "create_network:provider:physical_network",
            admin,
            "Set `provider:physical_network` as a network is created"),
        rule(
            "create_network:provider:segmentation_id",
            admin,
            "Set `provider:segmentation_id` as a network is created"),
        rule("create_network:pvlan", adminOrMember, "Set `pvlan` as a network is created"),
        rule("create_network:tags", adminOrMember, "Tag a network as it is created"),
        rule(
            "get_network",
            "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:service_api or rule:shared "
                + "or rule:external or rule:context_is_advsvc",
            "See a network"),
        rule("get_network:provider:network_type", admin, "See `provider:network_type` of a network"),
        rule("get_network:provider:physical_network", admin, "See `provider:physical_network` of a network"),
        rule("get_network:provider:segmentation_id", admin, "See `provider:segmentation_id` of a network"),
        rule(
            "get_network:tags",
            "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared or rule:external or "
                + "rule:context_is_advsvc",
            "See the tags of a network"),
        rule("get_network:pvlan", adminOrReader, "See `pvlan` of a network"),
        rule("update_network", adminOrMember, "Change a network"),
        rule("update_network:shared", admin, "Change `shared` of a network"),
        rule("update_network:provider:network_type", admin, "Change `provider:network_type` of a network"),
        rule("update_network:provider:physical_network", admin, "Change `provider:physical_network` of a network"),
        rule("update_network:provider:segmentation_id", admin, "Change `provider:segmentation_id` of a network"),
        rule("update_network:router:external", admin, "Change `router:external` of a network"),
        rule("update_network:is_default", admin, "Change `is_default` of a network"),
        rule("update_network:port_security_enabled", adminOrMember, "Change `port_security_enabled` of a network"),
        rule("update_network:pvlan", adminOrMember, "Change `pvlan` of a network"),
        rule("update_network:tags", adminOrMember, "Tag a network"),
        rule("delete_network", adminOrMember, "Delete a network"),
        rule("delete_network:tags", adminOrMember, "Untag a network"),
        rule("get_network_ip_availability", adminOrService, "See a network's address usage"),
    ]
}
