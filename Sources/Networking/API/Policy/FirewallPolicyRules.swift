import CloudPolicy

extension NeutronPolicy {
    private static let readable = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)"

    /// The default rules of firewalls, as upstream's `neutron_fwaas/policies` has them.
    static let firewallRules = [
        PolicyRule("shared_firewall_groups", "field:firewall_groups:shared=True", "Shared firewall groups"),
        PolicyRule("shared_firewall_policies", "field:firewall_policies:shared=True", "Shared firewall policies"),
        PolicyRule("shared_firewall_rules", "field:firewall_rules:shared=True", "Shared firewall rules"),
        rule("create_firewall_group", adminOrMember, "Create a firewall group"),
        rule("create_firewall_group:shared", admin, "Share a firewall group as it is created"),
        rule("get_firewall_group", "\(readable) or rule:shared_firewall_groups", "See a firewall group"),
        rule("update_firewall_group", adminOrMember, "Change a firewall group"),
        rule("update_firewall_group:shared", admin, "Share a firewall group"),
        rule("delete_firewall_group", adminOrMember, "Delete a firewall group"),
        rule("create_firewall_policy", adminOrMember, "Create a firewall policy"),
        rule("create_firewall_policy:shared", admin, "Share a firewall policy as it is created"),
        rule("get_firewall_policy", "\(readable) or rule:shared_firewall_policies", "See a firewall policy"),
        rule("update_firewall_policy", adminOrMember, "Change a firewall policy"),
        rule("update_firewall_policy:shared", admin, "Share a firewall policy"),
        rule("delete_firewall_policy", adminOrMember, "Delete a firewall policy"),
        rule("create_firewall_rule", adminOrMember, "Create a firewall rule"),
        rule("create_firewall_rule:shared", admin, "Share a firewall rule as it is created"),
        rule("get_firewall_rule", "\(readable) or rule:shared_firewall_rules", "See a firewall rule"),
        rule("update_firewall_rule", adminOrMember, "Change a firewall rule"),
        rule("update_firewall_rule:shared", admin, "Share a firewall rule"),
        rule("delete_firewall_rule", adminOrMember, "Delete a firewall rule"),
        rule("insert_rule", adminOrMember, "Put a rule into a firewall policy"),
        rule("remove_rule", adminOrMember, "Take a rule from a firewall policy"),
    ]
}
