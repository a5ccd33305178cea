import CloudStore
import CloudCore
import VolumeMessages

extension BlockStorage.Parts {
    /// A volume as its storage host has to know it, with the key where it is encrypted.
    func specification(_ volume: Volume) async throws -> VolumeSpecification {
        var specification = try await keylessSpecification(volume)
        if let key = volume.encryptionKeyID {
            specification.encryption = VolumeEncryption(
                keyID: key, passphrase: try await neighbours.keys.passphrase(key).reveal(), cipher: volume.details.cipher,
                keyBits: volume.details.keyBits)
        }
        return specification
    }

    /// A volume without its key, for what takes it away: nobody opens it any more, and of what a crash cut off the key may be gone.
    func keylessSpecification(_ volume: Volume) async throws -> VolumeSpecification {
        let type = try await database.read { try VolumeTypeRecords.find(volume.typeID, in: $0) }
        return VolumeSpecification(
            id: volume.id, name: volume.backendName, sizeGiB: volume.size, pool: volume.place?.pool ?? "",
            options: type?.extraSpecs ?? [:])
    }

    /// A snapshot likewise.
    func keylessSpecification(_ snapshot: Snapshot, of volume: Volume) async throws -> SnapshotSpecification {
        var whole = try await keylessSpecification(volume)
        whole.sizeGiB = snapshot.volumeSize
        return SnapshotSpecification(id: snapshot.id, name: snapshot.backendName, volume: whole)
    }

    /// A snapshot likewise; its volume has the size that it had then.
    func specification(_ snapshot: Snapshot, of volume: Volume) async throws -> SnapshotSpecification {
        var whole = try await specification(volume)
        whole.sizeGiB = snapshot.volumeSize
        return SnapshotSpecification(id: snapshot.id, name: snapshot.backendName, volume: whole)
    }
}
