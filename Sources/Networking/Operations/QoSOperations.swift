import CloudCore
import CloudStore
import NetworkMessages

/// A QoS policy as it is asked for.
struct QoSPolicyDraft: Sendable {
    var projectID: String
    var name = ""
    var description = ""
    var isShared = false
    var isDefault = false
    var tags: [String] = []
}

/// What an update of a QoS policy changes; nil leaves as it is.
struct QoSPolicyChange: Sendable {
    var name: String?
    var description: String?
    var isShared: Bool?
    var isDefault: Bool?
}

/// What a request says of a QoS rule; nil says nothing.
struct QoSRuleChange: Sendable {
    var direction: QoSDirection?
    var value: Int?
    var burst: Int?
}

extension Operations {
    func createQoSPolicy(_ draft: QoSPolicyDraft, in transaction: any Transaction) throws -> QoSPolicy {
        var policy = QoSPolicy(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name, isDefault: draft.isDefault,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        try checkDefault(policy, in: transaction)
        try QoSPolicyRecords.insert(policy, in: transaction)
        try share(policy.id, QoSPolicy.objectType, project: policy.projectID, draft.isShared, in: transaction)
        policy.sharing = try SharingRecords.sharing(of: policy.id, in: transaction)
        for tag in draft.tags { try TagRecords.add(tag, to: policy.id, in: transaction) }
        return policy
    }

    func updateQoSPolicy(
        _ policy: QoSPolicy, _ change: QoSPolicyChange, in transaction: any Transaction
    ) throws -> QoSPolicy {
        var updated = policy
        updated.name = change.name ?? policy.name
        updated.standard.description = change.description ?? policy.standard.description
        updated.isDefault = change.isDefault ?? policy.isDefault
        try checkDefault(updated, in: transaction)
        if let isShared = change.isShared {
            try share(policy.id, QoSPolicy.objectType, project: policy.projectID, isShared, in: transaction)
            updated.sharing = try SharingRecords.sharing(of: policy.id, in: transaction)
        }
        updated.standard = updated.standard.changed()
        try QoSPolicyRecords.update(updated, in: transaction)
        return updated
    }

    private func checkDefault(_ policy: QoSPolicy, in reader: any Reader) throws {
        guard policy.isDefault, let other = try QoSPolicyRecords.standard(of: policy.projectID, in: reader), other != policy.id
        else { return }
        throw NetworkingError(
            .conflict, "QoSPolicyDefaultAlreadyExists", "A default QoS policy exists for project \(policy.projectID).")
    }

    func deleteQoSPolicy(_ policy: QoSPolicy, in transaction: any Transaction) throws {
        if let user = try QoSBindingRecords.user(of: policy.id, in: transaction) {
            throw NetworkingError(
                .conflict, "QosPolicyInUse", "QoS Policy \(policy.id) is used by \(user.kind.rawValue) \(user.id).")
        }
        try QoSBindingRecords.forgetGateways(of: policy.id, in: transaction)
        try TagRecords.removeAll(from: policy.id, in: transaction)
        try SharingRecords.removeAll(of: policy.id, in: transaction)
        try QoSPolicyRecords.delete(policy.id, in: transaction)
    }
}

// Rules.
extension Operations {
    func createQoSRule(
        _ type: QoSRuleType, of policy: QoSPolicy, _ draft: QoSRuleChange, in transaction: any Transaction
    ) throws -> QoSRule {
        let direction = type.directions.isEmpty ? nil : draft.direction ?? .egress
        let rule = QoSRule(
            id: Identifier.uuid(), policyID: policy.id, type: type, direction: direction, value: draft.value ?? 0,
            burst: draft.burst ?? 0)
        // Several of one request see each other.
        let rules = try QoSRuleRecords.all(policies: [policy.id], in: transaction)[policy.id] ?? []
        try rule.check(against: rules, named: direction)
        try QoSRuleRecords.insert(rule, in: transaction)
        try rulesChanged(rule, in: transaction)
        return rule
    }

    func updateQoSRule(
        _ rule: QoSRule, of policy: QoSPolicy, _ change: QoSRuleChange, in transaction: any Transaction
    ) throws -> QoSRule {
        var updated = rule
        if !rule.type.directions.isEmpty { updated.direction = change.direction ?? rule.direction }
        updated.value = change.value ?? rule.value
        updated.burst = change.burst ?? rule.burst
        try updated.check(against: policy.rules, named: change.direction)
        try QoSRuleRecords.update(updated, in: transaction)
        try rulesChanged(updated, in: transaction)
        return updated
    }

