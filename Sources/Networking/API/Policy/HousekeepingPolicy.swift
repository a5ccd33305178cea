import CloudPolicy

extension NeutronPolicy {
    /// The default rules of quotas, agents and availability zones, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let housekeepingRules = [
        rule("get_agent", admin, "See an agent"),
        rule("update_agent", admin, "Change an agent"),
        rule("delete_agent", admin, "Delete an agent"),
        rule("get_availability_zone", "role:reader", "See availability zones"),
        rule("get_quota", adminOrManager, "See a project's quotas"),
        rule("update_quota", admin, "Change a project's quotas"),
        rule("delete_quota", admin, "Delete a project's quotas"),
    ]
}
