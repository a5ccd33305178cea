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

    /// Makes a token of what a client proves, or a receipt when that is right but not enough.
    /// - Parameters:
    ///   - origin: the request, for methods that look at its headers.
    ///   - receipt: the text of a receipt for a part of what the user has to prove.
    /// - Throws: `IdentityError`.
    func logIn(_ request: AuthenticationRequest, _ origin: APIRequest? = nil, receipt: String? = nil) async throws -> LoginOutcome {
        let login = Login(scope: request.scope, request: origin)
        var proven: Proven?
        for proof in request.proofs {
            let next = try await proof.prove(login, self)
            proven = try proven?.combined(with: next) ?? next
        }
        guard var proven else { throw IdentityError.unauthorized }
        if let receipt, !receipt.isEmpty { proven.methods.formUnion(try openReceipt(receipt, of: proven.userID)) }
        return try await logIn(as: proven, scope: request.scope)
    }

    /// Makes a token for somebody who is known, or a receipt when the user's rules ask for more.
    /// - Throws: `IdentityError`.
    func logIn(as proven: Proven, scope: RequestedScope) async throws -> LoginOutcome {
        let grant = try await grant(scope, to: proven)
        guard grant.isEnough else { return .receipt(try await issueReceipt(for: proven)) }
        let issued = try await issueToken(for: proven, grant)
        return .token(issued.text, issued.token)
    }

    /// Makes a token for somebody whom no rule about methods concerns, since it was no login that proved who it is.
    /// - Throws: `IdentityError`.
    func issueToken(for proven: Proven, scope: RequestedScope) async throws -> IssuedToken {
        try await issueToken(for: proven, grant(scope, to: proven))
    }

    private func grant(_ requested: RequestedScope, to proven: Proven) async throws -> ScopeGrant {
        try await database.read { [offered = options.offeredMethods, rules = options.securityCompliance] reader in
            guard let user = try UserRecords.find(proven.userID, reader), !user.isInactive(rules, at: .now) else {
                throw IdentityError.unauthorized
            }
            var grant = try ScopeGrant(requested, for: user, proven, reader)
            grant.isEnough = user.options.admits(proven.methods, offered)
            return grant
        }
    }

    private func issueToken(for proven: Proven, _ grant: ScopeGrant) async throws -> IssuedToken {
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

    /// The revocation events that may still concern a token.
    func revocations(since moment: Timestamp?) async throws -> [RevocationEvent] {
        try await database.read { try RevocationRecords.list(since: moment, $0) }
    }

    /// The projects in which a user has a role.
    /// - Parameter groups: groups that count beside those the user is a member of.
    func projects(ofUser userID: String, groups: [String] = []) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, groups: groups, "project", $0), $0) }
    }

    /// The domains in which a user has a role.
    func domains(ofUser userID: String, groups: [String] = []) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, groups: groups, "domain", $0), $0) }
    }

    /// Whether a user has a role on the system.
    func hasSystemRole(_ userID: String, groups: [String] = []) async throws -> Bool {
        try await database.read { try !AssignmentRecords.heldRoleIDs(user: userID, groups: groups, in: .system, $0).isEmpty }
    }
}
