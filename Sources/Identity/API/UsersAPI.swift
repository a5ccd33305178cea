import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The attributes of users that are not extra.
enum UserFieldNames {
    static let known: Set<String> = [
        "id", "name", "domain_id", "enabled", "default_project_id", "password", "options", "links", "password_expires_at",
        "federated", "extra",
    ]
}

extension Identity.UserFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        name = body["name"]?.string
        isEnabled = body["enabled"]?.truth
        defaultProjectID = body["default_project_id"]
        password = body["password"].map { Secret($0.string) }
        options = body["options"]?.object
        federated = body["federated"].map(FederatedIdentity.list)
        extra = body.extra(besides: UserFieldNames.known)
    }
}

/// `/v3/users`.
extension Identity {
    private static let options: Schema = .object(
        [
            "ignore_change_password_upon_first_use", "ignore_password_expiry", "ignore_lockout_failure_attempts",
            "lock_password", "ignore_user_inactivity", "multi_factor_auth_enabled",
        ].map { ($0, .nullable(.boolean())) }
            + [("multi_factor_auth_rules", .nullable(.array(.array(.string(), count: 1...64, unique: true), unique: true)))])

    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name()), ("domain_id", Shape.identifier), ("enabled", Shape.flag), ("description", Shape.text),
        ("default_project_id", .nullable(.string(length: 0...64))), ("password", .nullable(.string(length: 0...4096))),
        ("options", options), ("federated", FederatedIdentity.schema),
    ]

    var userEndpoints: [Endpoint] {
        [
            .guarded(.get, "/users", "List users", rule: "identity:list_users") { request, gate in
                try gate.open(request.domainTarget("target.domain_id"))
                let query = try request.listQuery(Self.userFilters, options)
                return .listing(try await listUsers(query, inDomain: request.token?.domainID), request, query)
            },
            .guarded(
                .post, "/users", "Create a user", rule: "identity:create_user",
                body: Shape.resource("user", Self.fields, required: ["name"]), success: .created
            ) { request, gate in
                try gate.open(request.target(ofBody: "user"))
                let body = request.body["user"]?.object ?? [:]
                return .showing(try await createUser(inDomain: request.domainID(for: body), UserFields(body)), request)
            },
            .guarded(.get, "/users/{user_id}", "Show a user", rule: "identity:get_user") { request, gate in
                try await openUser(request, gate)
                return .showing(try await user(id: request["user_id"]), request)
            },
            .guarded(
                .patch, "/users/{user_id}", "Change a user", rule: "identity:update_user",
                body: Shape.resource("user", Self.fields), handler: updateUser),
            .guarded(.delete, "/users/{user_id}", "Delete a user", rule: "identity:delete_user", success: .noContent) { request, gate in
                try await openUser(request, gate)
                try await deleteUser(request["user_id"])
                return .empty()
            },
            changePasswordEndpoint,
        ]
    }

    private var changePasswordEndpoint: Endpoint {
        Endpoint(
            .post, "/v3/users/{user_id}/password", "Change one's password",
            access: .open(because: "the original password proves who asks, also once it has expired"),
            body: .json(.object(
                [
                    ("user", .object(
                        [("original_password", .string(length: 0...4096)), ("password", .string(length: 0...4096))],
                        required: ["original_password", "password"])),
                ], required: ["user"])),
            success: .noContent
        ) { request in
            let body = request.body["user"] ?? .null
            try await changePassword(
                of: request["user_id"], from: Secret(body["original_password"]?.string ?? ""),
                to: Secret(body["password"]?.string ?? ""))
            return .empty()
        }
    }

    static let userFilters = FilterColumns([
        "name": ("l.name", .text), "domain_id": ("u.domain_id", .text), "enabled": ("u.enabled", .flag),
        "password_expires_at": ("l.password_expires_at", .text), "idp_id": ("f.idp_id", .text),
        "protocol_id": ("f.protocol_id", .text), "unique_id": ("f.unique_id", .text),
    ])

    private static let domainManager = "(\(Check.admin)) or (role:manager and token.domain.id:%(target.user.domain_id)s)"

    static let userRules = [
        rule(
            "get_user",
            "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and token.domain.id:%(target.user.domain_id)s) or "
                + "user_id:%(target.user.id)s", "Show a user."),
        rule(
            "list_users",
            "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.domain_id)s)", "List users."),
        rule("create_user", domainManager, "Create a user."),
        rule("update_user", domainManager, "Change a user, the password included."),
        rule("delete_user", domainManager, "Delete a user."),
    ]

    /// Opens the gate for the user in the path; whether it exists shows only to those let through.
    func openUser(_ request: APIRequest, _ gate: Gate) async throws {
        try gate.open(try await Sought { try await user(id: request["user_id"]) }.found?.target ?? [:])
    }

    private func updateUser(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try await openUser(request, gate)
        let body = request.body["user"]?.object ?? [:]
        let user = try await user(id: request["user_id"])
        guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'user': nothing to change.") }
        if let id = body["id"], id != .string(user.id) { throw IdentityError.invalid("Cannot change ID") }
        if let domain = body["domain_id"], domain.string != user.domainID { throw IdentityError.invalid("Cannot change Domain ID") }
        let changed = try await updateUser(user.id, UserFields(body))
        return .showing(ChangedView(resource: changed, extra: changed.extra), request)
    }
}

extension APIRequest {
    /// The domain in which a resource is created: the one named, else the token's, else the default.
    func domainID(for body: JSONObject) -> String {
        body["domain_id"]?.string ?? token?.domainID ?? ProjectRules.defaultDomainID
    }
}
