import CloudPolicy

extension NeutronPolicy {
    /// The default rules of security groups, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let securityGroupRules = [
        PolicyRule(
            "admin_or_sg_owner", "rule:context_is_admin or project_id:%(security_group:project_id)s",
            "Administrators and the project of the rule's security group"),
        PolicyRule(
            "admin_owner_or_sg_owner", "rule:owner or rule:admin_or_sg_owner",
            "Administrators, the rule's project and that of its security group"),
        rule(
            "create_default_security_group", "\(adminOrService) or (role:reader and project_id:%(project_id)s)",
            "Have a project's default security group made by looking at its groups"),
        rule("create_security_group", adminOrMember, "Create a security group"),
        rule("create_security_group:tags", adminOrMember, "Tag a security group as it is created"),
        rule(
            "get_security_group",
            "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_security_group",
            "See a security group"),
        rule(
            "get_security_group:tags",
            "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_security_group",
            "See the tags of a security group"),
        rule("update_security_group", adminOrMember, "Change a security group"),
        rule("update_security_group:tags", adminOrMember, "Tag a security group"),
        rule("delete_security_group", adminOrMember, "Delete a security group"),
        rule("delete_security_group:tags", adminOrMember, "Untag a security group"),
        rule(
            "create_security_group_rule",
            "(rule:admin_only) or (role:member and rule:sg_owner)",
            "Create a security group rule"),
        rule(
            "get_security_group_rule",
            "(rule:admin_only) or (role:reader and rule:sg_owner)",
            "See a security group rule"),
        rule(
            "delete_security_group_rule",
            "(rule:admin_only) or (role:member and rule:sg_owner)",
            "Delete a security group rule"),
    ]
}
