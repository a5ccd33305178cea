import CloudCore
import NetworkMessages

/// A template of security group rules as the API shows it.
struct DefaultSecurityRuleView: View, Sendable {
    static let names = ResourceNames("default_security_group_rule", "default_security_group_rules")

    let rule: DefaultSecurityGroupRule

    var id: String { rule.id }
    // A template belongs to no project.
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        let draft = rule.draft
        json("id", rule.id)
        json("direction", draft.direction.rawValue)
        json("ethertype", draft.etherType.rawValue)
        json("protocol", draft.ipProtocol)
        json("port_range_min", draft.portMin)
        json("port_range_max", draft.portMax)
        json("remote_ip_prefix", draft.remoteCIDR)
        json("remote_group_id", draft.remoteGroupID)
        json("remote_address_group_id", draft.remoteAddressGroupID)
        json("description", draft.description)
        json("used_in_default_sg", rule.isForDefaultGroups)
        json("used_in_non_default_sg", rule.isForOtherGroups)
    }
}

/// A setting of whether new groups have state, as the API shows it.
struct DefaultStatefulnessView: View, Sendable {
    /// Upstream has one name for one and for many.
    static let names = ResourceNames("security_groups_default_statefulness", "security_groups_default_statefulness")
    /// What openstacksdk calls one of them.
    static let clientName = "security_group_default_statefulness"

    let setting: DefaultStatefulness

    var id: String { setting.id }
    var subject: PolicySubject { PolicySubject(projectID: setting.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", setting.id)
        json("project_id", setting.projectID.isEmpty ? nil : setting.projectID)
        json("stateful", setting.isStateful)
    }
}
