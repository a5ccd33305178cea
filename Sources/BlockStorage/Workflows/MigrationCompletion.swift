import CloudCore
import CloudStore

/// The end of a migration: the volume takes over what the one that was made for it is in the back ends, which then goes with what
/// the volume was before.
struct MigrationCompletion: Sendable {
    let storage: BlockStorage.Parts
    var requestID: String?

    /// - Returns: the id of the volume that whoever had the old one has from now on.
    /// - Throws: 404; 400 when they don't belong to one migration.
    func complete(_ oldID: String, _ newID: String, hasFailed: Bool, in transaction: any Transaction) throws -> String {
        guard var old = try VolumeRecords.find(oldID, in: transaction) else { throw BlockStorageError.volumeNotFound(oldID) }
        guard var new = try VolumeRecords.find(newID, in: transaction) else {
            // The new one is gone when this was done before.
            guard old.details.nameID == newID || hasFailed else { throw BlockStorageError.volumeNotFound(newID) }
            return oldID
        }
        if old.migrationStatus == nil, new.migrationStatus == nil { return hasFailed ? oldID : newID }
        guard new.migrationStatus == "target:\(oldID)" else {
            throw BlockStorageError.invalidVolume("Volume \(newID) is not the target of a migration of volume \(oldID).")
        }
        if !hasFailed { try exchange(&old, &new, in: transaction) }
        old.migrationStatus = hasFailed ? "error" : "success"
        if let status = old.previousStatus { (old.status, old.previousStatus) = (status, nil) }
        (new.migrationStatus, new.groupID, new.attachStatus) = ("deleting", nil, .detached)
        try VolumeRecords.update(old, in: transaction)
        try VolumeRecords.update(new, in: transaction)
        let removal = VolumeRemoval(storage: storage, isForced: true, isCascading: true, isAdmin: true, requestID: requestID)
        try removal.begin(newID, in: transaction)
        return oldID
    }

    /// Each takes over what the other is in the back ends, and its attachments.
    private func exchange(_ old: inout Volume, _ new: inout Volume, in transaction: any Transaction) throws {
        let names = (old.backendName, new.backendName)
        (old.details.backendName, new.details.backendName) = (names.1, names.0)
        swap(&old.host, &new.host)
        swap(&old.typeID, &new.typeID)
        swap(&old.encryptionKeyID, &new.encryptionKeyID)
        swap(&old.details.cipher, &new.details.cipher)
        swap(&old.details.keyBits, &new.details.keyBits)
        swap(&old.details.encryptionProvider, &new.details.encryptionProvider)
        swap(&old.isMultiattach, &new.isMultiattach)
        swap(&old.availabilityZone, &new.availabilityZone)
        old.details.nameID = new.id
        let (ofOld, ofNew) = (
            try AttachmentRecords.of(volume: old.id, in: transaction), try AttachmentRecords.of(volume: new.id, in: transaction)
        )
        for (attachments, volume) in [(ofOld, new.id), (ofNew, old.id)] {
            for attachment in attachments { try AttachmentRecords.change(attachment.id, in: transaction) { $0.volumeID = volume } }
        }
        if !ofOld.isEmpty || !ofNew.isEmpty {
            old.previousStatus = Volume.settled(isAttached: ofNew.contains(where: \.isAttached))
            old.attachStatus = ofNew.contains(where: \.isAttached) ? .attached : .detached
        }
    }
}
