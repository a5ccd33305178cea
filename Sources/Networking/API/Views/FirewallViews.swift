import CloudCore
import CloudStore

/// A firewall rule as the API shows it.
struct FirewallRuleView: View {
    static let names = ResourceNames("firewall_rule", "firewall_rules")

    let rule: FirewallRule
    /// The policies that have it.
    let policyIDs: [String]

    static func load(_ rules: [FirewallRule], in reader: any Reader) throws -> [FirewallRuleView] {
        let policies = try FirewallPolicyRecords.ids(rules: rules.map(\.id), in: reader)
        return rules.map { FirewallRuleView(rule: $0, policyIDs: policies[$0.id] ?? []) }
    }

    var id: String { rule.id }
    var subject: PolicySubject { PolicySubject(projectID: rule.projectID, isShared: rule.isShared) }

    func write(to json: inout MemberWriter) {
        json("id", rule.id)
        json.project(rule.projectID)
        json("name", rule.name)
        json("shared", rule.isShared)
        json("protocol", rule.ipProtocol)
        json("ip_version", rule.ipVersion)
        json("source_ip_address", rule.source)
        json("destination_ip_address", rule.destination)
        json("source_port", rule.sourcePort)
        json("destination_port", rule.destinationPort)
        json("position", Int?.none)
        json("action", rule.action.rawValue)
        json("enabled", rule.isEnabled)
        json("firewall_policy_id", policyIDs.isEmpty ? nil : policyIDs)
        json.standard(rule.standard)
    }
}

/// A firewall policy as the API shows it.
struct FirewallPolicyView: View {
    static let names = ResourceNames("firewall_policy", "firewall_policies")

    let policy: FirewallPolicy
    let ruleIDs: [String]

    static func load(_ policies: [FirewallPolicy], in reader: any Reader) throws -> [FirewallPolicyView] {
        let rules = try FirewallPolicyRecords.ruleIDs(policies: policies.map(\.id), in: reader)
        return policies.map { FirewallPolicyView(policy: $0, ruleIDs: rules[$0.id] ?? []) }
    }

    var id: String { policy.id }
    var subject: PolicySubject { PolicySubject(projectID: policy.projectID, isShared: policy.isShared) }

    func write(to json: inout MemberWriter) {
        json("id", policy.id)
        json.project(policy.projectID)
        json("name", policy.name)
        json("shared", policy.isShared)
        json("audited", policy.isAudited)
        json("firewall_rules", ruleIDs)
        json.standard(policy.standard)
    }
}

/// A firewall group as the API shows it.
struct FirewallGroupView: View {
    static let names = ResourceNames("firewall_group", "firewall_groups")

    let group: FirewallGroup
    let portIDs: [String]

    static func load(_ groups: [FirewallGroup], in reader: any Reader) throws -> [FirewallGroupView] {
        let ports = try FirewallGroupRecords.ports(groups: groups.map(\.id), in: reader)
        return groups.map { FirewallGroupView(group: $0, portIDs: ports[$0.id] ?? []) }
    }

    var id: String { group.id }
    var subject: PolicySubject { PolicySubject(projectID: group.projectID, isShared: group.isShared) }

    func write(to json: inout MemberWriter) {
        json("id", group.id)
        json.project(group.projectID)
        json("name", group.name)
        json("shared", group.isShared)
        json("admin_state_up", group.isAdminUp)
        json("status", group.status(ports: portIDs))
        json("ports", portIDs)
        json("ingress_firewall_policy_id", group.ingressPolicyID)
        json("egress_firewall_policy_id", group.egressPolicyID)
        json.standard(group.standard)
    }
}
