import CloudCore
import NetworkMessages

/// A template of security group rules: new groups begin with a rule of each.
struct DefaultSecurityGroupRule: Sendable, Hashable {
    /// What stands for the group itself where a template names a remote group.
    static let parent = "PARENT"

    let id: String
    /// What its rules say; of no group and no project.
    let draft: SecurityRuleDraft
    /// Whether projects' default groups get it.
    let isForDefaultGroups: Bool
    /// Whether other groups get it.
    let isForOtherGroups: Bool

    /// The rule of a new group.
    func rule(of group: SecurityGroup) -> SecurityGroupRule {
        var draft = draft
        if draft.remoteGroupID == Self.parent { draft.remoteGroupID = group.id }
        draft.description = ""
        return SecurityGroupRule(draft, of: group)
    }
}

extension SecurityGroupRule {
    /// A new rule of a group.
    init(_ draft: SecurityRuleDraft, of group: SecurityGroup) {
        self.init(
            id: Identifier.uuid(), groupID: group.id, projectID: draft.projectID ?? group.projectID,
            direction: draft.direction, etherType: draft.etherType, ipProtocol: draft.ipProtocol, portMin: draft.portMin,
            portMax: draft.portMax, remoteCIDR: draft.remoteCIDR, remoteGroupID: draft.remoteGroupID,
            remoteAddressGroupID: draft.remoteAddressGroupID,
            standard: StandardAttributes(description: draft.description, createdAt: .now, revision: 0))
    }
}

extension SecurityRuleDraft {
    /// Equal for rules that admit the same traffic.
    var fingerprint: String {
        let nobody = SecurityGroup(
            id: "", projectID: "", name: "", isStateful: true, isDefault: false, standard: StandardAttributes(createdAt: .now))
        return SecurityGroupRule(self, of: nobody).fingerprint
    }
}

/// Whether a project's new security groups have state, unless they say so themselves.
struct DefaultStatefulness: Sendable, Hashable {
    let id: String
    /// The project; empty for every project without a setting of its own.
    let projectID: String
    var isStateful: Bool
}

extension NetworkingError {
    static func defaultRuleNotFound(_ id: String) -> Self {
        Self(.notFound, "DefaultSecurityGroupRuleNotFound", "Default Security Group rule \(id) does not exist")
    }
    static func defaultStatefulnessNotFound(_ id: String) -> Self {
        notFound("SecurityGroupDefaultStatefulnessNotFound", "Security group default statefulness", id)
    }
}
