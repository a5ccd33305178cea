import CloudAPI
import CloudCore
import CloudStore

// What new security groups begin with: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let templates = ResourceKind<DefaultSecurityGroupRule, DefaultSecurityRuleView>(
        names: DefaultSecurityRuleView.names, listing: DefaultSecurityRuleRecords.listing,
        missing: { .defaultRuleNotFound($0) },
        find: { try DefaultSecurityRuleRecords.find($0, in: $1) },
        list: { request, _, reader in try DefaultSecurityRuleRecords.list(request, in: reader) },
        load: { rules, _ in rules.map { DefaultSecurityRuleView(rule: $0) } })

    private static let statefulness = ResourceKind<DefaultStatefulness, DefaultStatefulnessView>(
        names: DefaultStatefulnessView.names, listing: DefaultStatefulnessRecords.listing,
        missing: { .defaultStatefulnessNotFound($0) },
        find: { try DefaultStatefulnessRecords.find($0, in: $1) },
        list: { try DefaultStatefulnessRecords.list($0, $1, in: $2) },
        load: { settings, _ in settings.map { DefaultStatefulnessView(setting: $0) } })

    var defaultSecurityEndpoints: [Endpoint] { templateEndpoints + statefulnessEndpoints }

    private var templateEndpoints: [Endpoint] {
        let (kind, path) = (Self.templates, "/v2.0/default-security-group-rules")
        let item = "\(path)/{\(kind.parameter)}"
        return [
            Endpoint(.get, path, "List templates of security group rules", access: .listing) { try await list($0, kind) },
            Endpoint(
                .post, path, "Create a template of security group rules",
                access: .ruleOnResource("create_default_security_group_rule"),
                body: NetworkingSchemas.creation(
                    kind.names, NetworkingSchemas.defaultRuleCreation, required: ["direction"], isBulk: false),
                success: .created, handler: createTemplate),
            Endpoint(
                .get, item, "Show a template of security group rules", access: .ruleOnResource("get_default_security_group_rule")
            ) { try await show($0, kind) },
            Endpoint(
                .delete, item, "Delete a template of security group rules",
                access: .ruleOnResource("delete_default_security_group_rule"), success: .noContent
            ) { request in
                try await delete(request, kind) { try DefaultSecurityRuleRecords.delete($0.id, in: $1) }
            },
        ]
    }

    private func createTemplate(_ request: APIRequest) async throws -> APIResponse {
        try request.authorizeCreation(of: "default_security_group_rule", PolicySubject(projectID: request.token?.projectID ?? ""))
        let attributes = request.attributes(DefaultSecurityRuleView.names)
        let draft = try SecurityRuleDraft(attributes)
        return try await create(request, Self.templates) { [operations] transaction in
            [
                try operations.createDefaultSecurityRule(
                    draft, isForDefaultGroups: attributes.flag("used_in_default_sg") ?? false,
                    isForOtherGroups: attributes.flag("used_in_non_default_sg") ?? true, in: transaction)
            ]
        }
    }
}

// Whether new groups have state. openstacksdk has another name for one setting than upstream's definition: both are
// read and written.
extension NetworkingAPI {
    private var statefulnessEndpoints: [Endpoint] {
        let (kind, path) = (Self.statefulness, "/v2.0/security-groups-default-statefulness")
        let item = "\(path)/{\(kind.parameter)}"
        func rule(_ action: String) -> Access { .ruleOnResource("\(action)_\(kind.names.singular)") }
        return [
            Endpoint(.get, path, "List defaults of statefulness", access: .listing) { try await list($0, kind) },
            Endpoint(
                .post, path, "Create a default of statefulness", access: rule("create"),
                body: Self.body(NetworkingSchemas.statefulnessCreation), success: .created, handler: createStatefulness),
            Endpoint(.get, item, "Show a default of statefulness", access: rule("get"), handler: showStatefulness),
            Endpoint(
                .put, item, "Change a default of statefulness", access: rule("update"),
                body: Self.body(NetworkingSchemas.statefulnessUpdate), handler: updateStatefulness),
            Endpoint(
                .delete, item, "Delete a default of statefulness", access: rule("delete"), success: .noContent
            ) { request in
                try await delete(request, kind) { try DefaultStatefulnessRecords.delete($0.id, in: $1) }
            },
        ]
    }

    private static func body(_ members: NetworkingSchemas.Members) -> RequestBody {
        let schema = Schema.object(members)
        return .json(.object([(DefaultStatefulnessView.names.singular, schema), (DefaultStatefulnessView.clientName, schema)]))
    }

    private static func attributes(_ request: APIRequest) throws(NetworkingError) -> Attributes {
        let name = DefaultStatefulnessView.names.singular
        guard let json = request.body[name] ?? request.body[DefaultStatefulnessView.clientName] else {
            throw .badBody("The body must have '\(name)'")
        }
        return Attributes(json: json)
    }

    private static func answer(_ setting: DefaultStatefulness, fields: Set<String>? = nil) -> APIResponse {
        let (view, filter) = (DefaultStatefulnessView(setting: setting), ViewFilter(fields: fields))
        return .json { json in
            json.object { json in
                json.member(DefaultStatefulnessView.names.singular) { $0.object(view, filter) }
                json.member(DefaultStatefulnessView.clientName) { $0.object(view, filter) }
            }
        }
    }

    private func createStatefulness(_ request: APIRequest) async throws -> APIResponse {
        let attributes = try Self.attributes(request)
        // A project of null is every project; none at all is the caller's.
        let isForAll = attributes.json["project_id"] == .null || attributes.json["tenant_id"] == .null
        let project = try isForAll ? "" : attributes.project(of: request)
        try request.authorizeCreation(of: DefaultStatefulnessView.names.singular, PolicySubject(projectID: project))
        let setting = try await database.write { [operations] in
            try operations.createDefaultStatefulness(project: project, isStateful: attributes.flag("stateful") ?? true, in: $0)
        }
        return Self.answer(setting)
    }

    private func showStatefulness(_ request: APIRequest) async throws -> APIResponse {
        let (kind, id) = (Self.statefulness, request[Self.statefulness.parameter])
        let setting = try await database.read { try kind.find(id, $0).orThrow(kind.missing(id)) }
        try request.authorize(PolicySubject(projectID: setting.projectID).target, orThrow: kind.missing(id).fault)
        return Self.answer(setting, fields: request.fields)
    }

    private func updateStatefulness(_ request: APIRequest) async throws -> APIResponse {
        let attributes = try Self.attributes(request)
        let setting = try await database.write { transaction in
            var setting = try Self.changeable(request, Self.statefulness, in: transaction)
            setting.isStateful = attributes.flag("stateful") ?? setting.isStateful
            try DefaultStatefulnessRecords.update(setting, in: transaction)
            return setting
        }
        return Self.answer(setting)
    }
}
