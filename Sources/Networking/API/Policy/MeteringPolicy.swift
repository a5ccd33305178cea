import CloudPolicy

extension NeutronPolicy {
    /// The default rules of metering, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let meteringRules = [
        rule("create_metering_label", adminOrManager, "Create a metering label"),
        rule("get_metering_label", adminOrReader, "See a metering label"),
        rule("delete_metering_label", adminOrManager, "Delete a metering label"),
        rule("create_metering_label_rule", adminOrManager, "Create a metering label rule"),
        rule("get_metering_label_rule", adminOrReader, "See a metering label rule"),
        rule("delete_metering_label_rule", adminOrManager, "Delete a metering label rule"),
    ]
}
