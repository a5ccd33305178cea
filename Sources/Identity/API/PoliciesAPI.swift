import CloudAPI
import CloudCore

/// The attributes of policies that are not extra.
enum PolicyFieldNames {
    static let known: Set<String> = ["id", "type", "blob", "links"]
}

/// `/v3/policies`.
extension Identity {
    private static let policyFields: [(name: String, schema: Schema)] = [("blob", .string()), ("type", .string(length: 0...255))]

    var policyEndpoints: [Endpoint] {
        [
            .guarded(.get, "/policies", "List policies", rule: "identity:list_policies") { request, gate in
                try gate.open()
                let query = try request.listQuery(PolicyRecords.filters, options)
                return .listing(try await listPolicies(query), request, query)
            },
            .guarded(
                .post, "/policies", "Create a policy", rule: "identity:create_policy",
                body: Shape.resource("policy", Self.policyFields, required: ["blob", "type"]), success: .created
            ) { request, gate in
                try gate.open()
                var policy = Policy(id: Identifier.hex(), type: "", blob: "")
                policy.apply(request.body["policy"]?.object ?? [:])
                return .showing(try await createPolicy(policy), request)
            },
            .guarded(.get, "/policies/{policy_id}", "Show a policy", rule: "identity:get_policy") { request, gate in
                try gate.open()
                return .showing(try await policy(id: request["policy_id"]), request)
            },
            .guarded(
                .patch, "/policies/{policy_id}", "Change a policy", rule: "identity:update_policy",
                body: Shape.resource("policy", Self.policyFields)
            ) { request, gate in
                try gate.open()
                let body = request.body["policy"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'policy': nothing to change.") }
                if let id = body["id"], id != .string(request["policy_id"]) { throw IdentityError.invalid("Cannot change policy ID") }
                return .showing(try await updatePolicy(request["policy_id"]) { $0.apply(body) }, request)
            },
            .guarded(.delete, "/policies/{policy_id}", "Delete a policy", rule: "identity:delete_policy", success: .noContent) { request, gate in
                try gate.open()
                try await deletePolicy(request["policy_id"])
                return .empty()
            },
        ]
    }

    static let policyRules = [
        rule("get_policy", Check.adminOrSystemReader, .systemOrProject, "Show a policy."),
        rule("list_policies", Check.adminOrSystemReader, .systemOrProject, "List policies."),
        rule("create_policy", Check.admin, .systemOrProject, "Create a policy."),
        rule("update_policy", Check.admin, .systemOrProject, "Change a policy."),
        rule("delete_policy", Check.admin, .systemOrProject, "Delete a policy."),
    ]
}

extension Policy: ResourceView {
    static let singular = "policy"
    static let collection = "policies"

    mutating func apply(_ body: JSONObject) {
        if let text = body["type"]?.string { type = text }
        if let text = body["blob"]?.string { blob = text }
        extra.merge(body.extra(besides: PolicyFieldNames.known))
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("type", type)
        json.member("blob", blob)
        json.members(extra, except: PolicyFieldNames.known)
    }
}
