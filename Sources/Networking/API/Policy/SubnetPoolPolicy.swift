import CloudPolicy

extension NeutronPolicy {
    private static let readerOrShared =
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_subnetpools"

    /// The default rules of subnet pools, address scopes and what is made of them, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let subnetPoolRules = [
        PolicyRule("shared_subnetpools", "field:subnetpools:shared=True", "Shared subnet pools"),
        rule("create_subnetpool", adminOrMember, "Create a subnet pool"),
        rule("create_subnetpool:shared", admin, "Create a shared subnet pool"),
        rule("create_subnetpool:is_default", admin, "Set `is_default` as a subnet pool is created"),
        rule("create_subnetpool:tags", adminOrMember, "Tag a subnet pool as it is created"),
        rule("get_subnetpool", readerOrShared, "See a subnet pool"),
        rule("get_subnetpool:tags", readerOrShared, "See the tags of a subnet pool"),
        rule("update_subnetpool", adminOrMember, "Change a subnet pool"),
        rule("update_subnetpool:is_default", admin, "Change `is_default` of a subnet pool"),
        rule("update_subnetpool:tags", adminOrMember, "Tag a subnet pool"),
        rule("delete_subnetpool", adminOrMember, "Delete a subnet pool"),
        rule("delete_subnetpool:tags", adminOrMember, "Untag a subnet pool"),
        rule("onboard_network_subnets", adminOrMember, "Move a network's subnets into a subnet pool"),
        rule("add_prefixes", adminOrMember, "Add prefixes to a subnet pool"),
        rule("remove_prefixes", adminOrMember, "Remove prefixes from a subnet pool"),
        PolicyRule("shared_address_scopes", "field:address_scopes:shared=True", "Shared address scopes"),
        rule("create_address_scope", adminOrMember, "Create an address scope"),
        rule("create_address_scope:shared", admin, "Create a shared address scope"),
        rule(
            "get_address_scope",
            "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_address_scopes",
            "See an address scope"),
        rule("update_address_scope", adminOrMember, "Change an address scope"),
        rule("update_address_scope:shared", admin, "Share an address scope"),
        rule("delete_address_scope", adminOrMember, "Delete an address scope"),
        rule("get_auto_allocated_topology", adminOrReader, "See or make a project's auto-allocated topology"),
        rule("delete_auto_allocated_topology", adminOrMember, "Delete a project's auto-allocated topology"),
    ]
}
