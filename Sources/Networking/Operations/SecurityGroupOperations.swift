import CloudCore
import CloudStore
import NetworkMessages

/// What an update of a security group changes; nil leaves as it is.
struct SecurityGroupChange: Sendable {
    var name: String?
    var description: String?
    var isStateful: Bool?
}

extension Operations {
    /// The name that only a project's default group has.
    static let defaultGroupName = "default"

    /// The id of a project's default group, which is made when it is first needed.
    func defaultSecurityGroup(project: String, in transaction: any Transaction) throws -> String {
        if let id = try SecurityGroupRecords.defaultID(project: project, in: transaction) { return id }
        let group = SecurityGroup(
            id: Identifier.uuid(), projectID: project, name: Self.defaultGroupName,
            isStateful: try DefaultStatefulnessRecords.isStateful(project: project, in: transaction), isDefault: true,
            standard: StandardAttributes(description: "Default security group", createdAt: .now))
        try insert(group, in: transaction)
        return group.id
    }

    func createSecurityGroup(
        name: String, description: String, project: String, isStateful: Bool?, tags: [String],
        in transaction: any Transaction
    ) throws -> SecurityGroup {
        guard name.lowercased() != Self.defaultGroupName else { throw Self.defaultExists }
        _ = try defaultSecurityGroup(project: project, in: transaction)
        try checkQuota(.securityGroup, project: project, in: transaction)
        let group = SecurityGroup(
            id: Identifier.uuid(), projectID: project, name: name,
            isStateful: try isStateful ?? DefaultStatefulnessRecords.isStateful(project: project, in: transaction),
            isDefault: false, standard: StandardAttributes(description: description, createdAt: .now))
        try insert(group, in: transaction)
        for tag in tags { try TagRecords.add(tag, to: group.id, in: transaction) }
        return group
    }

    private static let defaultExists = NetworkingError(
        .conflict, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")

    private func insert(_ group: SecurityGroup, in transaction: any Transaction) throws {
        let templates = try DefaultSecurityRuleRecords.applicable(isDefault: group.isDefault, in: transaction)
        try checkQuota(.securityGroupRule, project: group.projectID, adding: templates.count, in: transaction)
        try SecurityGroupRecords.insert(group, in: transaction)
        for template in templates {
            try SecurityGroupRuleRecords.insert(template.rule(of: group), in: transaction)
        }
        try mark(.securityGroup, group.id, in: transaction)
    }

    func updateSecurityGroup(
        _ group: SecurityGroup, _ change: SecurityGroupChange, in transaction: any Transaction
    ) throws -> SecurityGroup {
        var updated = group
        if let name = change.name, name != group.name {
            guard !group.isDefault else {
                throw NetworkingError(
                    .conflict, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
            }
            guard name.lowercased() != Self.defaultGroupName else { throw Self.defaultExists }
            updated.name = name
        }
        if let isStateful = change.isStateful, isStateful != group.isStateful {
            guard try !SecurityGroupRecords.isUsed(group.id, in: transaction) else {
                throw NetworkingError.securityGroupInUse(group.id)
            }
            updated.isStateful = isStateful
        }
        updated.standard.description = change.description ?? group.standard.description
        updated.standard = updated.standard.changed()
        try SecurityGroupRecords.update(updated, in: transaction)
        try mark(.securityGroup, group.id, in: transaction)
        return updated
    }

    func deleteSecurityGroup(_ group: SecurityGroup, by caller: Caller, in transaction: any Transaction) throws {
        guard try !SecurityGroupRecords.isUsed(group.id, in: transaction) else {
            throw NetworkingError.securityGroupInUse(group.id)
        }
        guard !group.isDefault || caller.isAdmin else {
            throw NetworkingError(
                .conflict, "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
        }
        for other in try SecurityGroupRuleRecords.groups(naming: group.id, in: transaction) {
            try SecurityGroupRecords.touch(other, in: transaction)
            try mark(.securityGroup, other, in: transaction)
        }
        try TagRecords.removeAll(from: group.id, in: transaction)
        try SharingRecords.removeAll(of: group.id, in: transaction)
        try SecurityGroupRecords.delete(group.id, in: transaction)
        try mark(.securityGroup, group.id, in: transaction)
    }

    /// Adds rules to one group: all or none.
    func createSecurityGroupRules(
        _ drafts: [SecurityRuleDraft], in group: SecurityGroup, transaction: any Transaction
    ) throws -> [SecurityGroupRule] {
        let valid = try drafts.map { try $0.validated() }
        for draft in valid { try checkRemotes(of: draft, in: transaction) }
        let rules = valid.map { SecurityGroupRule($0, of: group) }
        try checkQuota(.securityGroupRule, project: group.projectID, adding: rules.count, in: transaction)
        guard Set(rules.map(\.fingerprint)).count == rules.count else {
            throw NetworkingError(
                .conflict, "DuplicateSecurityGroupRuleInPost", "The request has the same security group rule twice.")
        }
        for rule in rules {
            if let existing = try SecurityGroupRuleRecords.duplicate(of: rule, in: transaction) {
                throw NetworkingError(
                    .conflict, "SecurityGroupRuleExists", "Security group rule already exists. Rule id is \(existing).")
            }
            try SecurityGroupRuleRecords.insert(rule, in: transaction)
        }
        try SecurityGroupRecords.touch(group.id, in: transaction)
        try mark(.securityGroup, group.id, in: transaction)
        return rules
    }

    func deleteSecurityGroupRule(_ rule: SecurityGroupRule, in transaction: any Transaction) throws {
        try SecurityGroupRuleRecords.delete(rule.id, in: transaction)
        try SecurityGroupRecords.touch(rule.groupID, in: transaction)
        try mark(.securityGroup, rule.groupID, in: transaction)
    }
}
