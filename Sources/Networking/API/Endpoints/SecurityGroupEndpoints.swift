import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages

// Security groups: decode, authorise, call, encode.
extension NetworkingAPI {
    var securityGroupEndpoints: [Endpoint] {
        let (groups, rules) = (SecurityGroupView.names, SecurityGroupRuleView.names)
        return [
            Endpoint(.get, "/v2.0/security-groups", "List security groups", access: .listing, handler: listGroups),
            Endpoint(
                .post, "/v2.0/security-groups", "Create security groups", access: .ruleOnResource("create_security_group"),
                body: NetworkingSchemas.creation(groups, NetworkingSchemas.securityGroupCreation), success: .created,
                handler: createGroups),
            Endpoint(
                .get, "/v2.0/security-groups/{security_group_id}", "Show a security group",
                access: .ruleOnResource("get_security_group"), handler: showGroup),
            Endpoint(
                .put, "/v2.0/security-groups/{security_group_id}", "Change a security group",
                access: .ruleOnResource("update_security_group"),
                body: NetworkingSchemas.update(groups, NetworkingSchemas.securityGroupUpdate), handler: updateGroup),
            Endpoint(
                .delete, "/v2.0/security-groups/{security_group_id}", "Delete a security group",
                access: .ruleOnResource("delete_security_group"), success: .noContent, handler: deleteGroup),
            Endpoint(.get, "/v2.0/security-group-rules", "List security group rules", access: .listing, handler: listRules),
            Endpoint(
                .post, "/v2.0/security-group-rules", "Create security group rules",
                access: .ruleOnResource("create_security_group_rule"),
                body: NetworkingSchemas.creation(
                    rules, NetworkingSchemas.securityGroupRuleCreation, required: ["security_group_id", "direction"]),
                success: .created, handler: createRules),
            Endpoint(
                .get, "/v2.0/security-group-rules/{rule_id}", "Show a security group rule",
                access: .ruleOnResource("get_security_group_rule"), handler: showRule),
            Endpoint(
                .delete, "/v2.0/security-group-rules/{rule_id}", "Delete a security group rule",
                access: .ruleOnResource("delete_security_group_rule"), success: .noContent, handler: deleteRule),
        ]
    }

    /// Every project that looks at its groups finds a default one: it is made when it is missing.
    private func ensureDefaultGroup(_ request: APIRequest, _ list: ListRequest) async throws {
        let named = list.values(of: "project_id") ?? list.values(of: "tenant_id")
        guard let project = named?.first ?? request.token?.projectID, !project.isEmpty else { return }
        guard request.allows("create_default_security_group", PolicySubject(projectID: project).target) else { return }
        let exists = try await database.read { try SecurityGroupRecords.defaultID(project: project, in: $0) != nil }
        guard !exists else { return }
        try await database.write { [operations] in _ = try operations.defaultSecurityGroup(project: project, in: $0) }
    }

    private func listGroups(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SecurityGroupRecords.listing)
        try await ensureDefaultGroup(request, list)
        let visibility = request.visibility
        let views = try await database.read { reader in
            try SecurityGroupView.load(try SecurityGroupRecords.list(list, visibility, in: reader), in: reader)
        }
        return await request.answer(views, SecurityGroupView.names, list)
    }

    private func showGroup(_ request: APIRequest) async throws -> APIResponse {
        let id = request["security_group_id"]
        let view = try await database.read { reader in
            let group = try SecurityGroupRecords.find(id, in: reader).orThrow(.securityGroupNotFound(id))
            return try SecurityGroupView.load([group], in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.securityGroupNotFound(id).fault)
        return request.answer(view, SecurityGroupView.names, fields: request.fields)
    }

    private func createGroups(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(SecurityGroupView.names).map { attributes in
            let project = try attributes.project(of: request)
            try request.authorizeCreation(
                of: "security_group", PolicySubject(projectID: project), setting: attributes.present(["tags"]))
            return (project: project, attributes: attributes)
        }
        let views = try await database.write { [operations] transaction in
            let groups = try drafts.map { project, attributes in
                try operations.createSecurityGroup(
                    name: attributes.text("name") ?? "", description: attributes.text("description") ?? "", project: project,
                    isStateful: attributes.flag("stateful"), tags: attributes.texts("tags") ?? [], in: transaction)
            }
            return try SecurityGroupView.load(groups, in: transaction)
        }
        return await request.answer(created: views, SecurityGroupView.names)
    }

    private func updateGroup(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes) = (request["security_group_id"], request.attributes(SecurityGroupView.names))
        let change = SecurityGroupChange(
            name: attributes.text("name"), description: attributes.text("description"), isStateful: attributes.flag("stateful"))
        let view = try await database.write { [operations] transaction in
            let group = try SecurityGroupRecords.find(id, in: transaction).orThrow(.securityGroupNotFound(id))
            try request.authorizeChange(
                of: "security_group", group.subject,
                setting: attributes.json.object?.names ?? [], orHide: .securityGroupNotFound(id))
            try request.checkRevision(group.standard)
            let updated = try operations.updateSecurityGroup(group, change, in: transaction)
            return try SecurityGroupView.load([updated], in: transaction)[0]
        }
        return request.answer(view, SecurityGroupView.names)
    }

    private func deleteGroup(_ request: APIRequest) async throws -> APIResponse {
        let (id, caller) = (request["security_group_id"], request.caller)
        try await database.write { [operations] transaction in
            let group = try SecurityGroupRecords.find(id, in: transaction).orThrow(.securityGroupNotFound(id))
            try request.authorizeChange(
                of: "security_group", group.subject, orHide: .securityGroupNotFound(id))
            try request.checkRevision(group.standard)
            try operations.deleteSecurityGroup(group, by: caller, in: transaction)
        }
        return .empty()
    }
}

