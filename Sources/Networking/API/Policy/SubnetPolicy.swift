import CloudPolicy

extension NeutronPolicy {
    /// The default rules of subnets, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let subnetRules = [
        rule("create_subnet", "(rule:admin_only) or (role:member and rule:network_owner)", "Create a subnet"),
        rule("create_subnet:service_types", admin, "Set `service_types` as a subnet is created"),
        rule(
            "create_subnet:tags",
            "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)",
            "Tag a subnet as it is created"),
        rule(
            "get_subnet",
            "role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or "
                + "(rule:admin_only) or (role:reader and rule:network_owner) or rule:service_api",
            "See a subnet"),
        rule(
            "get_subnet:tags",
            "role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or "
                + "(rule:admin_only) or (role:reader and rule:network_owner)",
            "See the tags of a subnet"),
        rule(
            "update_subnet",
            "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)",
            "Change a subnet"),
        rule("update_subnet:service_types", admin, "Change `service_types` of a subnet"),
        rule(
            "update_subnet:tags",
            "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)",
            "Tag a subnet"),
        rule(
            "delete_subnet",
            "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)",
            "Delete a subnet"),
        rule(
            "delete_subnet:tags",
            "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)",
            "Untag a subnet"),
    ]
}
