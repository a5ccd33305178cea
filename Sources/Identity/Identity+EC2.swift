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
        guard let secret = keys.secret, isSigned(secret), let projectID = credential.projectID else { throw IdentityError.unauthorized }
        if let date {
            // A presigned address is good for a while; nobody may keep one for ever.
            guard let moment = AWSSignature.date(date), Timestamp.now <= moment + options.signatureLifetime else {
                throw IdentityError.unauthorized
            }
        }
        let now = Timestamp.now
        let payload = TokenPayload(
            userID: credential.userID, methods: [.ec2Credential], scope: .project(projectID), delegation: try keys.delegation,
            auditID: TokenPayload.makeAuditID(), issuedAt: now, expiresAt: Timestamp(seconds: (now + options.tokenLifetime).seconds))
        return try await tokens.issue(payload, verified: nil)
    }
}

extension EC2Keys {
    /// What the keys' rights are narrowed to. That it was lent to the keys' user, and in their project, is checked with
    /// the token. Keys that name a trust are of no use: nobody can make any with what a trust lends.
    fileprivate var delegation: Delegation? {
        get throws {
            guard self["trust_id"] == nil else { throw IdentityError.unauthorized }
            for (binding, make) in [("app_cred_id", Delegation.applicationCredential), ("access_token_id", Delegation.accessToken)] {
                guard let value = self[binding] else { continue }
                guard let id = value.string else { throw IdentityError.unauthorized }
                return make(id)
            }
            return nil
        }
    }
}
