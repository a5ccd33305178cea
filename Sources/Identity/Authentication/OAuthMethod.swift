import CloudAPI
import CloudCore

/// `{}`: the request itself is signed with an OAuth access token (RFC 5849), as its `Authorization` header says.
struct OAuthMethod: LoginMethod {
    static let method = AuthenticationMethod.oauth1
    static let schema: Schema = .object([], additional: .any)

    init(_ body: JSON) {}

    /// The token is for the project and the roles that were lent, whatever scope the client asks for.
    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard let request = login.request else { throw IdentityError.unauthorized }
        let signed = try request.oauth()
        guard let id = signed["token"] else { throw IdentityError.lacking("oauth_token", in: "request") }
        let token = try await identity.accessToken(id: id)
        let consumer = try await identity.consumer(id: token.consumerID)
        let (consumerSecret, secret) = (try identity.vault.open(consumer.sealedSecret), try identity.vault.open(token.sealedSecret))
        let now = Timestamp.now
        guard !token.isExpired(at: now), signed["consumer_key"] == consumer.id, signed.flaw(at: now) == nil,
            signed.isSigned(consumerSecret: consumerSecret, tokenSecret: secret)
        else { throw IdentityError.unauthorized }
        return Proven(
            userID: token.userID, methods: [.oauth1], expiresAt: token.expiresAt, delegation: .accessToken(token.id),
            forcedScope: .project(token.projectID))
    }
}

extension APIRequest {
    /// The request as OAuth sees it.
    /// - Throws: `IdentityError.invalid` without an OAuth `Authorization` header.
    func oauth() throws -> OAuthRequest {
        guard let header = head.headerFields[.authorization],
            let signed = OAuthRequest(method: head.method.rawValue, url: url, query: query.items, authorization: header)
        else { throw IdentityError.invalid("Error retrieving OAuth headers") }
        return signed
    }
}
