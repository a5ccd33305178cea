import CloudCore
import CloudStore
import NetworkMessages

/// An RBAC policy as it is asked for.
struct SharingDraft: Sendable, Hashable {
    var projectID: String
    var objectType: String
    var objectID: String
    var target: String
    var action: String
}

// RBAC policies.
extension Operations {
    func createSharing(_ draft: SharingDraft, by caller: Caller, in transaction: any Transaction) throws -> SharingPolicy {
        let kind = try SharedObject.named(draft.objectType)
            .orThrow(.invalidInput("'\(draft.objectType)' is not a valid RBAC object type"))
        guard let action = SharingAction(rawValue: draft.action), kind.actions.contains(action) else {
            let valid = kind.actions.map(\.rawValue).joined(separator: ", ")
            throw NetworkingError(
                .badRequest, "InvalidActionForType",
                "Invalid action '\(draft.action)' for object type '\(kind.type)'. Valid actions: \(valid)")
        }
        let owner = try kind.owner(of: draft.objectID, in: transaction)
            .orThrow(.invalidInput("\(kind.type) \(draft.objectID) could not be found"))
        try checkOwner(owner, of: kind, by: caller)
        try checkQuota(.rbacPolicy, project: draft.projectID, in: transaction)
        let policy = SharingPolicy(
            id: Identifier.uuid(), projectID: draft.projectID, objectType: kind.type, objectID: draft.objectID,
            target: draft.target, action: action)
        try checkUnique(policy, in: transaction)
        if kind.type == "subnetpool", let pool = try SubnetPoolRecords.find(policy.objectID, in: transaction) {
            try checkScopeIsOpen(of: pool, to: policy.target, in: transaction)
        }
        try SharingRecords.insert(policy, in: transaction)
        if action == .external { try setExternal(policy.objectID, true, in: transaction) }
        try touchObject(of: policy, in: transaction)
        return policy
    }

    func updateSharing(
        _ policy: SharingPolicy, target: String, by caller: Caller, in transaction: any Transaction
    ) throws -> SharingPolicy {
        guard let kind = SharedObject.named(policy.objectType), target != policy.target else { return policy }
        let owner = try kind.owner(of: policy.objectID, in: transaction) ?? ""
        guard caller.isAdmin || owner == caller.projectID else {
            throw Self.sharingInUse(policy.objectID, "only administrators change policies on objects of others")
        }
        var updated = policy
        updated.target = target
        try checkUnique(updated, in: transaction)
        try checkNotNeeded(policy, of: kind, owner: owner, replacement: target, in: transaction)
        try SharingRecords.update(updated, in: transaction)
        try touchObject(of: policy, in: transaction)
        return updated
    }

    func deleteSharing(_ policy: SharingPolicy, in transaction: any Transaction) throws {
        guard let kind = SharedObject.named(policy.objectType) else { return }
        let owner = try kind.owner(of: policy.objectID, in: transaction) ?? ""
        try checkNotNeeded(policy, of: kind, owner: owner, replacement: nil, in: transaction)
        try SharingRecords.delete(policy.id, in: transaction)
        if policy.action == .external, try SharingRecords.all(of: policy.objectID, .external, in: transaction).isEmpty {
            try setExternal(policy.objectID, false, in: transaction)
        }
        try touchObject(of: policy, in: transaction)
    }

    private func checkOwner(_ owner: String, of kind: SharedObject, by caller: Caller) throws(NetworkingError) {
        guard caller.isAdmin || owner == caller.projectID else {
            throw .invalidInput("Only admins can manipulate policies on \(kind.type) objects they do not own")
        }
    }

    private func checkUnique(_ policy: SharingPolicy, in reader: any Reader) throws {
        guard try SharingRecords.all(of: policy.objectID, policy.action, in: reader).contains(where: { $0.target == policy.target })
        else { return }
        throw NetworkingError(.conflict, "DuplicateRbacPolicy", "An RBAC policy already exists with those values.")
    }

    static func sharingInUse(_ object: String, _ details: String) -> NetworkingError {
        NetworkingError(
            .conflict, "RbacPolicyInUse",
            "RBAC policy on object \(object) cannot be removed because other objects depend on it.\nDetails: \(details)")
    }

    /// Refuses to take a policy away from projects that need it.
    private func checkNotNeeded(
        _ policy: SharingPolicy, of kind: SharedObject, owner: String, replacement: String?, in reader: any Reader
    ) throws {
        if policy.action == .external, policy.target == SharingPolicy.everyone,
            try NetworkRecords.find(policy.objectID, in: reader)?.isDefault ?? false {
            throw Self.sharingInUse(policy.objectID, "Default external networks must be shared to everyone.")
        }
        let users = policy.action == .external
            ? try SharedObject.routerProjects(network: policy.objectID, in: reader)
            : try kind.users(of: policy.objectID, in: reader)
        // As upstream has it: networks look at who would have lost them; other objects allow a policy in use to become
        // one for everyone only, and their owners' use counts too.
        let isNetwork = kind.type == "network"
        var rest = Set(try SharingRecords.all(of: policy.objectID, policy.action, in: reader).map(\.target))
        rest.remove(policy.target)
        if let replacement, isNetwork || replacement == SharingPolicy.everyone { rest.insert(replacement) }
        guard !rest.contains(SharingPolicy.everyone) else { return }
        let losing = policy.target == SharingPolicy.everyone ? users : users.intersection([policy.target])
        let stranded = losing.subtracting(rest).subtracting(isNetwork ? [owner] : [])
        guard stranded.isEmpty else {
            throw Self.sharingInUse(policy.objectID, "project_id=\(stranded.sorted().joined(separator: ", "))")
        }
    }

    /// An object shows its policies in `shared`: they count among its changes.
    private func touchObject(of policy: SharingPolicy, in transaction: any Transaction) throws {
        guard policy.objectType == "network" else { return }
        try NetworkRecords.touch(policy.objectID, in: transaction)
    }

    /// A network is external as long as it is external to somebody.
    private func setExternal(_ id: String, _ isExternal: Bool, in transaction: any Transaction) throws {
        guard var network = try NetworkRecords.find(id, in: transaction), network.isExternal != isExternal else { return }
        if !isExternal { try checkInternalising(network, in: transaction) }
        network.isExternal = isExternal
        try NetworkRecords.update(network, in: transaction)
        try mark(.network, id, in: transaction)
    }
}

// The attribute `shared`, which is a policy for everyone.
extension Operations {
    /// Makes or takes away an object's policy for everyone.
    func share(
        _ id: String, _ type: String, project: String, _ isShared: Bool, for action: SharingAction = .shared,
        in transaction: any Transaction
    ) throws {
        let current = try SharingRecords.all(of: id, action, in: transaction).first { $0.target == SharingPolicy.everyone }
        if isShared, current == nil {
            let policy = SharingPolicy(
                id: Identifier.uuid(), projectID: project, objectType: type, objectID: id, target: SharingPolicy.everyone,
                action: action)
            try SharingRecords.insert(policy, in: transaction)
        } else if !isShared, let current, let kind = SharedObject.named(type) {
            try checkNotNeeded(current, of: kind, owner: project, replacement: nil, in: transaction)
            try SharingRecords.delete(current.id, in: transaction)
        }
    }
}
