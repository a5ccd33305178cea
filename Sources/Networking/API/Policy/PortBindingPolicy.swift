import CloudPolicy

extension NeutronPolicy {
    /// The default rules of ports' bindings, as upstream's `neutron/conf/policies` of 2026.2 has them. Upstream names no
    /// rule for a change.
    static let portBindingRules = [
        rule("get_port_binding", adminOrService, "See a port's bindings"),
        rule("create_port_binding", "rule:service_api", "Bind a port to one more host"),
        rule("update_port_binding", adminOrService, "Change a port's binding"),
        rule("delete_port_binding", "rule:service_api", "Delete a port's binding"),
        rule("activate", "rule:service_api", "Put a port's binding in force"),
    ]
}
