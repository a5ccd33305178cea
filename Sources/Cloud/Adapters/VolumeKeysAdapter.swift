import BlockStorage
import CloudAPI
import CloudCore
import CloudStore
import Images
import KeyManager

/// The key manager as block storage asks for it.
struct VolumeKeysAdapter: VolumeKeys {
    let keyManager: KeyManager

    func makeKey(
        _ id: String, algorithm: String, bits: Int?, for token: TokenContext, in transaction: any Transaction
    ) throws {
        guard let projectID = token.projectID else { throw VolumeNeighbourMissing("A key belongs to a project.") }
        try keyManager.makeKey(
            id: id, bits: bits ?? 256, algorithm: algorithm, name: "Key of an encrypted volume", projectID: projectID,
            userID: token.userID, in: transaction)
    }

    func passphrase(_ id: String) async throws -> Secret<String> {
        guard let passphrase = try await keyManager.passphrase(ofKey: id) else {
            throw VolumeNeighbourMissing("There is no key \(id) any more.")
        }
        return passphrase
    }

    func copyKey(_ source: String, to id: String, of projectID: String?, in transaction: any Transaction) throws {
        guard try keyManager.copyKey(source, to: id, of: projectID, in: transaction) else {
            throw VolumeNeighbourMissing("There is no key \(source) any more.")
        }
    }

    func giveKey(_ id: String, to token: TokenContext) async throws {
        guard let projectID = token.projectID else { throw VolumeNeighbourMissing("A key belongs to a project.") }
        try await keyManager.giveKey(id, toProject: projectID, user: token.userID)
    }

    func deleteKey(_ id: String) async throws { try await keyManager.deleteKey(id) }
}

/// The key manager as the image service asks for it.
struct ImageKeysAdapter: ImageKeys {
    let keyManager: KeyManager

    func deleteKey(_ id: String, of projectID: String, in transaction: any Transaction) throws {
        try keyManager.deleteKey(id, of: projectID, in: transaction)
    }
}
