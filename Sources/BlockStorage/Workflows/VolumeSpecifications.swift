import CloudStore
import CloudCore
import VolumeMessages

extension BlockStorage.Parts {
    /// A volume as its storage host has to know it, with the key where it is encrypted.
    func specification(_ volume: Volume) async throws -> VolumeSpecification {
        let type = try await database.read { try VolumeTypeRecords.find(volume.typeID, in: $0) }
        var specification = VolumeSpecification(
            id: volume.id, name: volume.backendName, sizeGiB: volume.size, pool: volume.place?.pool ?? "",
            options: type?.extraSpecs ?? [:])
        if let key = volume.encryptionKeyID {
            specification.encryption = VolumeEncryption(
                keyID: key, passphrase: try await neighbours.keys.passphrase(key).reveal(), cipher: volume.details.cipher,
                keyBits: volume.details.keyBits)
        }
        return specification
    }

    /// A snapshot likewise; its volume has the size that it had then.
    func specification(_ snapshot: Snapshot, of volume: Volume) async throws -> SnapshotSpecification {
        var whole = try await specification(volume)
        whole.sizeGiB = snapshot.volumeSize
        return SnapshotSpecification(id: snapshot.id, name: snapshot.backendName, volume: whole)
    }
}
