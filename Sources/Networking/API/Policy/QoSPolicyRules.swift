import CloudPolicy

extension NeutronPolicy {
    private static let adminOrParentManager = "(rule:admin_only) or (role:manager and rule:ext_parent_owner)"

    /// The default rules of QoS, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let qosRules = [
        PolicyRule("shared_qos_policy", "field:policies:shared=True", "Shared QoS policies"),
        rule(
            "get_policy", "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_qos_policy",
            "See a QoS policy"),
        rule(
            "get_policy:tags", "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_qos_policy",
            "See the tags of a QoS policy"),
        rule("create_policy", adminOrManager, "Create a QoS policy"),
        rule("create_policy:tags", adminOrManager, "Tag a QoS policy as it is created"),
        rule("update_policy", adminOrManager, "Change a QoS policy"),
        rule("update_policy:tags", adminOrManager, "Tag a QoS policy"),
        rule("delete_policy", adminOrManager, "Delete a QoS policy"),
        rule("delete_policy:tags", adminOrManager, "Untag a QoS policy"),
        rule("get_rule_type", "role:reader", "See the types of QoS rules"),
    ] + QoSRuleType.allCases.flatMap(qosRules)

    private static func qosRules(_ type: QoSRuleType) -> [PolicyRule] {
        let noun = "\(type.rawValue)_rule"
        // Upstream leads the alias of the youngest type through the rules below the policy.
        func alias(_ action: String, _ check: String) -> String {
            type == .minimumPacketRate ? "rule:\(action)_policy_\(noun)" : check
        }
        let own = [
            rule("get_policy_\(noun)", adminOrParentReader, "See a QoS \(noun)"),
            rule("create_policy_\(noun)", adminOrParentManager, "Create a QoS \(noun)"),
            rule("update_policy_\(noun)", adminOrParentManager, "Change a QoS \(noun)"),
            rule("delete_policy_\(noun)", adminOrParentManager, "Delete a QoS \(noun)"),
        ]
        guard type.hasAlias else { return own }
        return own + [
            rule("get_alias_\(noun)", alias("get", adminOrParentReader), "See a QoS \(noun) by its alias"),
            rule("update_alias_\(noun)", alias("update", adminOrParentManager), "Change a QoS \(noun) by its alias"),
            rule("delete_alias_\(noun)", alias("delete", adminOrParentManager), "Delete a QoS \(noun) by its alias"),
        ]
    }
}
