import CloudCore
import CloudStore
import NetworkMessages

// Firewall groups.
extension Operations {
    func createFirewallGroup(
        _ group: FirewallGroup, ports: [String], in transaction: any Transaction
    ) throws -> FirewallGroup {
        try Self.check(groupName: group.name)
        try checkQuota(.firewallGroup, project: group.projectID, in: transaction)
        try ensureDefaultFirewall(project: group.projectID, in: transaction)
        try checkPolicies(of: group, in: transaction)
        let found = try checkedPorts(ports, for: group.id, in: transaction)
        _ = try FirewallGroupRecords.insert(group, in: transaction)
        try FirewallGroupRecords.setPorts(ports, of: group.id, in: transaction)
        try mark(found, in: transaction)
        return group
    }

    func updateFirewallGroup(
        _ group: FirewallGroup, was old: FirewallGroup, ports: [String]?, in transaction: any Transaction
    ) throws -> FirewallGroup {
        var updated = group
        if group.name != old.name { try Self.check(groupName: group.name) }
        try checkPolicies(of: group, in: transaction)
        var concerned = try FirewallGroupRecords.ports(groups: [group.id], in: transaction)[group.id] ?? []
        if let ports {
            _ = try checkedPorts(ports, for: group.id, in: transaction)
            try FirewallGroupRecords.setPorts(ports, of: group.id, in: transaction)
            concerned += ports
        }
        updated.standard = group.standard.changed()
        try FirewallGroupRecords.update(updated, in: transaction)
        try mark(Array(PortRecords.find(Set(concerned), in: transaction).values), in: transaction)
        return updated
    }

    func deleteFirewallGroup(_ group: FirewallGroup, by caller: Caller, in transaction: any Transaction) throws {
        let ports = try FirewallGroupRecords.ports(groups: [group.id], in: transaction)[group.id] ?? []
        guard ports.isEmpty else {
            throw NetworkingError(.conflict, "FirewallGroupInUse", "Firewall group \(group.id) is still active.")
        }
        guard !group.isDefault || caller.isAdmin else {
            throw NetworkingError(
                .conflict, "FirewallGroupCannotRemoveDefault", "Deleting default firewall group not allowed.")
        }
        try FirewallGroupRecords.delete(group.id, in: transaction)
        guard group.isDefault else { return }
        // The policies of a default group are its own, and go with it.
        for id in [group.ingressPolicyID, group.egressPolicyID].compactMap({ $0 }) {
            guard try FirewallGroupRecords.using(policies: [id], in: transaction).isEmpty else { continue }
            try FirewallPolicyRecords.delete(id, in: transaction)
        }
    }

    private static func check(groupName name: String) throws(NetworkingError) {
        guard name == FirewallGroup.reserved else { return }
        throw NetworkingError(
            .conflict, "FirewallDefaultParameterExists", "'\(name)' is the name of default firewall groups alone.")
    }

    /// A group's policies are of its project, or shared.
    private func checkPolicies(of group: FirewallGroup, in reader: any Reader) throws {
        for id in [group.ingressPolicyID, group.egressPolicyID].compactMap({ $0 }) {
            let policy = try FirewallPolicyRecords.find(id, in: reader).orThrow(.firewallPolicyNotFound(id))
            guard policy.projectID == group.projectID || policy.isShared else {
                throw NetworkingError(
                    .notFound, "FirewallPolicyConflict",
                    "Firewall policy \(id) could not be found for the group's project: it is neither its own nor shared.")
            }
        }
    }

    /// The ports of a group are routers' interfaces and bound ports of servers, each in one group at most.
    private func checkedPorts(_ ids: [String], for group: String, in reader: any Reader) throws -> [Port] {
        let ports = try PortRecords.find(ids, in: reader)
        for id in ids {
            let port = try ports[id].orThrow(.portNotFound(id))
            if port.deviceOwner == DeviceOwner.routerInterface { continue }
            guard port.deviceOwner.hasPrefix(DeviceOwner.compute) else {
                throw NetworkingError(
                    .conflict, "FirewallGroupPortInvalid", "Port \(id) of firewall group is invalid.")
            }
            guard !port.binding.host.isEmpty else {
                throw NetworkingError(
                    .conflict, "FirewallGroupPortNotSupported", "Port \(id) is not supported by the firewall: it is not bound.")
            }
        }
        let used = try FirewallGroupRecords.groups(ports: ids, in: reader).filter { $0.value.id != group }.keys.sorted()
        guard used.isEmpty else {
            throw NetworkingError(
                .conflict, "FirewallGroupPortInUse", "Port(s) \(used) provided already associated with other firewall group(s).")
        }
        return Array(ports.values)
    }

