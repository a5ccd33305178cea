import CloudPolicy

extension NeutronPolicy {
    private static let notForEveryone =
        "(rule:admin_only) or (not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*)"

    /// The default rules of RBAC policies, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let sharingRules = [
        PolicyRule(
            "restrict_wildcard",
            "(not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*) or rule:admin_only",
            "Who may share with every project"),
        rule("create_rbac_policy", adminOrMember, "Create an RBAC policy"),
        rule("create_rbac_policy:target_tenant", notForEveryone, "Choose `target_tenant` as an RBAC policy is created"),
        rule(
            "create_rbac_policy:target_project", "(rule:admin_only) or not field:rbac_policy:target_project=*",
            "Choose `target_project` as an RBAC policy is created"),
        rule("update_rbac_policy", adminOrMember, "Change an RBAC policy"),
        rule("update_rbac_policy:target_tenant", notForEveryone, "Change `target_tenant` of an RBAC policy"),
        rule(
            "update_rbac_policy:target_project", "(rule:admin_only) or not field:rbac_policy:target_project=*",
            "Change `target_project` of an RBAC policy"),
        rule("get_rbac_policy", adminOrReader, "See an RBAC policy"),
        rule("delete_rbac_policy", adminOrMember, "Delete an RBAC policy"),
    ]
}
