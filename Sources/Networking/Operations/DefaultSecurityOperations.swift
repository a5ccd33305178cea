import CloudCore
import CloudStore

extension Operations {
    func createDefaultSecurityRule(
        _ draft: SecurityRuleDraft, isForDefaultGroups: Bool, isForOtherGroups: Bool, in transaction: any Transaction
    ) throws -> DefaultSecurityGroupRule {
        let rule = DefaultSecurityGroupRule(
            id: Identifier.uuid(), draft: try draft.validated(), isForDefaultGroups: isForDefaultGroups,
            isForOtherGroups: isForOtherGroups)
        var draft = rule.draft
        if draft.remoteGroupID == DefaultSecurityGroupRule.parent { draft.remoteGroupID = nil }
        try checkRemotes(of: draft, in: transaction)
        let duplicate = try DefaultSecurityRuleRecords.all(in: transaction).first { other in
            let meet = isForDefaultGroups && other.isForDefaultGroups || isForOtherGroups && other.isForOtherGroups
            return meet && other.draft.fingerprint == rule.draft.fingerprint
        }
        if let duplicate {
            throw NetworkingError(
                .conflict, "DefaultSecurityGroupRuleExists",
                "Default Security group rule already exists. Rule id is \(duplicate.id).")
        }
        try DefaultSecurityRuleRecords.insert(rule, in: transaction)
        return rule
    }

    /// Refuses rules about groups that are not there.
    func checkRemotes(of draft: SecurityRuleDraft, in reader: any Reader) throws {
        if let id = draft.remoteGroupID, try SecurityGroupRecords.find(id, in: reader) == nil {
            throw NetworkingError.securityGroupNotFound(id)
        }
        if let id = draft.remoteAddressGroupID, try AddressGroupRecords.find(id, in: reader) == nil {
            throw NetworkingError.addressGroupNotFound(id)
        }
    }

    func createDefaultStatefulness(project: String, isStateful: Bool, in transaction: any Transaction) throws -> DefaultStatefulness {
        guard try DefaultStatefulnessRecords.find(project: project, in: transaction) == nil else {
            throw NetworkingError(
                .conflict, "SecurityGroupDefaultStatefulnessAlreadyExists",
                "A security group default statefulness setting already exists for project "
                    + "'\(project.isEmpty ? "system-wide" : project)'.")
        }
        let setting = DefaultStatefulness(id: Identifier.uuid(), projectID: project, isStateful: isStateful)
        try DefaultStatefulnessRecords.insert(setting, in: transaction)
        return setting
    }
}