    private func mark(_ ports: [Port], in transaction: any Transaction) throws {
        for port in ports { try mark(port, in: transaction) }
    }

    /// Marks what the firewalls with these policies are for.
    private func markUsers(of policies: [String], in transaction: any Transaction) throws {
        let groups = try FirewallGroupRecords.using(policies: policies, in: transaction)
        let ports = try FirewallGroupRecords.ports(groups: groups.map(\.id), in: transaction)
        try mark(Array(PortRecords.find(Set(ports.values.joined()), in: transaction).values), in: transaction)
    }

    /// Makes a project's default group, which admits what leaves and nothing that enters, unless it is there.
    func ensureDefaultFirewall(project: String, in transaction: any Transaction) throws {
        guard !project.isEmpty, try !FirewallGroupRecords.hasDefault(project: project, in: transaction) else { return }
        var group = FirewallGroup(
            id: Identifier.uuid(), projectID: project, name: FirewallGroup.reserved, isDefault: true,
            standard: StandardAttributes(description: "Default firewall group", createdAt: .now))
        guard try FirewallGroupRecords.insert(group, in: transaction) else { return }
        group.ingressPolicyID = try defaultPolicy("ingress", .deny, project: project, in: transaction)
        group.egressPolicyID = try defaultPolicy("egress", .allow, project: project, in: transaction)
        try FirewallGroupRecords.update(group, in: transaction)
    }

    private func defaultPolicy(
        _ direction: String, _ action: FirewallRule.Action, project: String, in transaction: any Transaction
    ) throws -> String {
        let rules = [4, 6].map { version in
            FirewallRule(
                id: Identifier.uuid(), projectID: project, name: "default \(direction) ipv\(version)", ipVersion: version,
                action: action,
                standard: StandardAttributes(description: "default \(direction) rule for IPv\(version)", createdAt: .now))
        }
        for rule in rules { try FirewallRuleRecords.insert(rule, in: transaction) }
        let policy = FirewallPolicy(
            id: Identifier.uuid(), projectID: project, name: "default \(direction)",
            standard: StandardAttributes(description: "\(direction.prefix(1).uppercased())\(direction.dropFirst()) firewall policy", createdAt: .now))
        try FirewallPolicyRecords.insert(policy, in: transaction)
        try FirewallPolicyRecords.setRules(rules.map(\.id), of: policy.id, in: transaction)
        return policy.id
    }
}

// Firewall policies.
extension Operations {
    func createFirewallPolicy(
        _ policy: FirewallPolicy, rules: [String], in transaction: any Transaction
    ) throws -> FirewallPolicy {
        try Self.check(policyName: policy.name)
        try checkQuota(.firewallPolicy, project: policy.projectID, in: transaction)
        try check(rules, for: policy, in: transaction)
        try FirewallPolicyRecords.insert(policy, in: transaction)
        try FirewallPolicyRecords.setRules(rules, of: policy.id, in: transaction)
        return policy
    }

    func updateFirewallPolicy(
        _ policy: FirewallPolicy, was old: FirewallPolicy, rules: [String]?, in transaction: any Transaction
    ) throws -> FirewallPolicy {
        guard !FirewallPolicy.reserved.contains(old.name) else {
            throw NetworkingError(
                .conflict, "FirewallDefaultObjectUpdateRestricted", "The default firewall policy \(old.id) cannot be changed.")
        }
        try Self.check(policyName: policy.name)
        if !policy.isShared, old.isShared {
            for group in try FirewallGroupRecords.using(policies: [policy.id], in: transaction)
            where group.projectID != policy.projectID { throw NetworkingError.firewallPolicyInUse(policy.id) }
        }
        let current = try FirewallPolicyRecords.ruleIDs(policies: [policy.id], in: transaction)[policy.id] ?? []
        if rules != nil || policy.isShared != old.isShared {
            try check(rules ?? current, for: policy, isSharing: rules == nil, in: transaction)
        }
        var updated = policy
        updated.standard = policy.standard.changed()
        try FirewallPolicyRecords.update(updated, in: transaction)
        if let rules { try FirewallPolicyRecords.setRules(rules, of: policy.id, in: transaction) }
        try markUsers(of: [policy.id], in: transaction)
        return updated
    }

    func deleteFirewallPolicy(_ policy: FirewallPolicy, in transaction: any Transaction) throws {
        guard try FirewallGroupRecords.using(policies: [policy.id], in: transaction).isEmpty else {
            throw NetworkingError.firewallPolicyInUse(policy.id)
        }
        try FirewallPolicyRecords.delete(policy.id, in: transaction)
    }

    private static func check(policyName name: String) throws(NetworkingError) {
        guard FirewallPolicy.reserved.contains(name) else { return }
        throw NetworkingError(
            .conflict, "FirewallDefaultParameterExists", "'\(name)' is the name of default firewall policies alone.")
    }

