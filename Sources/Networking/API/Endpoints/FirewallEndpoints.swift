import CloudAPI
import CloudCore
import CloudStore

// Firewall groups, policies and rules: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let groups = ResourceKind(
        names: FirewallGroupView.names, listing: FirewallGroupRecords.listing,
        missing: NetworkingError.firewallGroupNotFound, find: FirewallGroupRecords.find, list: FirewallGroupRecords.list,
        load: FirewallGroupView.load, standard: { $0.standard })
    private static let policies = ResourceKind(
        names: FirewallPolicyView.names, listing: FirewallPolicyRecords.listing,
        missing: NetworkingError.firewallPolicyNotFound, find: FirewallPolicyRecords.find, list: FirewallPolicyRecords.list,
        load: FirewallPolicyView.load, standard: { $0.standard })
    private static let rules = ResourceKind(
        names: FirewallRuleView.names, listing: FirewallRuleRecords.listing, missing: NetworkingError.firewallRuleNotFound,
        find: { id, reader in try FirewallRuleRecords.find(id, in: reader) }, list: FirewallRuleRecords.list,
        load: FirewallRuleView.load, standard: { $0.standard })

    var firewallEndpoints: [Endpoint] { firewallGroupEndpoints + firewallPolicyEndpoints + firewallRuleEndpoints }

    private var firewallGroupEndpoints: [Endpoint] {
        let (names, all) = (FirewallGroupView.names, "/v2.0/fwaas/firewall_groups")
        let item = "\(all)/{firewall_group_id}"
        return [
            Endpoint(.get, all, "List firewall groups", access: .listing) { try await listFirewalls($0, Self.groups) },
            Endpoint(
                .post, all, "Create firewall groups", access: .ruleOnResource("create_firewall_group"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.firewallGroupCreation), success: .created,
                handler: createFirewallGroups),
            Endpoint(.get, item, "Show a firewall group", access: .ruleOnResource("get_firewall_group")) {
                try await show($0, Self.groups)
            },
            Endpoint(
                .put, item, "Change a firewall group", access: .ruleOnResource("update_firewall_group"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.firewallGroupUpdate), handler: updateFirewallGroup),
            Endpoint(
                .delete, item, "Delete a firewall group", access: .ruleOnResource("delete_firewall_group"),
                success: .noContent
            ) { [operations] request in
                let caller = request.caller
                return try await delete(request, Self.groups) { try operations.deleteFirewallGroup($0, by: caller, in: $1) }
            },
        ]
    }

    private var firewallPolicyEndpoints: [Endpoint] {
        let (names, all) = (FirewallPolicyView.names, "/v2.0/fwaas/firewall_policies")
        let item = "\(all)/{firewall_policy_id}"
        return [
            Endpoint(.get, all, "List firewall policies", access: .listing) { try await listFirewalls($0, Self.policies) },
            Endpoint(
                .post, all, "Create firewall policies", access: .ruleOnResource("create_firewall_policy"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.firewallPolicyCreation), success: .created,
                handler: createFirewallPolicies),
            Endpoint(.get, item, "Show a firewall policy", access: .ruleOnResource("get_firewall_policy")) {
                try await show($0, Self.policies)
            },
            Endpoint(
                .put, item, "Change a firewall policy", access: .ruleOnResource("update_firewall_policy"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.firewallPolicyUpdate), handler: updateFirewallPolicy),
            Endpoint(
                .put, "\(item)/insert_rule", "Put a rule into a firewall policy", access: .ruleOnResource("insert_rule"),
                body: NetworkingSchemas.firewallRulePlace, handler: insertFirewallRule),
            Endpoint(
                .put, "\(item)/remove_rule", "Take a rule from a firewall policy", access: .ruleOnResource("remove_rule"),
                body: NetworkingSchemas.firewallRulePlace, handler: removeFirewallRule),
            Endpoint(
                .delete, item, "Delete a firewall policy", access: .ruleOnResource("delete_firewall_policy"),
                success: .noContent
            ) { [operations] in try await delete($0, Self.policies) { try operations.deleteFirewallPolicy($0, in: $1) } },
        ]
    }

    private var firewallRuleEndpoints: [Endpoint] {
        let (names, all) = (FirewallRuleView.names, "/v2.0/fwaas/firewall_rules")
        let item = "\(all)/{firewall_rule_id}"
        return [
            Endpoint(.get, all, "List firewall rules", access: .listing) { try await listFirewalls($0, Self.rules) },
            Endpoint(
                .post, all, "Create firewall rules", access: .ruleOnResource("create_firewall_rule"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.firewallRuleCreation), success: .created,
                handler: createFirewallRules),
            Endpoint(.get, item, "Show a firewall rule", access: .ruleOnResource("get_firewall_rule")) {
                try await show($0, Self.rules)
            },
            Endpoint(
                .put, item, "Change a firewall rule", access: .ruleOnResource("update_firewall_rule"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.firewallRuleUpdate), handler: updateFirewallRule),
            Endpoint(
                .delete, item, "Delete a firewall rule", access: .ruleOnResource("delete_firewall_rule"), success: .noContent
            ) { [operations] in try await delete($0, Self.rules) { try operations.deleteFirewallRule($0, in: $1) } },
        ]
    }

    /// Lists; a project's first look finds its default group.
    private func listFirewalls<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>
    ) async throws -> APIResponse {
        if let project = request.token?.projectID {
            let hasDefault = try await database.read { try FirewallGroupRecords.hasDefault(project: project, in: $0) }
            if !hasDefault {
                try await database.write { [operations] in try operations.ensureDefaultFirewall(project: project, in: $0) }
            }
        }
        return try await list(request, kind)
    }

    /// The attributes with a rule of their own: sharing, unless a creation only names the default.
    private static func guarded(_ attributes: Attributes, isNew: Bool) -> [String] {
        isNew && attributes.flag("shared") != true ? [] : attributes.present(["shared"])
    }

    /// The project of a firewall to be made, if the caller may make it.
    private static func project(
        _ request: APIRequest, _ attributes: Attributes, _ names: ResourceNames
    ) throws -> String {
        let project = try attributes.project(of: request)
        try request.authorizeCreation(
            of: names.singular, PolicySubject(projectID: project), setting: guarded(attributes, isNew: true))
        return project
    }
}

