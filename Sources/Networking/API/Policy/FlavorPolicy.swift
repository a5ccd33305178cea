import CloudPolicy

extension NeutronPolicy {
    /// The default rules of flavors and service providers, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let flavorRules = [
        rule("create_flavor", admin, "Create a flavor"),
        rule("get_flavor", "role:reader", "See a flavor"),
        rule("update_flavor", admin, "Change a flavor"),
        rule("delete_flavor", admin, "Delete a flavor"),
        rule("create_service_profile", admin, "Create a service profile"),
        rule("get_service_profile", admin, "See a service profile"),
        rule("update_service_profile", admin, "Change a service profile"),
        rule("delete_service_profile", admin, "Delete a service profile"),
        rule("create_flavor_service_profile", admin, "Bind a service profile to a flavor"),
        rule("get_flavor_service_profile", adminOrReader, "See a flavor's service profiles"),
        rule("delete_flavor_service_profile", admin, "Unbind a service profile from a flavor"),
        rule("get_service_provider", "role:reader", "See service providers"),
    ]
}
