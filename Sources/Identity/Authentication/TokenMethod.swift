import CloudAPI
import CloudCore

/// `{"id": TOKEN}`: a token of another scope for one at hand.
struct TokenMethod: LoginMethod {
    static let method = AuthenticationMethod.token
    static let schema: Schema = .object([("id", .string())], required: ["id"], additional: .any)

    let text: Secret<String>

    init(_ body: JSON) throws {
        guard let id = body["id"]?.string else { throw IdentityError.lacking("id", in: "token") }
        text = Secret(id)
    }

    /// The new token ends when the old one does, or nobody would ever have to log in again.
    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard let token = try await identity.tokens.validate(text) else { throw IdentityError.tokenNotFound }
        try check(token, login.scope, identity.options)
        if let federation = token.payload.federation { try await identity.checkStillOffered(federation) }
        return Proven(
            userID: token.payload.userID, methods: token.payload.methods.union([.token]), expiresAt: token.payload.expiresAt,
            chainID: token.payload.chainID, federation: token.payload.federation)
    }

    /// Rights that were lent are not exchanged for others, nor a token of the system for one of less.
    private func check(_ token: Token, _ scope: RequestedScope, _ options: IdentityOptions) throws {
        switch token.payload.delegation {
        case .accessToken:
            throw IdentityError.forbidden(
                action: "Using OAuth-scoped token to create another token. Create a new OAuth-scoped token instead")
        case .trust:
            throw IdentityError.forbidden(
                action: "Using trust-scoped token to create another token. Create a new trust-scoped token instead")
        case .applicationCredential, nil: break
        }
        if token.scope.isSystem, scope.isBelowSystem {
            throw IdentityError.forbidden(
                action: "Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.")
        }
        guard token.payload.methods.allSatisfy(\.isPrimary) else {
            throw IdentityError.forbidden(action: "Using a delegated token to create another token is not allowed.")
        }
        guard options.allowsRescopingScopedTokens || token.scope.isUnscoped else {
            throw IdentityError.forbidden(action: "rescope a scoped token")
        }
    }
}

extension RequestedScope {
    fileprivate var isBelowSystem: Bool {
        switch self {
        case .project, .domain: true
        case .automatic, .unscoped, .system, .trust: false
        }
    }
}
