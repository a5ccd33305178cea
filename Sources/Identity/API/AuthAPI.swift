import CloudAPI
import CloudCore

/// `/v3/auth/…`: what the caller can get a token for.
extension Identity {
    var authEndpoints: [Endpoint] {
        [
            .guarded(.get, "/auth/projects", "List the projects the caller has roles in", rule: "identity:get_auth_projects",
                handler: listCallersProjects),
            .guarded(.get, "/auth/domains", "List the domains the caller has roles in", rule: "identity:get_auth_domains",
                handler: listCallersDomains),
            .guarded(.get, "/auth/system", "Say whether the caller has roles on the system", rule: "identity:get_auth_system") { request, gate in
                try gate.open()
                let systems: [[String: Bool]] = try await hasSystemRole(request.callerID, groups: callersGroups(request)) ? [["all": true]] : []
                return .json { json in
                    json.object {
                        $0.member("system", systems)
                        $0.member("links", ["self": Links(request).url("/auth/system")])
                    }
                }
            },
            .guarded(.get, "/auth/catalog", "Show the catalog", rule: "identity:get_auth_catalog") { request, gate in
                try gate.open()
                return try await showCatalog(request)
            },
        ]
    }

    static let authRules = [
        rule("get_auth_catalog", "", [], "Show the catalog."),
        rule("get_auth_projects", "", [], "List the projects the caller has roles in."),
        rule("get_auth_domains", "", [], "List the domains the caller has roles in."),
        rule("get_auth_system", "", [], "Say whether the caller has roles on the system."),
    ]

    func listCallersProjects(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open()
        return .listing(try await projects(ofUser: request.callerID, groups: callersGroups(request)), request)
    }

    func listCallersDomains(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open()
        return .listing(try await domains(ofUser: request.callerID, groups: callersGroups(request)).map(DomainView.init), request)
    }

    /// The groups that the caller's login at an identity provider brought.
    private func callersGroups(_ request: APIRequest) async throws -> [String] {
        guard let text = request.head.headerFields[.authToken] else { return [] }
        return try await tokens.validate(Secret(text))?.payload.federation?.groupIDs ?? []
    }

    private func showCatalog(_ request: APIRequest) async throws -> APIResponse {
        guard request.token?.projectID != nil,
            let text = request.head.headerFields[.authToken], let token = try await tokens.validate(Secret(text))
        else { throw IdentityError.refused("A project-scoped token is required to produce a service catalog.") }
        let catalog = try await catalog(for: token.scope.project?.id)
        return .json { json in
            json.object {
                $0.member("catalog", CatalogView(catalog: catalog, token: token))
                $0.member("links", ["self": Links(request).url("/auth/catalog")])
            }
        }
    }
}

extension APIRequest {
    /// The caller; empty where nobody needs to be known.
    var callerID: String { token?.userID ?? "" }
}
