import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// What a change to a type that is encrypted otherwise adds to a volume's move: its bytes are written anew under a key of their own, or
/// in clear, even where it stays on its back end (Cinder's volume_types_encryption_changed).
struct VolumeReencryption: Sendable {
    let storage: BlockStorage.Parts

    /// Whether a volume's bytes have to be written anew for a type.
    static func isNeeded(_ volume: Volume, for type: VolumeType) -> Bool {
        guard let encryption = type.encryption, volume.isEncrypted else { return (type.encryption != nil) != volume.isEncrypted }
        return encryption.cipher != volume.details.cipher || encryption.keySize != volume.details.keyBits
    }

    static let needsSomebody = BlockStorageError.invalidVolume("An encrypted volume needs the key of somebody who is logged in.")

    /// Makes the key of a volume that is, or is about to be, encrypted with a cipher.
    static func makeKey(
        _ id: String, cipher: String?, bits: Int?, of token: TokenContext?, from keys: any VolumeKeys, in transaction: any Transaction
    ) throws {
        guard let token else { throw needsSomebody }
        let algorithm = cipher?.split(separator: "-").first.map(String.init) ?? "aes"
        try keys.makeKey(id, algorithm: algorithm, bits: bits, for: token, in: transaction)
    }

    /// Gives a volume, or what becomes it, the encryption that a type asks for.
    static func apply(_ type: VolumeType, key: String?, to volume: inout Volume) {
        volume.encryptionKeyID = key
        (volume.details.cipher, volume.details.keyBits) = (type.encryption?.cipher, type.encryption?.keySize)
        (volume.details.encryptionProvider, volume.details.controlLocation) = (type.encryption?.provider, type.encryption?.controlLocation)
    }

    // MARK: Parts of the move

    /// Nobody needs the new key when nothing came of the move.
    @Sendable func dropNewKey(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard state.former == nil, let key = state.newKeyID else { return }
        await storage.dropKey(key)
    }

    /// The volume as it shall be at its target.
    func target(of volume: Volume, _ state: MoveVolumeState) async throws -> Volume {
        var copy = volume
        (copy.typeID, copy.host, copy.details.backendName) = (state.typeID, state.target?.text, state.targetName)
        guard state.isReencrypted == true else { return copy }
        guard let type = try await storage.database.read({ try VolumeTypeRecords.find(state.typeID, in: $0) }) else {
            throw WorkflowStop("the type is gone")
        }
        Self.apply(type, key: state.newKeyID, to: &copy)
        return copy
    }

    /// Removes what a copy under another key may have left beside its source.
    func removeBetween(_ volume: Volume, _ state: MoveVolumeState, key: String) async throws {
        guard state.isReencrypted == true, let place = volume.place, let name = state.targetName else { return }
        var between = volume
        between.details.backendName = CopyVolume.betweenName(of: name)
        let request = DeleteVolume(backend: place.backend, volume: try await storage.keylessSpecification(between))
        _ = try await storage.ask(place, request, within: 1700, key: key + "-between")
    }
}
