import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/OS-OAUTH1`: how a consumer comes to roles (RFC 5849 section 2).
extension Identity {
    private static let roles: RequestBody = .json(
        .object([("roles", .array(.object([("id", Shape.identifier), ("name", Shape.name())])))], additional: .any))

    var oauthTokenEndpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v3/OS-OAUTH1/request_token", "Ask for roles in a project",
                access: .open(because: "the consumer's signature proves who asks"), success: .created, handler: createRequestToken),
            .guarded(
                .put, "/OS-OAUTH1/authorize/{request_token_id}", "Lend a consumer roles",
                rule: "identity:authorize_request_token", body: Self.roles
            ) { request, gate in
                try gate.open()
                try await refuseDelegates(
                    request, .refused("Cannot authorize a request token with a token issued via delegation."))
                let roles = try (request.body["roles"]?.array ?? []).map(RoleReference.init)
                let verifier = try await authorizeRequestToken(request["request_token_id"], by: request.callerID, roles)
                return .json("token", ["oauth_verifier": verifier.reveal()])
            },
            Endpoint(
                .post, "/v3/OS-OAUTH1/access_token", "Make an access token of an authorised request",
                access: .open(because: "the consumer's signature proves who asks"), success: .created, handler: createAccessToken),
        ]
    }

    private func createRequestToken(_ request: APIRequest) async throws -> APIResponse {
        let signed = try request.oauth()
        guard let consumer = signed["consumer_key"] else { throw IdentityError.lacking("oauth_consumer_key", in: "request") }
        guard let name = HTTPField.Name("Requested-Project-Id"), let project = request.head.headerFields[name] else {
            throw IdentityError.lacking("Requested-Project-Id", in: "request")
        }
        let (token, secret) = try await createRequestToken(consumerID: consumer, projectID: project) { secret in
            try Self.checkForm(signed)
            return signed.isSigned(consumerSecret: secret)
        }
        return .token(token.id, secret, until: token.expiresAt)
    }

    private func createAccessToken(_ request: APIRequest) async throws -> APIResponse {
        let signed = try request.oauth()
        guard let consumer = signed["consumer_key"] else { throw IdentityError.lacking("oauth_consumer_key", in: "request") }
        guard let id = signed["token"] else { throw IdentityError.lacking("oauth_token", in: "request") }
        guard let verifier = signed["verifier"] else { throw IdentityError.lacking("oauth_verifier", in: "request") }
        let (token, secret) = try await createAccessToken(requestTokenID: id, consumerID: consumer, verifier: verifier) { consumer, request in
            try Self.checkForm(signed)
            return signed.isSigned(consumerSecret: consumer, tokenSecret: request)
        }
        return .token(token.id, secret, until: token.expiresAt)
    }

    private static func checkForm(_ request: OAuthRequest) throws {
        guard let flaw = request.flaw(at: .now) else { return }
        throw IdentityError.invalid("Validation failed with errors: invalid_request, detail message is: \(flaw).")
    }

    static let oauthTokenRules = [
        rule("authorize_request_token", Check.admin, [.project], "Lend a consumer roles."),
        rule("get_access_token", Check.admin, [.project], "Show what was lent to a consumer."),
        rule("get_access_token_role", Check.admin, [.project], "Show a role that was lent to a consumer."),
        rule("list_access_tokens", Check.admin, [.project], "List what a user lent to consumers."),
        rule("list_access_token_roles", Check.admin, [.project], "List the roles that were lent to a consumer."),
        rule("delete_access_token", Check.admin, [.project], "Take back what was lent to a consumer."),
    ]
}

extension Identity.RoleReference {
    /// Reads `{"id": …}` or `{"name": …}`.
    fileprivate init(_ role: JSON) throws {
        switch (role["id"]?.string, role["name"]?.string) {
        case (let id?, nil): self = .id(id)
        case (nil, let name?): self = .name(name)
        default: throw IdentityError.invalid("Invalid input for field 'roles': a role is named by its id or by its name.")
        }
    }
}

extension APIResponse {
    /// A token and its secret as a form, which is how OAuth answers.
    fileprivate static func token(_ id: String, _ secret: Secret<String>, until end: Timestamp?) -> APIResponse {
        var text = "oauth_token=\(id)&oauth_token_secret=\(secret.reveal())"
        if let end { text += "&oauth_expires_at=\(end.iso8601Microseconds)" }
        return APIResponse(headers: [.contentType: "application/x-www-form-urlencoded"], body: .bytes(Array(text.utf8)))
    }
}

/// `/v3/users/{user_id}/OS-OAUTH1/access_tokens`: what a user lent.
extension Identity {
    private static let accessTokenPath = "/users/{user_id}/OS-OAUTH1/access_tokens"

    private static let delegateRefusal = IdentityError.refused("Cannot manage OAuth access tokens with a token issued via delegation.")

    var accessTokenEndpoints: [Endpoint] {
        [
            .guarded(.get, Self.accessTokenPath, "List what a user lent to consumers", rule: "identity:list_access_tokens") { request, gate in
                try gate.open()
                try await refuseDelegates(request, Self.delegateRefusal)
                let views = try await accessTokens(ofUser: request["user_id"]).map { AccessTokenView(token: $0, links: Links(request)) }
                return .list("access_tokens", views, request)
            },
            .guarded(.get, Self.accessTokenPath + "/{access_token_id}", "Show what was lent", rule: "identity:get_access_token") { request, gate in
                try gate.open()
                try await refuseDelegates(request, Self.delegateRefusal)
                return .json("access_token", AccessTokenView(token: try await accessToken(request), links: Links(request)))
            },
            .guarded(
                .delete, Self.accessTokenPath + "/{access_token_id}", "Take back what was lent", rule: "identity:delete_access_token",
                success: .noContent
            ) { request, gate in
                try gate.open()
                try await refuseDelegates(request, Self.delegateRefusal)
                let token = try await accessToken(id: request["access_token_id"])
                guard token.userID == request["user_id"] else { throw IdentityError.unauthorized }
                try await deleteAccessToken(token)
                return .empty()
            },
            .guarded(
                .get, Self.accessTokenPath + "/{access_token_id}/roles", "List the roles that were lent", rule: "identity:list_access_token_roles"
            ) { request, gate in
                try gate.open()
                let views = try await roles(of: accessToken(request)).map { LentRoleView(role: $0, links: Links(request)) }
                return .list("roles", views, request)
            },
            .guarded(
                .get, Self.accessTokenPath + "/{access_token_id}/roles/{role_id}", "Show a role that was lent",
                rule: "identity:get_access_token_role"
            ) { request, gate in
                try gate.open()
                let token = try await accessToken(id: request["access_token_id"])
                guard token.userID == request["user_id"] else { throw IdentityError.unauthorized }
                guard let role = try await roles(of: token).first(where: { $0.id == request["role_id"] }) else {
                    throw IdentityError.notFound("role", id: request["role_id"])
                }
                return .json("role", LentRoleView(role: role, links: Links(request)))
            },
        ]
    }

    private func accessToken(_ request: APIRequest) async throws -> OAuthAccessToken {
        try await accessToken(id: request["access_token_id"], ofUser: request["user_id"])
    }
}

extension APIResponse {
    fileprivate static func list(_ name: String, _ views: [some JSONWritable], _ request: APIRequest) -> APIResponse {
        .json { json in
            json.object { json in
                json.member(name, array: views)
                json.member("links") { $0.collectionLinks(request, next: nil) }
            }
        }
    }
}

private struct AccessTokenView: JSONWritable {
    let token: OAuthAccessToken
    let links: Links

    func write(to json: inout JSONWriter) {
        let path = links.url("/users/\(token.userID)/OS-OAUTH1/access_tokens/\(token.id)")
        json.object { json in
            json.member("id", token.id)
            json.member("consumer_id", token.consumerID)
            json.member("authorizing_user_id", token.userID)
            json.member("project_id", token.projectID)
            json.member("expires_at", token.expiresAt?.iso8601Microseconds)
            json.member("links", ["roles": path + "/roles", "self": path])
        }
    }
}

/// A role without its description, as upstream shows it here.
private struct LentRoleView: JSONWritable {
    let role: Role
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", role.id)
            json.member("name", role.name)
            json.member("domain_id", role.domainID)
            json.member("options", JSON.object(role.options))
            json.member("links", ["self": links.url("/roles/\(role.id)")])
        }
    }
}
