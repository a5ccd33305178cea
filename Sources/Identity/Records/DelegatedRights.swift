import CloudCore
import CloudStore

/// The rights of tokens made by somebody's leave.
extension TokenRecords {
    /// The trustor must still be there and hold all of the roles, and everyone in between be there too. What ends the
    /// trustor's tokens ends those made by the trustor's leave. Nil when the trust is of no use any more; whether it
    /// has uses left counts only when a token is made.
    static func rights(ofTrust id: String, _ payload: TokenPayload, _ reader: any Reader) throws -> TokenRights? {
        let now = Timestamp.now
        guard let trust = try TrustRecords.find(id, reader), trust.isCurrent(at: now), trust.trusteeID == payload.userID,
            let trustor = try user(trust.trustorID, reader), let ancestors = try TrustRecords.ancestors(of: trust, at: now, reader),
            try ancestors.allSatisfy({ try user($0.trusteeID, reader) != nil }),
            try !RevocationRecords.isRevoked(user: trustor.id, issuedAt: payload.issuedAt, reader),
            let roles = try TrustRecords.lentRoles(trust, by: ancestors.last?.trustorID ?? trustor.id, reader)
        else { return nil }
        let view = TokenTrust(
            trust: trust, impersonated: trust.impersonates ? trustor : nil,
            lenders: Set([trustor.id] + ancestors.flatMap { [$0.trustorID, $0.trusteeID] }))
        return TokenRights(roles: roles, delegation: view)
    }

    /// The credential's roles that its user still has. Nil when it is gone, or has expired before the token does: one that
    /// ends with the token is still there for services that look at tokens after their end.
    static func rights(
        ofApplicationCredential id: String, _ payload: TokenPayload, _ reader: any Reader
    ) throws -> TokenRights? {
        guard let credential = try ApplicationCredentialRecords.find(id, reader), credential.userID == payload.userID,
            payload.scope == .project(credential.projectID),
            credential.expiresAt.map({ $0 >= payload.expiresAt }) ?? true || !credential.isExpired(at: .now)
        else { return nil }
        let held = try effectiveRoles(user: payload.userID, in: payload.scope, reader)
        return TokenRights(
            roles: held.filter { credential.roleIDs.contains($0.id) },
            delegation: TokenApplicationCredential(
                id: id, name: credential.name, isUnrestricted: credential.isUnrestricted, storedRules: credential.accessRules))
    }
}
