import CloudAPI
import CloudCore
import CloudPolicy

/// The attributes of roles that are not extra.
enum RoleFieldNames {
    static let known: Set<String> = ["id", "name", "domain_id", "description", "options", "links"]
}

extension Identity.RoleFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        name = body["name"]?.string
        description = body["description"]
        options = body["options"]?.object
        extra = body.extra(besides: RoleFieldNames.known)
    }
}

/// `/v3/roles`. A domain's own roles have rules of their own.
extension Identity {
    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name()), ("domain_id", .nullable(Shape.identifier)), ("description", Shape.text),
        ("options", Shape.immutableOption),
    ]

    var roleEndpoints: [Endpoint] {
        [
            .guarded(.get, "/roles", "List roles", rule: "identity:list_roles") { request, gate in
                let ofDomain = request.query["domain_id"].map { !$0.isEmpty } ?? false
                if ofDomain { try gate.open("identity:list_domain_roles") } else { try gate.open() }
                let query = try request.listQuery(RoleRecords.filters, options)
                return .listing(try await listRoles(query), request, query)
            },
            .guarded(
                .post, "/roles", "Create a role", rule: "identity:create_role",
                body: Shape.resource("role", Self.fields, required: ["name"]), success: .created
            ) { request, gate in
                let body = request.body["role"]?.object ?? [:]
                let domainID = body["domain_id"]?.string
                if domainID == nil { try gate.open() } else { try gate.open("identity:create_domain_role", request.target(ofBody: "role")) }
                return .showing(try await createRole(inDomain: domainID, RoleFields(body)), request)
            },
            .guarded(.get, "/roles/{role_id}", "Show a role", rule: "identity:get_role") { request, gate in
                .showing(try await openRole(request, gate, orDomain: "identity:get_domain_role"), request)
            },
            .guarded(
                .patch, "/roles/{role_id}", "Change a role", rule: "identity:update_role", body: Shape.resource("role", Self.fields)
            ) { request, gate in
                let role = try await openRole(request, gate, orDomain: "identity:update_domain_role")
                let body = request.body["role"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'role': nothing to change.") }
                if let id = body["id"], id != .string(role.id) { throw IdentityError.invalid("Cannot change ID") }
                if let domain = body["domain_id"], domain.string != role.domainID {
                    throw IdentityError.invalid("Update of `domain_id` is not allowed.")
                }
                return .showing(try await updateRole(role.id, RoleFields(body)), request)
            },
            .guarded(.delete, "/roles/{role_id}", "Delete a role", rule: "identity:delete_role", success: .noContent) { request, gate in
                let role = try await openRole(request, gate, orDomain: "identity:delete_domain_role")
                try await deleteRole(role.id)
                return .empty()
            },
        ]
    }

    static let roleRules = [
        rule(
            "get_role", "(\(Check.adminOrSystemReader)) or (role:manager and rule:domain_managed_target_role)", "Show a role."),
        rule("list_roles", "(\(Check.adminOrSystemReader)) or (role:manager and not domain_id:None)", "List roles."),
        rule("create_role", Check.admin, .systemOrProject, "Create a role."),
        rule("update_role", Check.admin, .systemOrProject, "Change a role."),
        rule("delete_role", Check.admin, .systemOrProject, "Delete a role."),
        rule("get_domain_role", Check.adminOrSystemReader, .systemOrProject, "Show a domain's role."),
        rule("list_domain_roles", Check.adminOrSystemReader, .systemOrProject, "List a domain's roles."),
        rule("create_domain_role", Check.admin, .systemOrProject, "Create a domain's role."),
        rule("update_domain_role", Check.admin, .systemOrProject, "Change a domain's role."),
        rule("delete_domain_role", Check.admin, .systemOrProject, "Delete a domain's role."),
    ]

    /// Opens the gate for the role in the path and answers the role.
    private func openRole(_ request: APIRequest, _ gate: Gate, orDomain action: String) async throws -> Role {
        let role = try? await role(id: request["role_id"])
        if let role, role.domainID != nil { try gate.open(action, role.target) } else { try gate.open(role?.target ?? [:]) }
        return try await self.role(id: request["role_id"])
    }
}

/// What roles imply, for reading; the rules are changed by administrators later.
extension Identity {
    var impliedRoleEndpoints: [Endpoint] {
        [
            .guarded(
                .get, "/roles/{prior_role_id}/implies", "List the roles a role implies", rule: "identity:list_implied_roles"
            ) { request, gate in
                try gate.open()
                let prior = try await role(id: request["prior_role_id"])
                let view = InferenceView(prior: prior, implied: try await impliedRoles(of: prior.id), links: Links(request))
                return .json { json in
                    json.object {
                        $0.member("role_inference", view)
                        $0.member("links", ["self": Links(request).url("/roles/\(prior.id)/implies")])
                    }
                }
            },
            .guarded(
                .get, "/roles/{prior_role_id}/implies/{implied_role_id}", "Show that a role implies another",
                rule: "identity:get_implied_role"
            ) { request, gate in
                try gate.open()
                let (prior, implied) = (try await role(id: request["prior_role_id"]), try await role(id: request["implied_role_id"]))
                guard try await impliedRoles(of: prior.id).contains(where: { $0.id == implied.id }) else {
                    throw IdentityError.missing("\(prior.id) does not imply \(implied.id).")
                }
                let links = Links(request)
                return .json { json in
                    json.object { json in
                        json.member("role_inference") { json in
                            json.object {
                                $0.member("prior_role", RoleReference(role: prior, links: links))
                                $0.member("implies", RoleReference(role: implied, links: links))
                            }
                        }
                        json.member("links", ["self": links.url("/roles/\(prior.id)/implies/\(implied.id)")])
                    }
                }
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
