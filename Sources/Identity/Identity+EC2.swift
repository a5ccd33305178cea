import CloudCore
import CloudCrypto
import CloudStore

/// EC2 keys: made for a user in a project, and exchanged for tokens by services that receive what they signed.
extension Identity {
    func createEC2Keys(ofUser userID: String, projectID: String) async throws -> Credential {
        try await createCredential(ofUser: userID, projectID: projectID, type: Credential.ec2, EC2Keys().blob)
    }

    func ec2Credential(access: String) async throws -> Credential {
        try await credential(id: EC2Keys.credentialID(access: access))
    }

    func ec2Credentials(ofUser userID: String) async throws -> [Credential] {
        try await database.read { try CredentialRecords.list(ofUser: userID, type: Credential.ec2, $0) }
    }

    /// Makes a token for whom keys belong to, in their project.
    /// - Parameters:
    ///   - access: the access key.
    ///   - date: when the request says it was signed.
    ///   - isSigned: checks the request's signature against the keys' secret.
    func issueToken(
        access: String, date: String?, isSigned: @Sendable (Secret<String>) -> Bool
    ) async throws -> IssuedToken {
        let id = EC2Keys.credentialID(access: access)
        guard let credential = try await database.read({ try CredentialRecords.find(id, $0) }), credential.type == Credential.ec2
        else { throw IdentityError.missing("EC2 access key not found.") }
        let keys = try EC2Keys(try vault.open(credential.sealedBlob))
        guard let secret = keys.secret, isSigned(secret) else { throw IdentityError.unauthorized }
        if let date {
            // A presigned address is good for a while; nobody may keep one for ever.
            guard let moment = AWSSignature.date(date), Timestamp.now <= moment + options.signatureLifetime else {
                throw IdentityError.unauthorized
            }
        }
        let use = try await use(of: credential, keys)
        let now = Timestamp.now
        let end = Timestamp(seconds: (now + options.tokenLifetime).seconds)
        let payload = TokenPayload(
            userID: use.userID, methods: [.ec2Credential], scope: .project(use.projectID), delegation: use.delegation,
            auditID: TokenPayload.makeAuditID(), issuedAt: now, expiresAt: use.expiresAt.map { min($0, end) } ?? end)
        return try await tokens.issue(payload, verified: nil)
    }

    /// Whom a token for keys is for, and what narrows it.
    private struct KeyUse: Sendable {
        var userID: String
        var projectID: String
        var delegation: Delegation?
        var expiresAt: Timestamp?
    }

    /// Keys bound to a trust lend what the trust does, where it does, and to its trustee: that must be whose keys they
    /// are, or its trustor where the token speaks for the trustor anyway. A user writes the content of keys, so what it
    /// names counts for no more than that; the rest is checked with the token.
    private func use(of credential: Credential, _ keys: EC2Keys) async throws -> KeyUse {
        guard let trustID = keys["trust_id"] else {
            guard let projectID = credential.projectID else { throw IdentityError.unauthorized }
            return KeyUse(userID: credential.userID, projectID: projectID, delegation: try keys.delegation)
        }
        let found = try await database.read { reader in try trustID.string.flatMap { try TrustRecords.find($0, reader) } }
        guard let trust = found, let projectID = trust.projectID,
            credential.userID == trust.trusteeID || (trust.impersonates && credential.userID == trust.trustorID)
        else { throw IdentityError.unauthorized }
        return KeyUse(userID: trust.trusteeID, projectID: projectID, delegation: .trust(trust.id), expiresAt: trust.expiresAt)
    }
}

extension EC2Keys {
    /// What the rights of keys without a trust are narrowed to. That it was lent to the keys' user, and in their project,
    /// is checked with the token.
    fileprivate var delegation: Delegation? {
        get throws {
            for (binding, make) in [("app_cred_id", Delegation.applicationCredential), ("access_token_id", Delegation.accessToken)] {
                guard let value = self[binding] else { continue }
                guard let id = value.string else { throw IdentityError.unauthorized }
                return make(id)
            }
            return nil
        }
    }
}