    func deleteQoSRule(_ rule: QoSRule, in transaction: any Transaction) throws {
        try QoSRuleRecords.delete(rule.id, in: transaction)
        try rulesChanged(rule, in: transaction)
    }

    /// What placement keeps for guests cannot change under them; what else holds for ports reaches the data plane.
    private func rulesChanged(_ rule: QoSRule, in transaction: any Transaction) throws {
        if rule.type.isReserved, try QoSBindingRecords.hasGuests(under: rule.policyID, in: transaction) {
            throw NetworkingError(
                .notImplemented, "NotImplementedError",
                "Cannot update QoS policies/rules backed by resources tracked in Placement")
        }
        try QoSPolicyRecords.touch(rule.policyID, in: transaction)
        try QoSBindingRecords.mark(under: rule.policyID, in: transaction)
        transaction.onCommit(ring)
    }
}

// Policies of resources.
extension Operations {
    /// Puts a resource under a policy, or under none any more, and marks nothing: whoever changes the resource does.
    func setQoSPolicy(
        _ policy: String?, of kind: QoSHolder, _ id: String, by caller: Caller, in transaction: any Transaction
    ) throws {
        let current = try QoSBindingRecords.policies(kind, [id], in: transaction)[id]
        try checkQoSPolicy(policy, replacing: current, of: kind, id, by: caller, in: transaction)
        if policy != current { try QoSBindingRecords.set(policy, kind, id, in: transaction) }
    }

    /// Checks that a caller may put a resource under a policy, and take it from the one it was under.
    func checkQoSPolicy(
        _ policy: String?, replacing current: String?, of kind: QoSHolder, _ id: String, by caller: Caller,
        in reader: any Reader
    ) throws {
        guard policy != current else { return }
        if let current, try visiblePolicy(current, to: caller, in: reader) == nil {
            throw NetworkingError(
                .forbidden, "PolicyRemoveAuthorizationError",
                "Failed to remove provided policy \(current) because you are not authorized.")
        }
        guard let policy else { return }
        _ = try visiblePolicy(policy, to: caller, in: reader).orThrow(.qosPolicyNotFound(policy))
    }

    private func visiblePolicy(_ id: String, to caller: Caller, in reader: any Reader) throws -> QoSPolicy? {
        guard let policy = try QoSPolicyRecords.find(id, in: reader) else { return nil }
        let isVisible = caller.isAdmin || policy.projectID == caller.projectID || policy.sharing.includes(caller.projectID)
        return isVisible ? policy : nil
    }

    /// Puts a router's gateway under the policy that a request names for it; without a gateway there is none.
    func setGatewayPolicy(
        of router: Router, _ change: RouterChange.Gateway?, by caller: Caller, in transaction: any Transaction
    ) throws {
        switch change {
        case nil: break
        case .some(.none): try QoSBindingRecords.set(nil, .router, router.id, in: transaction)
        case .set(let gateway):
            guard let policy = gateway.qosPolicyID else { return }
            try setQoSPolicy(policy, of: .router, router.id, by: caller, in: transaction)
        }
    }

    /// Marks what a network's policy holds for, as its policy changes.
    func networkPolicyChanged(_ network: String, in transaction: any Transaction) throws {
        let ports: SQL = """
            SELECT id FROM ports WHERE network_id = \(network) AND qos_policy_id IS NULL
                AND device_owner NOT IN \(in: DeviceOwner.infrastructure.sorted())
            """
        let routers: SQL = """
            SELECT device_id AS id FROM ports WHERE network_id = \(network) AND device_owner = \(DeviceOwner.routerGateway)
            UNION SELECT router_id FROM floating_ips WHERE floating_network_id = \(network) AND router_id IS NOT NULL
            """
        try TopologyChangeRecords.mark(.port, select: ports, in: transaction)
        try TopologyChangeRecords.mark(.router, select: routers, in: transaction)
        transaction.onCommit(ring)
    }
}

extension QoSPolicy {
    /// Its name in RBAC policies.
    static let objectType = "qos_policy"
}

extension NetworkingError {
    static func qosPolicyNotFound(_ id: String) -> Self {
        Self(.notFound, "QosPolicyNotFound", "QoS policy \(id) could not be found.")
    }
    static func qosRuleNotFound(_ id: String, policy: String) -> Self {
        Self(.notFound, "QosRuleNotFound", "QoS rule \(id) for policy \(policy) could not be found.")
    }
}
