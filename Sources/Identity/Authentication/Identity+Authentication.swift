import CloudAPI
import CloudCore
import CloudStore

/// A request for a token, read and checked for its form.
struct AuthenticationRequest: Sendable {
    var proofs: [any LoginMethod]
    var scope: RequestedScope
}

/// A token with its text.
typealias IssuedToken = (text: Secret<String>, token: Token)

/// Logging in: checking what the client proves, and making a token of it.
extension Identity {
    /// A token on disk of no use: how long after its making the last use of a token can be.
    var longestTokenUse: Duration { options.tokenLifetime + options.expiredTokenWindow }

    /// Makes a token of what a client proves.
    /// - Parameter origin: the request, for methods that look at its headers.
    /// - Throws: `IdentityError`.
    func issueToken(_ request: AuthenticationRequest, _ origin: APIRequest? = nil) async throws -> IssuedToken {
        let login = Login(scope: request.scope, request: origin)
        var proven: Proven?
        for proof in request.proofs {
            let next = try await proof.prove(login, self)
            proven = try proven?.combined(with: next) ?? next
        }
        guard let proven else { throw IdentityError.unauthorized }
        return try await issueToken(for: proven, scope: request.scope)
    }

    /// Makes a token for somebody who is known.
    /// - Throws: `IdentityError`.
    func issueToken(for proven: Proven, scope requested: RequestedScope) async throws -> IssuedToken {
        let grant = try await database.read { [rules = options.securityCompliance] reader in
            guard let user = try UserRecords.find(proven.userID, reader), user.options.admits(proven.methods),
                !user.isInactive(rules, at: .now)
            else { throw IdentityError.unauthorized }
            return try ScopeGrant(requested, for: user, proven, reader)
        }
        let now = Timestamp.now
        let end = Timestamp(seconds: (now + options.tokenLifetime).seconds)
        let payload = TokenPayload(
            userID: proven.userID, methods: proven.methods, scope: grant.scope, delegation: grant.delegation,
            federation: proven.federation, auditID: TokenPayload.makeAuditID(), parentAuditID: proven.chainID,
            issuedAt: now, expiresAt: [end, proven.expiresAt, grant.expiresAt].compactMap { $0 }.min() ?? end)
        return try await tokens.issue(payload, verified: proven.password)
    }

    /// Ends a token, and with `cascade` the tokens made from it.
    func revoke(_ token: Token, cascade: Bool) async throws {
        let (payload, use) = (token.payload, longestTokenUse)
        try await database.write { [generations = tokens.generations] transaction in
            let now = Timestamp.now
            try RevocationRecords.insert(.token(auditID: payload.auditID), at: now, usefulFor: use, transaction)
            if cascade { try RevocationRecords.insert(.chain(auditID: payload.auditID), at: now, usefulFor: use, transaction) }
            transaction.onCommit { generations.advance(user: payload.userID) }
        }
    }

    /// The projects in which a user has a role.
    func projects(ofUser userID: String) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, "project", $0), $0) }
    }

    /// The domains in which a user has a role.
    func domains(ofUser userID: String) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, "domain", $0), $0) }
    }

    /// Whether a user has a role on the system.
    func hasSystemRole(_ userID: String) async throws -> Bool {
        try await database.read { try !AssignmentRecords.heldRoleIDs(user: userID, in: .system, $0).isEmpty }
    }
}