// Groups.
extension NetworkingAPI {
    private static func apply(_ attributes: Attributes, to group: inout FirewallGroup) {
        group.name = attributes.text("name") ?? group.name
        group.standard.description = attributes.text("description") ?? group.standard.description
        group.isShared = attributes.flag("shared") ?? group.isShared
        group.isAdminUp = attributes.flag("admin_state_up") ?? group.isAdminUp
        if attributes.has("ingress_firewall_policy_id") {
            group.ingressPolicyID = attributes.text("ingress_firewall_policy_id")
        }
        if attributes.has("egress_firewall_policy_id") { group.egressPolicyID = attributes.text("egress_firewall_policy_id") }
    }

    /// A policy or port that the caller may not see does not exist for them.
    private static func checkVisible(
        _ attributes: Attributes, _ request: APIRequest, in reader: any Reader
    ) throws {
        for name in ["ingress_firewall_policy_id", "egress_firewall_policy_id"] {
            guard let id = attributes.text(name) else { continue }
            let policy = try FirewallPolicyRecords.find(id, in: reader).orThrow(.firewallPolicyNotFound(id))
            let subject = PolicySubject(projectID: policy.projectID, isShared: policy.isShared)
            guard request.allows("get_firewall_policy", subject.target) else { throw NetworkingError.firewallPolicyNotFound(id) }
        }
        let ports = try PortRecords.find(attributes.texts("ports") ?? [], in: reader)
        let networks = try NetworkRecords.find(Set(ports.values.map(\.networkID)), in: reader)
        for port in ports.values {
            let subject = PolicySubject(
                projectID: port.projectID, on: networks[port.networkID], deviceOwner: port.deviceOwner)
            guard request.allows("get_port", subject.target) else { throw NetworkingError.portNotFound(port.id) }
        }
    }

