import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Logging in through an identity provider, and what a cloud that vouches for its own users would offer.
extension Identity {
    private static let openBecause = "the assertion of a trusted proxy proves who asks"

    var federatedLoginEndpoints: [Endpoint] {
        let login = "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth"
        let dashboard = "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso"
        let remote = "/v3/auth/OS-FEDERATION/websso/{protocol_id}"
        return [HTTPRequest.Method.get, .post].flatMap { method in
            [
                Endpoint(
                    method, login, "Make a token of an assertion", access: .open(because: Self.openBecause), success: .created,
                    handler: logInFederated),
                Endpoint(
                    method, dashboard, "Send a dashboard a token of an assertion", access: .open(because: Self.openBecause),
                    handler: { try await sendToDashboard($0, providerID: $0["idp_id"]) }),
                Endpoint(
                    method, remote, "Send a dashboard a token of an assertion that names its provider",
                    access: .open(because: Self.openBecause), handler: { try await sendToDashboard($0, providerID: nil) }),
            ]
        } + federatedScopeEndpoints + vouchingEndpoints
    }

    /// The addresses that `/v3/auth/projects` and `/v3/auth/domains` had before.
    private var federatedScopeEndpoints: [Endpoint] {
        [
            .guarded(
                .get, "/OS-FEDERATION/projects", "List the projects the caller has roles in", rule: "identity:get_auth_projects",
                handler: listCallersProjects),
            .guarded(
                .get, "/OS-FEDERATION/domains", "List the domains the caller has roles in", rule: "identity:get_auth_domains",
                handler: listCallersDomains),
        ]
    }

    /// Keystone as an identity provider for others needs a key and metadata that this cloud does not have.
    private var vouchingEndpoints: [Endpoint] {
        let paths: [(HTTPRequest.Method, String, String)] = [
            (.get, "/OS-FEDERATION/saml2/metadata", "Show this cloud's SAML metadata"),
            (.post, "/auth/OS-FEDERATION/saml2", "Make a SAML assertion of a token"),
            (.post, "/auth/OS-FEDERATION/saml2/ecp", "Make an ECP assertion of a token"),
        ]
        return paths.map { method, path, summary in
            Endpoint(method, "/v3" + path, summary, access: .open(because: "it tells everyone the same")) { _ in
                throw IdentityError.missing("This cloud issues no SAML assertions: it is no identity provider for others.")
            }
        }
    }

    private func logInFederated(_ request: APIRequest) async throws -> APIResponse {
        switch try await federatedLogin(request, providerID: request["idp_id"]) {
        case .token(let text, let token): return try await tokenResponse(token, text, request)
        case .receipt(let receipt): return .receipt(receipt)
        }
    }

    private func federatedLogin(_ request: APIRequest, providerID: String) async throws -> LoginOutcome {
        let assertion = try FederatedAssertion(
            providerID: providerID, protocolID: request["protocol_id"], headers: request.head.headerFields,
            from: request.clientAddress, options.federation)
        return try await logIn(as: proveFederated(assertion), scope: .automatic)
    }

    private func sendToDashboard(_ request: APIRequest, providerID: String?) async throws -> APIResponse {
        var provider = providerID
        if provider == nil { provider = try await providerNamed(inAssertionOf: request) }
        guard let origin = request.query["origin"] else { throw IdentityError.invalid("Request must have an origin query parameter") }
        guard options.federation.trustedDashboards.contains(origin) else {
            throw IdentityError.refused("The dashboard \(origin) is not trusted by this cloud.")
        }
        // A dashboard has no way to take a receipt.
        guard case .token(let text, _) = try await federatedLogin(request, providerID: provider ?? "") else { throw IdentityError.unauthorized }
        return DashboardPage(origin: origin, token: text).response
    }

    /// The provider whose remote id the assertion holds.
    private func providerNamed(inAssertionOf request: APIRequest) async throws -> String {
        let attributes = try FederatedAssertion.attributes(request.head.headerFields, from: request.clientAddress, options.federation)
        let (name, standard) = (request["protocol_id"], options.federation.remoteIDAttribute)
        return try await database.read { reader in
            let names = try FederationProtocolRecords.remoteIDAttributes(name, reader) + [standard].compactMap { $0 }
            guard let remoteID = names.lazy.compactMap({ attributes[$0] }).first else { throw IdentityError.unauthorized }
            guard let provider = try IdentityProviderRecords.find(remoteID: remoteID, reader) else {
                throw IdentityError.notFound("Identity Provider", id: remoteID)
            }
            return provider.id
        }
    }
}

/// A page that hands a token to a dashboard by submitting a form, as Horizon expects it.
struct DashboardPage {
    let origin: String
    let token: Secret<String>

    var response: APIResponse {
        var headers: HTTPFields = [.contentType: "text/html; charset=utf-8"]
        headers[.cacheControl] = "no-store"
        return APIResponse(headers: headers, body: .bytes(Array(text.utf8)))
    }

    private var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Signing in</title></head>
        <body onload="document.forms[0].submit()">
        <form action="\(Self.escaped(origin))" method="post">
        <input type="hidden" name="token" value="\(Self.escaped(token.reveal()))">
        <noscript><button>Go on</button></noscript>
        </form>
        </body>
        </html>

        """
    }

    private static func escaped(_ text: String) -> String {
        let names: [Character: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"]
        return text.map { names[$0] ?? String($0) }.joined()
    }
}