// Rules.
extension NetworkingAPI {
    private func listRules(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SecurityGroupRuleRecords.listing)
        try await ensureDefaultGroup(request, list)
        let visibility = request.visibility
        let views = try await database.read { reader in
            try SecurityGroupRuleView.load(try SecurityGroupRuleRecords.list(list, visibility, in: reader), in: reader)
        }
        return await request.answer(views, SecurityGroupRuleView.names, list)
    }

    private func showRule(_ request: APIRequest) async throws -> APIResponse {
        let id = request["rule_id"]
        let view = try await database.read { reader in
            let rule = try SecurityGroupRuleRecords.find(id, in: reader).orThrow(.securityGroupRuleNotFound(id))
            return try SecurityGroupRuleView.load([rule], in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.securityGroupRuleNotFound(id).fault)
        return request.answer(view, SecurityGroupRuleView.names, fields: request.fields)
    }

    private func createRules(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(SecurityGroupRuleView.names).map { attributes throws(NetworkingError) in
            try SecurityRuleDraft(attributes)
        }
        guard let groupID = drafts.first?.groupID, drafts.allSatisfy({ $0.groupID == groupID }) else {
            throw NetworkingError(
                .badRequest, "SecurityGroupNotSingleGroupRules", "Only allowed to update rules for one security profile at a time")
        }
        let views = try await database.write { [operations] transaction in
            let group = try SecurityGroupRecords.find(groupID, in: transaction).orThrow(.securityGroupNotFound(groupID))
            guard request.allows("get_security_group", group.subject.target) else {
                throw NetworkingError.securityGroupNotFound(groupID)
            }
            let subject = PolicySubject(projectID: group.projectID, groupProjectID: group.projectID)
            try request.authorizeCreation(of: "security_group_rule", subject)
            for draft in drafts { try Self.checkVisible(draft, request, in: transaction) }
            let rules = try operations.createSecurityGroupRules(drafts, in: group, transaction: transaction)
            return rules.map { SecurityGroupRuleView(rule: $0, group: group) }
        }
        return await request.answer(created: views, SecurityGroupRuleView.names)
    }

    /// Refuses rules about groups that the caller may not see, as if they were not there.
    private static func checkVisible(_ draft: SecurityRuleDraft, _ request: APIRequest, in reader: any Reader) throws {
        if let id = draft.remoteGroupID {
            let group = try SecurityGroupRecords.find(id, in: reader).orThrow(.securityGroupNotFound(id))
            guard request.allows("get_security_group", group.subject.target) else { throw NetworkingError.securityGroupNotFound(id) }
        }
        if let id = draft.remoteAddressGroupID {
            let group = try AddressGroupRecords.find(id, in: reader).orThrow(.addressGroupNotFound(id))
            let subject = AddressGroupView(group: group).subject
            guard request.allows("get_address_group", subject.target) else { throw NetworkingError.addressGroupNotFound(id) }
        }
    }

    private func deleteRule(_ request: APIRequest) async throws -> APIResponse {
        let id = request["rule_id"]
        try await database.write { [operations] transaction in
            let rule = try SecurityGroupRuleRecords.find(id, in: transaction).orThrow(.securityGroupRuleNotFound(id))
            let group = try SecurityGroupRecords.find(rule.groupID, in: transaction)
            let subject = PolicySubject(projectID: rule.projectID, groupProjectID: group?.projectID)
            try request.authorizeChange(of: "security_group_rule", subject, orHide: .securityGroupRuleNotFound(id))
            try operations.deleteSecurityGroupRule(rule, in: transaction)
        }
        return .empty()
    }
}

extension SecurityRuleDraft {
    /// Reads a rule from a request.
    /// - Throws: `NetworkingError` for a family or a port that there is none of.
    init(_ attributes: Attributes) throws(NetworkingError) {
        let text = attributes.text("ethertype") ?? "IPv4"
        let types: [LogicalRule.EtherType] = [.ipv4, .ipv6]
        guard let type = types.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw NetworkingError(
                .badRequest, "SecurityGroupRuleInvalidEtherType",
                "Security group rule for ethertype '\(text)' not supported. Allowed values are ['IPv4', 'IPv6'].")
        }
        let direction: LogicalRule.Direction = attributes.text("direction") == "egress" ? .egress : .ingress
        self.init(groupID: attributes.text("security_group_id") ?? "", direction, type)
        projectID = attributes.text("project_id") ?? attributes.text("tenant_id")
        ipProtocol = attributes.text("protocol") ?? attributes.number("protocol").map(String.init)
        portMin = try Self.port(attributes, "port_range_min")
        portMax = try Self.port(attributes, "port_range_max")
        remoteCIDR = attributes.text("remote_ip_prefix")
        remoteGroupID = attributes.text("remote_group_id")
        remoteAddressGroupID = attributes.text("remote_address_group_id")
        description = attributes.text("description") ?? ""
    }

    private static func port(_ attributes: Attributes, _ name: String) throws(NetworkingError) -> Int? {
        guard let number = attributes.number(name) else { return nil }
        guard (0...65535).contains(number) else { throw invalidPort(String(number)) }
        return number
    }
}