    private func createFirewallGroups(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(FirewallGroupView.names).map { attributes in
            var group = FirewallGroup(
                id: Identifier.uuid(), projectID: try Self.project(request, attributes, FirewallGroupView.names),
                standard: StandardAttributes(createdAt: .now))
            Self.apply(attributes, to: &group)
            return (group, attributes)
        }
        return try await create(request, Self.groups) { [operations] transaction in
            try drafts.map { group, attributes in
                try Self.checkVisible(attributes, request, in: transaction)
                return try operations.createFirewallGroup(group, ports: attributes.texts("ports") ?? [], in: transaction)
            }
        }
    }

    private func updateFirewallGroup(_ request: APIRequest) async throws -> APIResponse {
        let (attributes, caller) = (request.attributes(FirewallGroupView.names), request.caller)
        return try await change(request, Self.groups, setting: Self.guarded(attributes, isNew: false)) {
            [operations] old, transaction in
            let fixed = caller.isAdmin
                ? ["name"]
                : ["name", "description", "admin_state_up", "ingress_firewall_policy_id", "egress_firewall_policy_id"]
            guard !old.isDefault || attributes.present(fixed).isEmpty else {
                throw NetworkingError(
                    .conflict, "FirewallDefaultObjectUpdateRestricted",
                    "The default firewall group \(old.id) cannot be changed in this way.")
            }
            try Self.checkVisible(attributes, request, in: transaction)
            var group = old
            Self.apply(attributes, to: &group)
            return try operations.updateFirewallGroup(group, was: old, ports: attributes.texts("ports"), in: transaction)
        }
    }
}

// Policies.
extension NetworkingAPI {
    private static func apply(_ attributes: Attributes, to policy: inout FirewallPolicy) {
        policy.name = attributes.text("name") ?? policy.name
        policy.standard.description = attributes.text("description") ?? policy.standard.description
        policy.isShared = attributes.flag("shared") ?? policy.isShared
        // A change that does not say that someone looked it over asks for someone to.
        policy.isAudited = attributes.flag("audited") ?? false
    }

    private func createFirewallPolicies(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(FirewallPolicyView.names).map { attributes in
            var policy = FirewallPolicy(
                id: Identifier.uuid(), projectID: try Self.project(request, attributes, FirewallPolicyView.names),
                standard: StandardAttributes(createdAt: .now))
            Self.apply(attributes, to: &policy)
            return (policy, attributes.texts("firewall_rules") ?? [])
        }
        return try await create(request, Self.policies) { [operations] transaction in
            try drafts.map { try operations.createFirewallPolicy($0, rules: $1, in: transaction) }
        }
    }

    private func updateFirewallPolicy(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(FirewallPolicyView.names)
        return try await change(request, Self.policies, setting: Self.guarded(attributes, isNew: false)) {
            [operations] old, transaction in
            var policy = old
            Self.apply(attributes, to: &policy)
            return try operations.updateFirewallPolicy(
                policy, was: old, rules: attributes.texts("firewall_rules"), in: transaction)
        }
    }

    /// Changes the order of a policy's rules and answers with the policy, without a wrapper as upstream does.
    private func reorder(
        _ request: APIRequest,
        _ change: @escaping @Sendable (FirewallPolicy, String, any Transaction) throws -> FirewallPolicy
    ) async throws -> APIResponse {
        guard let rule = request.body["firewall_rule_id"]?.string else {
            throw NetworkingError(
                .badRequest, "FirewallRuleInfoMissing", "Missing rule info argument for insert/remove rule operation.")
        }
        guard Identifier.isUUID(rule) else { throw NetworkingError.firewallRuleNotFound(rule) }
        let view = try await database.write { transaction in
            let policy = try Self.changeable(request, Self.policies, in: transaction)
            return try Self.policies.view(try change(policy, rule, transaction), in: transaction)
        }
        return .json { $0.object(view, ViewFilter()) }
    }

