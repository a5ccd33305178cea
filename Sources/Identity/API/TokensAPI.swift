import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/auth/tokens`: making, showing and ending tokens.
extension Identity {
    var tokenEndpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v3/auth/tokens", "Make a token", access: .open(because: "this is where tokens come from"),
                body: .json(AuthenticationRequest.schema), success: .created
            ) { request in
                let asked = try AuthenticationRequest(request.body, options)
                switch try await logIn(asked, request, receipt: request.head.headerFields[.authReceipt]) {
                case .token(let text, let token): return try await tokenResponse(token, text, request)
                case .receipt(let receipt): return .receipt(receipt)
                }
            },
            .guarded(.get, "/auth/tokens", "Show a token", rule: "identity:validate_token") { request, gate in
                let (text, token) = try await subjectToken(request, gate)
                return try await rememberedResponse(token, text, request)
            },
            .guarded(.head, "/auth/tokens", "Check a token", rule: "identity:check_token") { request, gate in
                let (text, token) = try await subjectToken(request, gate)
                return try await rememberedResponse(token, text, request)
            },
            .guarded(.delete, "/auth/tokens", "End a token", rule: "identity:revoke_token", success: .noContent) { request, gate in
                let (_, token) = try await subjectToken(request, gate)
                try await revoke(token, cascade: request.query["cascade"].map(ListQuery.truth) ?? true)
                return .empty()
            },
        ]
    }

    static let tokenRules = [
        rule("check_token", "\(Check.admin) or (\(Check.systemReader)) or rule:token_subject", "Check a token."),
        rule(
            "validate_token", "\(Check.admin) or (\(Check.systemReader)) or rule:service_role or rule:token_subject",
            "Show a token."),
        rule("revoke_token", "\(Check.admin) or rule:token_subject", "End a token."),
    ]

    /// The token a request is about, if the caller may know about it.
    private func subjectToken(_ request: APIRequest, _ gate: Gate) async throws -> (Secret<String>, Token) {
        let text = request.head.headerFields[.subjectToken].map { Secret($0) }
        let isLenient = request.query["allow_expired"].flatMap { JSON.string($0).truth } ?? false
        let window = isLenient ? options.expiredTokenWindow : .zero
        guard let text else {
            try gate.open()
            throw IdentityError.tokenNotFound
        }
        // Nobody guesses a token, so that it does not hold is no secret.
        guard let token = try await tokens.validate(text, window: window), request.understands(token.context.accessRules) else {
            throw IdentityError.tokenNotFound
        }
        try gate.open([
            "target.token.user_id": .string(token.user.id), "target.token.user.domain.id": .string(token.user.domain.id),
        ])
        return (text, token)
    }

    /// Services look at the same tokens again and again: what is shown of one is kept while nothing changes.
    private func rememberedResponse(_ token: Token, _ text: Secret<String>, _ request: APIRequest) async throws -> APIResponse {
        guard let mark = token.mark else { return try await tokenResponse(token, text, request) }
        let rendered = request.query["nocatalog"] == nil ? renderedTokens : tokensWithoutCatalog
        if let known = rendered[text.reveal()], known.mark == mark { return known.response }
        let response = try await tokenResponse(token, text, request)
        rendered.insert(RenderedToken(mark: mark, response: response), for: text.reveal())
        return response
    }

    /// A token with its catalog, and its text in the header.
    func tokenResponse(_ token: Token, _ text: Secret<String>, _ request: APIRequest) async throws -> APIResponse {
        let showsCatalog = request.query["nocatalog"] == nil && !token.scope.isUnscoped
        let catalog = showsCatalog ? try await catalog(for: token.scope.project?.id) : nil
        let providers = try await serviceProviderCache.providers(tokens.generations.everyone, database)
        var headers: HTTPFields = [.subjectToken: text.reveal()]
        headers[.vary] = "X-Auth-Token"
        return .json(headers: headers) { json in
            json.object { $0.member("token", TokenView(token: token, catalog: catalog, serviceProviders: providers)) }
        }
    }
}

/// An answer about a token, and the counts of changes under which it is true.
struct RenderedToken: Sendable {
    let mark: Generations.Mark
    let response: APIResponse
}

/// A token as its body shows it.
struct TokenView: JSONWritable {
    let token: Token
    let catalog: Catalog?
    let serviceProviders: [ServiceProvider]

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("methods", token.payload.methods.map(\.rawValue).sorted(by: >))
            json.member("user") { writeUser(to: &$0) }
            json.member("audit_ids", [token.payload.auditID] + (token.payload.parentAuditID.map { [$0] } ?? []))
            json.member("expires_at", token.payload.expiresAt.iso8601Microseconds)
            json.member("issued_at", token.payload.issuedAt.iso8601Microseconds)
            writeScope(to: &json)
            token.delegation?.writeMembers(to: &json)
            if let catalog { json.member("catalog", CatalogView(catalog: catalog, token: token)) }
            if !serviceProviders.isEmpty { writeServiceProviders(to: &json) }
        }
    }

    private func writeServiceProviders(to json: inout JSONWriter) {
        json.member("service_providers") { json in
            json.array { json in
                for provider in serviceProviders {
                    json.object {
                        $0.member("auth_url", provider.authURL)
                        $0.member("id", provider.id)
                        $0.member("sp_url", provider.url)
                    }
                }
            }
        }
    }

    private func writeUser(to json: inout JSONWriter) {
        json.object {
            $0.member("domain", token.user.domain)
            $0.member("id", token.user.id)
            $0.member("name", token.user.name)
            if let login = token.payload.federation {
                $0.member("OS-FEDERATION", login)
            } else {
                $0.member("password_expires_at", token.user.passwordExpiresAt?.iso8601Microseconds)
            }
        }
    }

    private func writeScope(to json: inout JSONWriter) {
        guard !token.scope.isUnscoped else { return }
        if token.scope.isSystem { json.member("system") { $0.object { $0.member("all", true) } } }
        if let domain = token.scope.domain { json.member("domain", domain) }
        if let project = token.scope.project {
            json.member("project") { json in
                json.object {
                    $0.member("domain") { json in
                        json.object {
                            $0.member("id", project.domain?.id)
                            $0.member("name", project.domain?.name)
                        }
                    }
                    $0.member("id", project.id)
                    $0.member("name", project.name)
                }
            }
            json.member("is_domain", project.isDomain)
        }
        json.member("roles", token.roles)
    }
}

extension FederatedLogin: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("groups", groupIDs.map { ["id": $0] })
            $0.member("identity_provider", ["id": identityProviderID])
            $0.member("protocol", ["id": protocolID])
        }
    }
}

extension Named: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", id)
            $0.member("name", name)
        }
    }
}

/// The catalog as a token's holder sees it: endpoints whose URL needs a project are left out without one.
struct CatalogView: JSONWritable {
    let catalog: Catalog
    let token: Token

    func write(to json: inout JSONWriter) {
        var values = ["user_id": token.catalogUserID]
        if let project = token.scope.project?.id { (values["project_id"], values["tenant_id"]) = (project, project) }
        json.array { json in
            for entry in catalog.entries {
                json.object { json in
                    json.member("endpoints") { json in
                        json.array { json in for endpoint in entry.endpoints { write(endpoint, values, to: &json) } }
                    }
                    json.member("id", entry.service.id)
                    json.member("type", entry.service.type)
                    json.member("name", entry.service.name)
                }
            }
        }
    }

    private func write(_ endpoint: CatalogEndpoint, _ values: [String: String], to json: inout JSONWriter) {
        guard let url = try? EndpointURL.expand(endpoint.url, values) else { return }
        json.object {
            $0.member("id", endpoint.id)
            $0.member("interface", endpoint.interface.rawValue)
            $0.member("region_id", endpoint.regionID)
            $0.member("url", url)
            $0.member("region", endpoint.regionID)
            $0.members(endpoint.extra, except: EndpointFieldNames.known)
        }
    }
}
