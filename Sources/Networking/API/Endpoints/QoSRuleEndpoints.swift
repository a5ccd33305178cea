import CloudAPI
import CloudCore
import CloudStore

// QoS rules, below their policies and by their aliases: decode, authorise, call, encode.
extension NetworkingAPI {
    var qosRuleEndpoints: [Endpoint] {
        QoSRuleType.allCases.flatMap { ruleEndpoints($0) + ($0.hasAlias ? aliasEndpoints($0) : []) }
    }

    private func ruleEndpoints(_ type: QoSRuleType) -> [Endpoint] {
        let names = QoSRuleView.names(type)
        let (all, rule) = ("/v2.0/qos/policies/{policy_id}/\(names.plural)", names.policy)
        let one = "\(all)/{rule_id}"
        return [
            Endpoint(
                .get, all, "List a policy's \(names.plural)",
                access: .authenticated(because: "a list shows only what the rules' get rule admits, item by item")
            ) { try await listRules($0, type) },
            Endpoint(
                .post, all, "Create \(names.plural)", access: .ruleOnResource("create_\(rule)"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.qosRule(type) + NetworkingSchemas.project, required: [type.valueName]),
                success: .created
            ) { try await createRules($0, type) },
            Endpoint(.get, one, "Show a \(names.singular)", access: .ruleOnResource("get_\(rule)")) {
                try await showRule($0, type, names)
            },
            Endpoint(
                .put, one, "Change a \(names.singular)", access: .ruleOnResource("update_\(rule)"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.qosRule(type))
            ) { try await updateRule($0, type, names) },
            Endpoint(
                .delete, one, "Delete a \(names.singular)", access: .ruleOnResource("delete_\(rule)"), success: .noContent
            ) { try await deleteRule($0, type, names) },
        ]
    }

    private func aliasEndpoints(_ type: QoSRuleType) -> [Endpoint] {
        let names = QoSRuleView.aliasNames(type)
        let path = "/v2.0/qos/\(names.plural.split(separator: "_").joined(separator: "-"))/{rule_id}"
        return [
            Endpoint(.get, path, "Show a \(names.singular)", access: .ruleOnResource("get_\(names.policy)")) {
                try await showRule($0, type, names)
            },
            Endpoint(
                .put, path, "Change a \(names.singular)", access: .ruleOnResource("update_\(names.policy)"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.qosRule(type))
            ) { try await updateRule($0, type, names) },
            Endpoint(
                .delete, path, "Delete a \(names.singular)", access: .ruleOnResource("delete_\(names.policy)"),
                success: .noContent
            ) { try await deleteRule($0, type, names) },
        ]
    }

    /// The policy of the path, if the caller may see it.
    private static func visiblePolicy(_ request: APIRequest, in reader: any Reader) throws -> QoSPolicy {
        let id = request["policy_id"]
        let policy = try QoSPolicyRecords.find(id, in: reader).orThrow(.qosPolicyNotFound(id))
        let subject = PolicySubject(projectID: policy.projectID, sharing: policy.sharing)
        guard request.allows("get_policy", subject.target) else { throw NetworkingError.qosPolicyNotFound(id) }
        return policy
    }

    /// The rule of the path with its policy: the one that the path names or, under an alias, the rule's own.
    private static func rule(
        _ request: APIRequest, _ type: QoSRuleType, in reader: any Reader
    ) throws -> (rule: QoSRule, policy: QoSPolicy) {
        let id = request["rule_id"]
        let isAlias = request.parameters["policy_id"] == nil
        let named = isAlias ? nil : try visiblePolicy(request, in: reader)
        guard let rule = try QoSRuleRecords.find(id, type, in: reader), named == nil || named?.id == rule.policyID else {
            throw NetworkingError.qosRuleNotFound(id, policy: named?.id ?? "")
        }
        let policy = try named ?? QoSPolicyRecords.find(rule.policyID, in: reader)
        return (rule, try policy.orThrow(.qosPolicyNotFound(rule.policyID)))
    }

    private func listRules(_ request: APIRequest, _ type: QoSRuleType) async throws -> APIResponse {
        let list = try listRequest(request, QoSRuleRecords.listing(type))
        let views = try await database.read { reader in
            let policy = try Self.visiblePolicy(request, in: reader)
            return try QoSRuleRecords.list(list, type, policy: policy.id, in: reader).map { QoSRuleView($0, of: policy) }
        }
        return await request.answer(views, QoSRuleView.names(type), list)
    }

    private static func change(_ attributes: Attributes, _ type: QoSRuleType) -> QoSRuleChange {
        QoSRuleChange(
            direction: attributes.text("direction").flatMap(QoSDirection.init), value: attributes.number(type.valueName),
            burst: type.burstName.flatMap(attributes.number))
    }

    private func createRules(_ request: APIRequest, _ type: QoSRuleType) async throws -> APIResponse {
        let names = QoSRuleView.names(type)
        let drafts = try request.creations(names).map { Self.change($0, type) }
        let views = try await database.write { [operations] transaction in
            let found = try QoSPolicyRecords.find(request["policy_id"], in: transaction)
            // A policy that is not there belongs to nobody: only who may do this to any policy learns that.
            try request.authorize(found.map { PolicySubject(partOf: $0.projectID) }?.target ?? [:])
            let policy = try found.orThrow(.qosPolicyNotFound(request["policy_id"]))
            return try drafts.map {
                QoSRuleView(try operations.createQoSRule(type, of: policy, $0, in: transaction), of: policy)
            }
        }
        return await request.answer(created: views, names)
    }

    private func showRule(_ request: APIRequest, _ type: QoSRuleType, _ names: ResourceNames) async throws -> APIResponse {
        let view = try await database.read { reader in
            let (rule, policy) = try Self.rule(request, type, in: reader)
            return QoSRuleView(rule, of: policy)
        }
        try request.authorize(
            view.subject.target, orThrow: NetworkingError.qosRuleNotFound(view.id, policy: view.rule.policyID).fault)
        return request.answer(view, names, fields: request.fields)
    }

    /// The rule of the path with its policy, if the caller may change it.
    private static func changeable(
        _ request: APIRequest, _ type: QoSRuleType, _ names: ResourceNames, in reader: any Reader
    ) throws -> (rule: QoSRule, policy: QoSPolicy) {
        let (rule, policy) = try rule(request, type, in: reader)
        try request.authorizeChange(
            of: names.policy, PolicySubject(partOf: policy.projectID), orHide: .qosRuleNotFound(rule.id, policy: policy.id))
        return (rule, policy)
    }

    private func updateRule(_ request: APIRequest, _ type: QoSRuleType, _ names: ResourceNames) async throws -> APIResponse {
        let change = Self.change(request.attributes(names), type)
        let view = try await database.write { [operations] transaction in
            let (rule, policy) = try Self.changeable(request, type, names, in: transaction)
            return QoSRuleView(try operations.updateQoSRule(rule, of: policy, change, in: transaction), of: policy)
        }
        return request.answer(view, names)
    }

    private func deleteRule(_ request: APIRequest, _ type: QoSRuleType, _ names: ResourceNames) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            let (rule, _) = try Self.changeable(request, type, names, in: transaction)
            try operations.deleteQoSRule(rule, in: transaction)
        }
        return .empty()
    }
}
