import CloudCore
import CloudStore
import NetworkMessages

/// A security group with its rules as the API shows it.
struct SecurityGroupView: View {
    static let names = ResourceNames("security_group", "security_groups")

    let group: SecurityGroup
    let rules: [SecurityGroupRule]
    let tags: [String]

    /// The views of groups, in a constant number of queries.
    static func load(_ groups: [SecurityGroup], in reader: any Reader) throws -> [SecurityGroupView] {
        let ids = groups.map(\.id)
        let rules = try SecurityGroupRuleRecords.all(groups: ids, in: reader)
        let tags = try TagRecords.all(ids, in: reader)
        return groups.map { SecurityGroupView(group: $0, rules: rules[$0.id] ?? [], tags: tags[$0.id] ?? []) }
    }

    var id: String { group.id }
    var subject: PolicySubject { group.subject }

    func write(to json: inout MemberWriter) {
        json("id", group.id)
        json("name", group.name)
        json.project(group.projectID)
        json("stateful", group.isStateful)
        json.shared(group.sharing)
        json("security_group_rules", value: { json in
            json.array { json in
                for rule in rules {
                    json.object(SecurityGroupRuleView(rule: rule, group: group), ViewFilter())
                }
            }
        })
        json.standard(group.standard, tags: tags)
    }
}

/// A security group's rule as the API shows it.
struct SecurityGroupRuleView: View {
    static let names = ResourceNames("security_group_rule", "security_group_rules")

    let rule: SecurityGroupRule
    let group: SecurityGroup?

    /// The views of rules, in a constant number of queries.
    static func load(_ rules: [SecurityGroupRule], in reader: any Reader) throws -> [SecurityGroupRuleView] {
        let groups = try SecurityGroupRecords.find(Set(rules.map(\.groupID)), in: reader)
        return rules.map { SecurityGroupRuleView(rule: $0, group: groups[$0.groupID]) }
    }

    var id: String { rule.id }
    var subject: PolicySubject { PolicySubject(projectID: rule.projectID, groupProjectID: group?.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", rule.id)
        json.project(rule.projectID)
        json("security_group_id", rule.groupID)
        json("ethertype", rule.etherType.rawValue)
        json("direction", rule.direction.rawValue)
        json("protocol", rule.ipProtocol)
        json("port_range_min", rule.portMin)
        json("port_range_max", rule.portMax)
        json("remote_ip_prefix", rule.remoteCIDR)
        json("remote_address_group_id", rule.remoteAddressGroupID)
        json("normalized_cidr", rule.remoteCIDR.flatMap { CIDR($0)?.description })
        json("remote_group_id", rule.remoteGroupID)
        json("belongs_to_default_sg", group?.isDefault ?? false)
        json("description", rule.standard.description)
        json("created_at", rule.standard.createdAt.iso8601)
        json("updated_at", rule.standard.updatedAt.iso8601)
        json("revision_number", rule.standard.revision)
    }
}

extension SecurityGroup {
    /// What policy may know of it.
    var subject: PolicySubject { PolicySubject(projectID: projectID, sharing: sharing) }
}