    private func insertFirewallRule(_ request: APIRequest) async throws -> APIResponse {
        func reference(_ name: String) -> String? { request.body[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        let (before, after) = (reference("insert_before"), reference("insert_after"))
        return try await reorder(request) { [operations] policy, rule, transaction in
            try operations.insertRule(rule, into: policy, before: before, after: after, in: transaction)
        }
    }

    private func removeFirewallRule(_ request: APIRequest) async throws -> APIResponse {
        try await reorder(request) { [operations] policy, rule, transaction in
            try operations.removeRule(rule, from: policy, in: transaction)
        }
    }
}

// Rules.
extension NetworkingAPI {
    private static func apply(_ attributes: Attributes, to rule: inout FirewallRule) throws(NetworkingError) {
        rule.name = attributes.text("name") ?? rule.name
        rule.standard.description = attributes.text("description") ?? rule.standard.description
        rule.isShared = attributes.flag("shared") ?? rule.isShared
        rule.isEnabled = attributes.flag("enabled") ?? rule.isEnabled
        rule.ipVersion = attributes.number("ip_version") ?? rule.ipVersion
        if attributes.has("protocol") { rule.ipProtocol = try ipProtocol(attributes.text("protocol")) }
        if attributes.has("source_ip_address") { rule.source = range(attributes.text("source_ip_address")) }
        if attributes.has("destination_ip_address") { rule.destination = range(attributes.text("destination_ip_address")) }
        if attributes.has("source_port") { rule.sourcePort = port(attributes, "source_port") }
        if attributes.has("destination_port") { rule.destinationPort = port(attributes, "destination_port") }
        if let text = attributes.text("action") {
            guard let action = FirewallRule.Action(rawValue: text.lowercased()) else {
                throw .badBody("Invalid input for action. Reason: '\(text)' is not in ['allow', 'deny', 'reject'].")
            }
            rule.action = action
        }
    }

    private static func ipProtocol(_ text: String?) throws(NetworkingError) -> String? {
        guard let name = text?.lowercased(), !name.isEmpty, name != "any" else { return nil }
        guard FirewallRule.protocols.contains(name) else {
            throw .badBody("Invalid input for protocol. Reason: '\(name)' is not a protocol that firewall rules know.")
        }
        return name
    }

    /// An address is a range of one.
    private static func range(_ text: String?) -> String? {
        text.map { text in IPAddress(text).map { "\($0)/\($0.version == .v4 ? 32 : 128)" } ?? text }
    }

    private static func port(_ attributes: Attributes, _ name: String) -> String? {
        attributes.text(name) ?? attributes.number(name).map(String.init)
    }

    private func createFirewallRules(_ request: APIRequest) async throws -> APIResponse {
        let rules = try request.creations(FirewallRuleView.names).map { attributes in
            var rule = FirewallRule(
                id: Identifier.uuid(), projectID: try Self.project(request, attributes, FirewallRuleView.names),
                standard: StandardAttributes(createdAt: .now))
            try Self.apply(attributes, to: &rule)
            return rule
        }
        return try await create(request, Self.rules) { [operations] transaction in
            try rules.map { try operations.createFirewallRule($0, in: transaction) }
        }
    }

    private func updateFirewallRule(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(FirewallRuleView.names)
        return try await change(request, Self.rules, setting: Self.guarded(attributes, isNew: false)) {
            [operations] old, transaction in
            var rule = old
            try Self.apply(attributes, to: &rule)
            return try operations.updateFirewallRule(rule, in: transaction)
        }
    }
}
