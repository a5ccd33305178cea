import CloudPolicy

extension NeutronPolicy {
    /// The default rules of address groups, templates of rules, statefulness and packet logs, as upstream's
    /// `neutron/conf/policies` of 2026.2 has them.
    static let groupServiceRules = [
        PolicyRule("shared_address_groups", "field:address_groups:shared=True", "Shared address groups"),
        rule("create_address_group", adminOrMember, "Create an address group"),
        rule("get_address_group", "\(adminOrReader) or rule:shared_address_groups", "See an address group"),
        rule("update_address_group", adminOrMember, "Change an address group"),
        rule("delete_address_group", adminOrMember, "Delete an address group"),
        rule("add_addresses", adminOrMember, "Add addresses to an address group"),
        rule("remove_addresses", adminOrMember, "Take addresses from an address group"),
        rule("create_default_security_group_rule", admin, "Create a template of security group rules"),
        rule("get_default_security_group_rule", "role:reader", "See the templates of security group rules"),
        rule("delete_default_security_group_rule", admin, "Delete a template of security group rules"),
        rule("create_security_groups_default_statefulness", adminOrManager, "Choose whether new security groups have state"),
        rule("get_security_groups_default_statefulness", adminOrReader, "See whether new security groups have state"),
        rule("update_security_groups_default_statefulness", adminOrManager, "Change whether new security groups have state"),
        rule("delete_security_groups_default_statefulness", adminOrManager, "Forget whether new security groups have state"),
        rule("get_loggable_resource", adminOrManager, "See what can be logged"),
        rule("create_log", adminOrManager, "Create a packet log"),
        rule("get_log", adminOrManager, "See a packet log"),
        rule("update_log", adminOrManager, "Change a packet log"),
        rule("delete_log", adminOrManager, "Delete a packet log"),
    ]
}
