import CloudAPI
import CloudCore
import CloudCrypto
import CloudPolicy

/// `/v3/users/{user_id}/application_credentials`.
extension Identity {
    private static let roleReference: Schema = .anyOf([
        .object([("id", Shape.identifier)], required: ["id"]), .object([("name", Shape.name())], required: ["name"]),
    ])

    private static let accessRule: Schema = .object(
        [
            ("id", Shape.identifier), ("service", Shape.identifier), ("path", .string(length: 1...225, pattern: "(?s)/.*")),
            ("method", .oneOf(["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"])),
        ])

    private static let body: RequestBody = .json(
        .object(
            [
                ("application_credential", .object(
                    [
                        ("id", .string(length: 0...64)), ("name", Shape.name()), ("secret", .nullable(.string(length: 0...4096))),
                        ("description", Shape.text), ("expires_at", .nullable(.string(length: 0...64))),
                        ("project_id", .string(length: 0...64)), ("unrestricted", .nullable(.boolean())),
                        ("system", .nullable(.string(length: 0...64))), ("roles", .array(roleReference, count: 0...1000)),
                        ("access_rules", .array(accessRule, count: 0...1000)),
                    ], required: ["name"])),
            ], required: ["application_credential"]))

    private static let collection = "/users/{user_id}/application_credentials"
    private static let member = collection + "/{application_credential_id}"

    var applicationCredentialEndpoints: [Endpoint] {
        [
            .guarded(
                .get, Self.collection, "List a user's application credentials", rule: "identity:list_application_credentials"
            ) { request, gate in
                try gate.open()
                try await callerToken(request).checkMayUseApplicationCredentials(changing: false)
                let query = try request.listQuery(ApplicationCredentialRecords.filters, options)
                let page = try await listApplicationCredentials(query, ofUser: request["user_id"])
                let views = page.elements.map { ApplicationCredentialView($0) }
                return .listing(Page(elements: views, isFull: page.isFull), request, query)
            },
            .guarded(
                .post, Self.collection, "Create an application credential", rule: "identity:create_application_credential",
                body: Self.body, success: .created, handler: createApplicationCredential),
            .guarded(
                .get, Self.member, "Show an application credential", rule: "identity:get_application_credential"
            ) { request, gate in
                let credential = try await openApplicationCredential(request, gate, changing: false)
                return .showing(ApplicationCredentialView(credential), request)
            },
            .guarded(
                .delete, Self.member, "Delete an application credential", rule: "identity:delete_application_credential",
                success: .noContent
            ) { request, gate in
                let credential = try await openApplicationCredential(request, gate, changing: true)
                try await deleteApplicationCredential(credential.credential.id)
                return .empty()
            },
        ]
    }

    private static let reader = "(\(Check.admin)) or (\(Check.systemReader)) or rule:owner"

    static let applicationCredentialRules = [
        rule("get_application_credential", reader, .systemOrProject, "Show an application credential."),
        rule("list_application_credentials", reader, .systemOrProject, "List a user's application credentials."),
        rule("create_application_credential", "user_id:%(user_id)s", [.project], "Create an application credential."),
        rule("delete_application_credential", "rule:admin_or_owner", .systemOrProject, "Delete an application credential."),
    ]

    /// Opens the gate for the credential in the path. Its own user counts, not the one the path claims.
    private func openApplicationCredential(_ request: APIRequest, _ gate: Gate, changing: Bool) async throws -> DetailedCredential {
        let sought = try await Sought { try await applicationCredential(id: request["application_credential_id"]) }
        try gate.open(sought.found.map { ["user_id": .string($0.credential.userID)] } ?? [:])
        try await callerToken(request).checkMayUseApplicationCredentials(changing: changing)
        return try sought.get()
    }

    private func createApplicationCredential(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open()
        let token = try await callerToken(request)
        try token.checkMayUseApplicationCredentials(changing: true)
        guard request.callerID == request["user_id"] else {
            throw IdentityError.forbidden(action: "Cannot create an application credential for another user.")
        }
        guard let projectID = request.token?.projectID else {
            throw IdentityError.invalid("Invalid application credential: a project-scoped token is required to create one.")
        }
        let body = request.body["application_credential"]?.object ?? [:]
        let given = body["secret"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let secret = Secret(given ?? Base64URL.encode(RandomBytes.make(64)))
        let credential = ApplicationCredential(
            id: Identifier.hex(), name: body["name"]?.string ?? "", secretHash: "", description: body["description"]?.string,
            userID: request.callerID, projectID: projectID, expiresAt: try Timestamp(expiry: body["expires_at"]),
            isUnrestricted: body["unrestricted"]?.bool ?? false)
        let created = try await createApplicationCredential(
            credential, secret: secret, roles: (body["roles"]?.array ?? []).compactMap(DelegatedRole.init),
            rules: (body["access_rules"]?.array ?? []).map(AccessRuleReference.init), holding: token.roles)
        return .showing(ApplicationCredentialView(created, secret: secret), request)
    }
}

extension Identity.AccessRuleReference {
    init(_ body: JSON) {
        id = body["id"]?.string
        if let service = body["service"]?.string, let path = body["path"]?.string, let method = body["method"]?.string {
            rule = AccessRule(service: service, method: method, path: path)
        }
    }
}

/// An application credential as the API shows it. The secret is shown once, in the answer to its creation.
struct ApplicationCredentialView: ResourceView, Sendable {
    static let singular = "application_credential"
    static let collection = "application_credentials"

    let credential: ApplicationCredential
    let roles: [Role]
    let secret: Secret<String>?
    var id: String { credential.id }
    var path: String { "/users/\(credential.userID)/application_credentials/\(id)" }
    var linkedPaths: [(name: String, path: String)] { [("self", path)] }

    init(_ detailed: Identity.DetailedCredential, secret: Secret<String>? = nil) {
        (credential, roles) = detailed
        self.secret = secret
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", credential.name)
        json.member("description", credential.description)
        json.member("user_id", credential.userID)
        json.member("project_id", credential.projectID)
        json.member("system", nil as String?)
        json.member("expires_at", credential.expiresAt?.iso8601Naive)
        json.member("unrestricted", credential.isUnrestricted)
        if let secret { json.member("secret", secret.reveal()) }
        json.member("roles") { $0.array { json in for role in roles { json.object { role.writeMembers(to: &$0) } } } }
        if !credential.accessRules.isEmpty { json.member("access_rules", array: credential.accessRules) }
    }
}
