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

    /// Opens the gate for the role in the path and answers the role. What does not exist is 404 to everybody, as upstream.
    private func openRole(_ request: APIRequest, _ gate: Gate, orDomain action: String) async throws -> Role {
        let role = try await role(id: request["role_id"])
        if role.domainID != nil { try gate.open(action, role.target) } else { try gate.open(role.target) }
        return role
    }
}