    /// A policy's rules are of its project or shared, and all shared where the policy is.
    private func check(
        _ ids: [String], for policy: FirewallPolicy, isSharing: Bool = false, in reader: any Reader
    ) throws {
        let rules = try FirewallRuleRecords.find(ids, in: reader)
        for id in ids {
            let rule = try rules[id].orThrow(.firewallRuleNotFound(id))
            guard !policy.isShared || rule.isShared else {
                throw isSharing
                    ? NetworkingError(
                        .conflict, "FirewallPolicySharingConflict",
                        "Before sharing firewall policy \(policy.id), share associated firewall rule \(id).")
                    : NetworkingError(
                        .notFound, "FirewallRuleSharingConflict",
                        "The shared firewall policy \(policy.id) could not find the shared firewall rule \(id).")
            }
            guard rule.isShared || rule.projectID == policy.projectID else {
                throw NetworkingError(
                    .conflict, "FirewallRuleConflict", "Firewall rule \(id) is not shared and belongs to another project.")
            }
        }
    }

    /// Puts a rule into a policy: before another, behind another, or first.
    func insertRule(
        _ id: String, into policy: FirewallPolicy, before: String?, after: String?, in transaction: any Transaction
    ) throws -> FirewallPolicy {
        var order = try FirewallPolicyRecords.ruleIDs(policies: [policy.id], in: transaction)[policy.id] ?? []
        guard !order.contains(id) else {
            throw NetworkingError(
                .conflict, "FirewallRuleAlreadyAssociated", "Firewall policy \(policy.id) has the firewall rule \(id) already.")
        }
        try check([id], for: policy, in: transaction)
        var position = 0
        if let reference = before ?? after {
            position = try order.firstIndex(of: reference).orThrow(.ruleNotInPolicy(reference, policy.id))
            if before == nil { position += 1 }
        }
        order.insert(id, at: position)
        return try reorder(policy, order, in: transaction)
    }

    func removeRule(_ id: String, from policy: FirewallPolicy, in transaction: any Transaction) throws -> FirewallPolicy {
        _ = try FirewallRuleRecords.find(id, in: transaction).orThrow(.firewallRuleNotFound(id))
        let order = try FirewallPolicyRecords.ruleIDs(policies: [policy.id], in: transaction)[policy.id] ?? []
        guard order.contains(id) else { throw NetworkingError.ruleNotInPolicy(id, policy.id) }
        return try reorder(policy, order.filter { $0 != id }, in: transaction)
    }

    private func reorder(_ policy: FirewallPolicy, _ order: [String], in transaction: any Transaction) throws -> FirewallPolicy {
        var updated = policy
        updated.isAudited = false
        updated.standard = policy.standard.changed()
        try FirewallPolicyRecords.setRules(order, of: policy.id, in: transaction)
        try FirewallPolicyRecords.update(updated, in: transaction)
        try markUsers(of: [policy.id], in: transaction)
        return updated
    }
}

// Firewall rules.
extension Operations {
    func createFirewallRule(_ rule: FirewallRule, in transaction: any Transaction) throws -> FirewallRule {
        try rule.check()
        try checkQuota(.firewallRule, project: rule.projectID, in: transaction)
        try FirewallRuleRecords.insert(rule, in: transaction)
        return rule
    }

    func updateFirewallRule(_ rule: FirewallRule, in transaction: any Transaction) throws -> FirewallRule {
        try rule.check()
        var updated = rule
        updated.standard = rule.standard.changed()
        try FirewallRuleRecords.update(updated, in: transaction)
        let policies = try FirewallPolicyRecords.ids(rules: [rule.id], in: transaction)[rule.id] ?? []
        try FirewallPolicyRecords.unaudit(policies, in: transaction)
        try markUsers(of: policies, in: transaction)
        return updated
    }

    func deleteFirewallRule(_ rule: FirewallRule, in transaction: any Transaction) throws {
        guard try FirewallPolicyRecords.ids(rules: [rule.id], in: transaction).isEmpty else {
            throw NetworkingError(.conflict, "FirewallRuleInUse", "Firewall rule \(rule.id) is being used.")
        }
        try FirewallRuleRecords.delete(rule.id, in: transaction)
    }
}

extension NetworkingError {
    fileprivate static func firewallPolicyInUse(_ id: String) -> Self {
        Self(.conflict, "FirewallPolicyInUse", "Firewall policy \(id) is being used.")
    }
    fileprivate static func ruleNotInPolicy(_ rule: String, _ policy: String) -> Self {
        Self(
            .badRequest, "FirewallRuleNotAssociatedWithPolicy",
            "Firewall rule \(rule) is not associated with firewall policy \(policy).")
    }
}
