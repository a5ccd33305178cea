import BlockStorage
import CloudAPI
import CloudCore
import KeyManager

/// The key manager as block storage asks for it.
struct VolumeKeysAdapter: VolumeKeys {
    let keyManager: KeyManager

    func makeKey(algorithm: String, bits: Int?, for token: TokenContext) async throws -> String {
        guard let projectID = token.projectID else { throw VolumeNeighbourMissing("A key belongs to a project.") }
        let id = Identifier.uuid()
        try await keyManager.makeKey(
            id: id, bits: bits ?? 256, algorithm: algorithm, name: "Key of an encrypted volume", projectID: projectID, userID: token.userID)
        return id
    }

    func passphrase(_ id: String) async throws -> Secret<String> {
        guard let passphrase = try await keyManager.passphrase(ofKey: id) else {
            throw VolumeNeighbourMissing("There is no key \(id) any more.")
        }
        return passphrase
    }

    func copyKey(_ id: String) async throws -> String {
        let copy = Identifier.uuid()
        try await keyManager.copyKey(id, to: copy)
        return copy
    }

    func giveKey(_ id: String, to token: TokenContext) async throws {
        guard let projectID = token.projectID else { throw VolumeNeighbourMissing("A key belongs to a project.") }
        try await keyManager.giveKey(id, toProject: projectID, user: token.userID)
    }

    func deleteKey(_ id: String) async throws { try await keyManager.deleteKey(id) }
}
