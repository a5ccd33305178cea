import CloudAPI
import CloudCore

extension TokenPayload {
    /// Whether the token was made from something its user handed on: a trust, an application credential, an OAuth
    /// access token, EC2 keys. One whose methods are lost counts as such.
    var isDelegated: Bool { delegation != nil || methods.isEmpty || !methods.allSatisfy(\.isPrimary) }
}

extension Identity {
    /// The caller's own token.
    func callerToken(_ request: APIRequest) async throws -> Token {
        guard let text = request.head.headerFields[.authToken], let token = try await tokens.validate(Secret(text)) else {
            throw IdentityError.unauthorized
        }
        return token
    }

    /// Turns tokens away that their users handed on. Comes after the gate.
    func refuseDelegates(_ request: APIRequest, _ refusal: IdentityError) async throws {
        guard try await !callerToken(request).payload.isDelegated else { throw refusal }
    }
}
