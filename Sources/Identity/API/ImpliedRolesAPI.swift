import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/roles/{prior_role_id}/implies` and `/v3/role_inferences`: what roles imply.
extension Identity {
    var impliedRoleEndpoints: [Endpoint] {
        let member = "/roles/{prior_role_id}/implies/{implied_role_id}"
        return [
            .guarded(
                .get, "/roles/{prior_role_id}/implies", "List the roles a role implies", rule: "identity:list_implied_roles"
            ) { request, gate in
                let prior = try await openPriorRole(request, gate)
                let view = InferenceView(prior: prior, implied: try await impliedRoles(of: prior.id), links: Links(request))
                return .inference(view, Links(request).url("/roles/\(prior.id)/implies"))
            },
            .guarded(.get, member, "Show that a role implies another", rule: "identity:get_implied_role") { request, gate in
                try await openImplication(request, gate)
                return try await showImplication(request)
            },
            .guarded(.head, member, "Check that a role implies another", rule: "identity:check_implied_role", success: .noContent) { request, gate in
                try await openImplication(request, gate)
                _ = try await showImplication(request)
                return .empty()
            },
            .guarded(.put, member, "Make a role imply another", rule: "identity:create_implied_role", success: .created) { request, gate in
                try await openImplication(request, gate)
                try await imply(request.impliedRole)
                return try await showImplication(request)
            },
            .guarded(.delete, member, "Make a role not imply another", rule: "identity:delete_implied_role", success: .noContent) { request, gate in
                try await openImplication(request, gate)
                try await unimply(request.impliedRole)
                return .empty()
            },
            .guarded(.get, "/role_inferences", "List what every role implies", rule: "identity:list_role_inference_rules") { request, gate in
                try gate.open()
                let views = try await roleInferences().map { InferenceView(prior: $0.prior, implied: $0.implied, links: Links(request)) }
                return .json { json in
                    json.object {
                        $0.member("role_inferences", views)
                        $0.member("links", ["self": Links(request).url("/role_inferences")])
                    }
                }
            },
        ]
    }

    static let impliedRoleRules = [
        rule("get_implied_role", Check.adminOrSystemReader, .systemOrProject, "Show that a role implies another."),
        rule("list_implied_roles", Check.adminOrSystemReader, .systemOrProject, "List the roles a role implies."),
        rule("create_implied_role", Check.admin, .systemOrProject, "Make a role imply another."),
        rule("delete_implied_role", Check.admin, .systemOrProject, "Make a role not imply another."),
        rule("list_role_inference_rules", Check.adminOrSystemReader, .systemOrProject, "List what every role implies."),
        rule("check_implied_role", Check.adminOrSystemReader, .systemOrProject, "Check that a role implies another."),
    ]

    /// Opens the gate for the role in the path. What does not exist is 404 to everybody, as upstream.
    private func openPriorRole(_ request: APIRequest, _ gate: Gate) async throws -> Role {
        let prior = try await role(id: request["prior_role_id"])
        try gate.open(prior.target(as: "prior_role"))
        return prior
    }

    private func openImplication(_ request: APIRequest, _ gate: Gate) async throws {
        let (prior, implied) = (try await role(id: request["prior_role_id"]), try await role(id: request["implied_role_id"]))
        try gate.open(prior.target(as: "prior_role") + implied.target(as: "implied_role"))
    }

    private func showImplication(_ request: APIRequest) async throws -> APIResponse {
        let (prior, implied) = (try await role(id: request["prior_role_id"]), try await role(id: request["implied_role_id"]))
        guard try await impliedRoles(of: prior.id).contains(where: { $0.id == implied.id }) else {
            throw IdentityError.missing("\(prior.id) does not imply \(implied.id).")
        }
        let links = Links(request)
        return .inference(ImplicationView(prior: prior, implied: implied, links: links), links.url("/roles/\(prior.id)/implies/\(implied.id)"))
    }
}

extension APIRequest {
    fileprivate var impliedRole: ImpliedRole { ImpliedRole(priorID: self["prior_role_id"], impliedID: self["implied_role_id"]) }
}

extension APIResponse {
    fileprivate static func inference(_ view: some JSONWritable, _ url: String) -> APIResponse {
        .json { json in
            json.object {
                $0.member("role_inference", view)
                $0.member("links", ["self": url])
            }
        }
    }
}

/// A role by id and name with its link.
private struct RoleReference: JSONWritable {
    let role: Role
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", role.id)
            $0.member("links", ["self": links.url("/roles/\(role.id)")])
            $0.member("name", role.name)
        }
    }
}

/// One role implying another.
private struct ImplicationView: JSONWritable {
    let prior: Role
    let implied: Role
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("prior_role", RoleReference(role: prior, links: links))
            $0.member("implies", RoleReference(role: implied, links: links))
        }
    }
}

/// One role with all it implies.
private struct InferenceView: JSONWritable {
    let prior: Role
    let implied: [Role]
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("prior_role", RoleReference(role: prior, links: links))
            $0.member("implies", array: implied.map { RoleReference(role: $0, links: links) })
        }
    }
}
