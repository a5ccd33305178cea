import CloudAPI
import CloudCore

/// `{"identity_provider", "protocol"}` from a trusted proxy, or `{"id": TOKEN}` of a federated login.
struct MappedMethod: LoginMethod {
    static let method = AuthenticationMethod.mapped
    static let schema: Schema = .object(
        [("id", .string()), ("identity_provider", .string()), ("protocol", .string())], additional: .any)

    private enum Content {
        case token(TokenMethod)
        case login(providerID: String, protocolID: String)
    }

    private let content: Content

    init(_ body: JSON) throws {
        if body["id"] != nil {
            content = .token(try TokenMethod(body))
            return
        }
        guard let provider = body["identity_provider"]?.string else { throw IdentityError.lacking("identity_provider", in: "mapped") }
        guard let name = body["protocol"]?.string else { throw IdentityError.lacking("protocol", in: "mapped") }
        content = .login(providerID: provider, protocolID: name)
    }

    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        switch content {
        case .token(let token):
            var proven = try await token.prove(login, identity)
            guard proven.federation != nil else { throw IdentityError.unauthorized }
            proven.methods.insert(.mapped)
            return proven
        case .login(let provider, let name):
            guard let request = login.request else { throw IdentityError.unauthorized }
            return try await identity.proveFederated(
                FederatedAssertion(
                    providerID: provider, protocolID: name, headers: request.head.headerFields, from: request.clientAddress,
                    identity.options.federation))
        }
    }
}
