import CloudAPI
import CloudCore
import CloudStore

// QoS policies and the types of rules: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let kind = ResourceKind(
        names: QoSPolicyView.names, listing: QoSPolicyRecords.listing, missing: NetworkingError.qosPolicyNotFound,
        find: QoSPolicyRecords.find, list: QoSPolicyRecords.list, load: QoSPolicyView.load, standard: { $0.standard })

    var qosPolicyEndpoints: [Endpoint] {
        let (all, one, names) = ("/v2.0/qos/policies", "/v2.0/qos/policies/{policy_id}", QoSPolicyView.names)
        return [
            Endpoint(.get, all, "List QoS policies", access: .listing) { try await list($0, Self.kind) },
            Endpoint(
                .post, all, "Create QoS policies", access: .ruleOnResource("create_policy"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.qosPolicyCreation), success: .created,
                handler: createPolicies),
            Endpoint(.get, one, "Show a QoS policy", access: .ruleOnResource("get_policy")) { try await show($0, Self.kind) },
            Endpoint(
                .put, one, "Change a QoS policy", access: .ruleOnResource("update_policy"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.qosPolicyUpdate), handler: updatePolicy),
            Endpoint(
                .delete, one, "Delete a QoS policy", access: .ruleOnResource("delete_policy"), success: .noContent
            ) { try await delete($0, Self.kind) { [operations] in try operations.deleteQoSPolicy($0, in: $1) } },
            Endpoint(
                .get, "/v2.0/qos/rule-types", "List the types of QoS rules", access: .rule("get_rule_type"),
                handler: listRuleTypes),
            Endpoint(
                .get, "/v2.0/qos/rule-types/{rule_type}", "Show a type of QoS rules", access: .rule("get_rule_type"),
                handler: showRuleType),
        ]
    }

    private func createPolicies(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(QoSPolicyView.names).map { attributes in
            var draft = QoSPolicyDraft(projectID: try attributes.project(of: request))
            draft.name = attributes.text("name") ?? ""
            draft.description = attributes.text("description") ?? ""
            draft.isShared = attributes.flag("shared") ?? false
            draft.isDefault = attributes.flag("is_default") ?? false
            draft.tags = attributes.texts("tags") ?? []
            try request.authorizeCreation(
                of: "policy", PolicySubject(projectID: draft.projectID), setting: attributes.present(["tags"]))
            return draft
        }
        return try await create(request, Self.kind) { [operations] transaction in
            try drafts.map { try operations.createQoSPolicy($0, in: transaction) }
        }
    }

    private func updatePolicy(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(QoSPolicyView.names)
        let change = QoSPolicyChange(
            name: attributes.text("name"), description: attributes.text("description"),
            isShared: attributes.flag("shared"), isDefault: attributes.flag("is_default"))
        return try await self.change(request, Self.kind) { [operations] policy, transaction in
            try operations.updateQoSPolicy(policy, change, in: transaction)
        }
    }

    /// The types that ports can have, which are all (`all_rules` asks for those that some engine lacks).
    private func listRuleTypes(_ request: APIRequest) async throws -> APIResponse {
        let wanted = request.query.all("type")
        let views = QoSRuleType.allCases.filter { wanted.isEmpty || wanted.contains($0.rawValue) }
            .map { QoSRuleTypeView(type: $0, hasDetails: false) }
        var list = ListRequest()
        list.fields = request.fields
        return await request.answer(views, QoSRuleTypeView.names, list, isComplete: true)
    }

    private func showRuleType(_ request: APIRequest) throws -> APIResponse {
        guard request.caller.isAdmin else { throw NetworkingError(.forbidden, "NotAuthorized", "Not authorized.") }
        guard let type = QoSRuleType(rawValue: request["rule_type"]) else {
            throw NetworkingError.notFound("HTTPNotFound", "QoS rule type", request["rule_type"])
        }
        return request.answer(QoSRuleTypeView(type: type, hasDetails: true), QoSRuleTypeView.names, fields: request.fields)
    }
}
