import CloudCore
import CloudCrypto
import CloudStore

/// Keys of encrypted volumes, for services in this program. They are secrets like any other: their project sees them in
/// the API, under the id that the volume names as its key.
extension KeyManager {
    /// Makes a random symmetric key and stores it under an id that the caller chose. A repeat finds what is there.
    /// - Parameters:
    ///   - bits: the key's length; a multiple of 8.
    ///   - algorithm: what it is for, such as "AES".
    /// - Throws: `KeyManagerError` when the project's quota is used up.
    public func makeKey(
        id: String, bits: Int, algorithm: String, name: String, projectID: String, userID: String, in transaction: any Transaction
    ) throws {
        let sealed = parts.cipher.seal(RandomBytes.make(bits / 8))
        var key = StoredSecret(id: id, projectID: projectID, creatorID: userID, at: .now)
        (key.name, key.type, key.algorithm, key.bitLength) = (name, .symmetric, algorithm, bits)
        (key.contentType, key.sealedPayload) = (.octetStream, sealed)
        try store(key, in: transaction)
    }

    /// Stores a copy of a key under another id, for its own project and maker, as the copy of an encrypted volume needs it.
    /// A repeat finds what is there.
    /// - Parameter projectID: whose key it must be; nil for anybody's.
    /// - Returns: whether there is such a key to copy.
    /// - Throws: as `makeKey`.
    public func copyKey(
        _ source: String, to id: String, of projectID: String? = nil, in transaction: any Transaction
    ) throws -> Bool {
        guard let found = try SecretRecords.find(source, now: .now, in: transaction), projectID ?? found.projectID == found.projectID
        else { return false }
        var copy = StoredSecret(id: id, projectID: found.projectID, creatorID: found.creatorID, at: .now)
        (copy.name, copy.type, copy.algorithm, copy.bitLength) = (found.name, found.type, found.algorithm, found.bitLength)
        (copy.mode, copy.contentType, copy.sealedPayload) = (found.mode, found.contentType, found.sealedPayload)
        try store(copy, in: transaction)
        return true
    }

    private func store(_ key: StoredSecret, in transaction: any Transaction) throws {
        guard try SecretRecords.find(key.id, now: .now, in: transaction) == nil else { return }
        try QuotaRecords.check(.secrets, of: key.projectID, parts.options, in: transaction)
        try SecretRecords.insert(key, in: transaction)
    }

    /// The passphrase that a key stands for: its bytes as hexadecimal digits, as Cinder and Nova hand keys to LUKS.
    /// Nil when there is no such key, or no payload in it.
    /// - Throws: `KeyManagerError.unreadable` when the payload opens with none of the keys.
    public func passphrase(ofKey id: String) async throws -> Secret<String>? {
        guard let key = try await parts.database.read({ try SecretRecords.find(id, now: .now, in: $0) }),
            let sealed = key.sealedPayload
        else { return nil }
        return Secret(try parts.open(sealed).hexadecimal)
    }

    /// Makes a key another project's and user's, with the volume that it unlocks. An unknown one is success.
    public func giveKey(_ id: String, toProject projectID: String, user userID: String) async throws {
        try await parts.database.write { try SecretRecords.setOwner(projectID, userID, of: id, now: .now, in: $0) }
    }

    /// Removes a project's key within the caller's transaction. Another project's, or an unknown one, is left alone.
    public func deleteKey(_ id: String, of projectID: String, in transaction: any Transaction) throws {
        guard try SecretRecords.find(id, now: .now, in: transaction)?.projectID == projectID else { return }
        _ = try SecretRecords.delete(id, in: transaction)
    }

    /// Removes a key. An unknown one is success.
    public func deleteKey(_ id: String) async throws {
        try await parts.database.write { _ = try SecretRecords.delete(id, in: $0) }
    }
}

extension KeyManager.Parts {
    /// Decrypts a payload.
    /// - Throws: `KeyManagerError.unreadable` when no key opens it.
    func open(_ sealed: String) throws(KeyManagerError) -> [UInt8] {
        guard let payload = cipher.open(sealed) else { throw .unreadable }
        return payload
    }
}
