import CloudCore
import CloudStore

/// Credentials, whose contents are encrypted in the database.
extension Identity {
    func credential(id: String) async throws -> Credential {
        guard let credential = try await database.read({ try CredentialRecords.find(id, $0) }) else {
            throw IdentityError.notFound("credential", id: id)
        }
        return credential
    }

    func listCredentials(_ query: ListQuery) async throws -> [Credential] {
        try await database.read { try CredentialRecords.list(query, $0) }
    }

    /// What a user's credentials of one type hold, such as the seeds for TOTP.
    func secrets(ofUser userID: String, type: String) async throws -> [Secret<String>] {
        try await database.read { try CredentialRecords.list(ofUser: userID, type: type, $0) }.map { try vault.open($0.sealedBlob) }
    }

    /// Stores a new credential. That of EC2 keys goes by the digest of their access key, so that a signed request finds it.
    func createCredential(
        ofUser userID: String, projectID: String?, type: String, _ blob: Secret<String>, extra: JSONObject = [:]
    ) async throws -> Credential {
        var created = Credential(
            id: Identifier.hex(), userID: userID, projectID: projectID, type: type, sealedBlob: vault.seal(blob), extra: extra)
        if created.isEC2 { created.id = EC2Keys.credentialID(access: try EC2Keys(blob).access) }
        let credential = created
        try await writing(conflict: .conflict("credential", "Duplicate entry found with ID \(credential.id)")) { transaction in
            guard try UserRecords.find(userID, transaction) != nil else { throw IdentityError.notFound("user", id: userID) }
            if let projectID, try ProjectRecords.find(projectID, transaction) == nil {
                throw IdentityError.notFound("project", id: projectID)
            }
            try CredentialRecords.insert(credential, transaction)
        }
        return credential
    }

    /// Replaces the content. What binds EC2 keys to a delegation stays.
    func updateCredential(_ id: String, _ blob: Secret<String>) async throws -> Credential {
        let (sealed, vault) = (vault.seal(blob), vault)
        return try await database.write { transaction in
            guard var credential = try CredentialRecords.find(id, transaction) else { throw IdentityError.notFound("credential", id: id) }
            if credential.isEC2 {
                let (old, new) = (try EC2Keys(try vault.open(credential.sealedBlob)), try EC2Keys(blob))
                for binding in EC2Keys.bindings where old[binding] != new[binding] {
                    throw IdentityError.invalid("\(binding) can not be updated for credential")
                }
            }
            credential.sealedBlob = sealed
            try CredentialRecords.setBlob(sealed, of: id, transaction)
            return credential
        }
    }

    func deleteCredential(_ id: String) async throws {
        try await database.write { transaction in
            guard try CredentialRecords.delete(id, transaction) else { throw IdentityError.notFound("credential", id: id) }
        }
    }

    /// Rotates the credential keys and seals every secret anew under the new primary one. Each rotation drops the
    /// oldest key, so whatever might still depend on it is sealed anew before, too.
    /// - Throws: `KeyRepositoryError`, `StoreError`; a secret that no key opens. The old keys then still open everything.
    public func rotateCredentialKeys() async throws {
        try await sealAnew()
        try credentialKeys.rotate()
        try await sealAnew()
    }

    private func sealAnew() async throws {
        try await database.write { [vault] transaction in
            try SealedRecords.replace(transaction) { vault.seal(try vault.open($0)) }
        }
    }
}
