import CloudAPI
import CloudCore
import CloudStore

// RBAC policies: decode, authorise, call, encode.
extension NetworkingAPI {
    var sharingEndpoints: [Endpoint] {
        let (names, item) = (SharingView.names, "/v2.0/rbac-policies/{rbac_policy_id}")
        return [
            Endpoint(.get, "/v2.0/rbac-policies", "List RBAC policies", access: .listing, handler: listSharings),
            Endpoint(
                .post, "/v2.0/rbac-policies", "Create RBAC policies", access: .ruleOnResource("create_rbac_policy"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.sharingCreation, required: ["object_type", "object_id", "target_tenant", "action"]),
                success: .created, handler: createSharings),
            Endpoint(.get, item, "Show an RBAC policy", access: .ruleOnResource("get_rbac_policy"), handler: showSharing),
            Endpoint(
                .put, item, "Change an RBAC policy", access: .ruleOnResource("update_rbac_policy"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.sharingUpdate), handler: updateSharing),
            Endpoint(
                .delete, item, "Delete an RBAC policy", access: .ruleOnResource("delete_rbac_policy"), success: .noContent,
                handler: deleteSharing),
        ]
    }

    private static func notFound(_ id: String) -> NetworkingError {
        NetworkingError(.notFound, "RbacPolicyNotFound", "RBAC policy with ID \(id) not found.")
    }

    /// A policy's target: a project's id as UUIDs are written, with or without dashes, or everyone.
    private static func target(_ attributes: Attributes) throws(NetworkingError) -> String? {
        guard let text = attributes.text("target_tenant") else { return nil }
        let digits = text.filter { $0 != "-" }
        guard text == SharingPolicy.everyone || digits.count == 32 && digits.allSatisfy(\.isHexDigit) else {
            throw .invalidInput("'\(text)' is not a valid target project ID; expected a UUID or '*'")
        }
        return text
    }

    private func listSharings(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SharingRecords.listing)
        let visibility = request.visibility
        let policies = try await database.read { try SharingRecords.list(list, visibility, in: $0) }
        return await request.answer(policies.map(SharingView.init), SharingView.names, list)
    }

    private func showSharing(_ request: APIRequest) async throws -> APIResponse {
        let id = request["rbac_policy_id"]
        let policy = try await database.read { try SharingRecords.find(id, in: $0).orThrow(Self.notFound(id)) }
        try request.authorize(PolicySubject(policy).target, orThrow: Self.notFound(id).fault)
        return request.answer(SharingView(policy: policy), SharingView.names, fields: request.fields)
    }

    private func createSharings(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(SharingView.names).map { attributes in
            let draft = SharingDraft(
                projectID: try attributes.project(of: request),
                objectType: (attributes.text("object_type") ?? "").filter { !$0.isWhitespace }.lowercased(),
                objectID: attributes.text("object_id") ?? "", target: try Self.target(attributes) ?? "",
                action: attributes.text("action") ?? "")
            var subject = PolicySubject(projectID: draft.projectID)
            subject.targetProject = draft.target
            try request.authorizeCreation(of: "rbac_policy", subject, setting: ["target_tenant"])
            return draft
        }
        let caller = request.caller
        let policies = try await database.write { [operations] transaction in
            try drafts.map { try operations.createSharing($0, by: caller, in: transaction) }
        }
        return await request.answer(created: policies.map(SharingView.init), SharingView.names)
    }

    private func updateSharing(_ request: APIRequest) async throws -> APIResponse {
        let (id, caller, attributes) = (request["rbac_policy_id"], request.caller, request.attributes(SharingView.names))
        let target = try Self.target(attributes)
        let policy = try await database.write { [operations] transaction in
            let policy = try SharingRecords.find(id, in: transaction).orThrow(Self.notFound(id))
            var subject = PolicySubject(policy)
            subject.targetProject = target ?? policy.target
            try request.authorizeChange(
                of: "rbac_policy", subject, setting: attributes.present(["target_tenant"]), orHide: Self.notFound(id))
            return try operations.updateSharing(policy, target: target ?? policy.target, by: caller, in: transaction)
        }
        return request.answer(SharingView(policy: policy), SharingView.names)
    }

    private func deleteSharing(_ request: APIRequest) async throws -> APIResponse {
        let id = request["rbac_policy_id"]
        try await database.write { [operations] transaction in
            let policy = try SharingRecords.find(id, in: transaction).orThrow(Self.notFound(id))
            try request.authorizeChange(of: "rbac_policy", PolicySubject(policy), orHide: Self.notFound(id))
            try operations.deleteSharing(policy, in: transaction)
        }
        return .empty()
    }
}
