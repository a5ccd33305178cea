import CloudPolicy

/// Neutron's default policy.
enum NeutronPolicy {
    static let admin = "rule:admin_only"
    static let adminOrMember = "(rule:admin_only) or (role:member and project_id:%(project_id)s)"
    static let adminOrReader = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)"
    static let adminOrManager = "(rule:admin_only) or (role:manager and project_id:%(project_id)s)"
    static let adminOrParentMember = "(rule:admin_only) or (role:member and rule:ext_parent_owner)"
    static let adminOrParentReader = "(rule:admin_only) or (role:reader and rule:ext_parent_owner)"
    static let adminOrService = "(rule:admin_only) or (rule:service_api)"
    static let adminServiceOrNetworkMember =
        "(rule:admin_only) or (rule:service_api) or role:member and rule:network_owner"
    static let adminServiceNetworkMemberOrShared =
        "(rule:admin_only) or (rule:service_api) or role:member and rule:network_owner or rule:shared"
    static let adminNetworkMemberOrService =
        "(rule:admin_only) or (role:member and rule:network_owner) or rule:service_api"
    static let adminMemberOrService =
        "(rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:service_api"

    /// A rule for tokens of projects, as all of Neutron's are.
    static func rule(_ name: String, _ check: String, _ description: String) -> PolicyRule {
        PolicyRule(name, check, scopes: [.project], description)
    }

    /// Every rule.
    static let all: [PolicyRule] = [
        baseRules,
        networkRules,
        sharingRules,
        subnetRules,
        subnetPoolRules,
        segmentRules,
        portRules,
        portBindingRules,
        trunkRules,
        qosRules,
        routerRules,
        securityGroupRules,
        groupServiceRules,
        housekeepingRules,
        flavorRules,
        meteringRules,
        firewallRules,
    ].flatMap { $0 }

    /// The names of every rule: an attribute without a rule of its own is governed by its resource's.
    static let names = Set(all.map(\.name))

    /// The attributes whose sight has a rule of its own (`get_port:binding:host_id`), by their resource.
    static let guarded: [String: [String]] = {
        let reads = names.filter { $0.hasPrefix("get_") }.compactMap { name -> (String, String)? in
            let parts = name.dropFirst("get_".count).split(separator: ":", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
        return Dictionary(grouping: reads, by: \.0).mapValues { $0.map(\.1) }
    }()
}
