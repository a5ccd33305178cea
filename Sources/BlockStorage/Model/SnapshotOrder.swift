import CloudCore
import CloudStore

/// What a new snapshot shall be.
struct SnapshotOrder: Sendable {
    var id = Identifier.uuid()
    var volumeID: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    var metadata: [String: String] = [:]
    /// Whether its volume may be in use.
    var allowsInUse = false
    var groupSnapshotID: String?
    var usesQuota = true
}

extension BlockStorage.Parts {
    /// Accepts a snapshot: its row, counted in quotas, and the workflow that makes it.
    /// - Throws: 400 for a volume whose state does not allow it, 413 for a quota.
    func beginSnapshot(_ order: SnapshotOrder, requestID: String?, in transaction: any Transaction) throws -> Snapshot {
        guard let volume = try VolumeRecords.find(order.volumeID, in: transaction) else {
            throw BlockStorageError.volumeNotFound(order.volumeID)
        }
        try check(volume, takes: order)
        if order.usesQuota {
            try checkQuota(
                project: order.projectID, type: volume.typeID, snapshots: 1,
                gigabytes: options.countsSnapshotGigabytes ? volume.size : 0, in: transaction)
        }
        var snapshot = Snapshot(
            id: order.id, projectID: order.projectID, userID: order.userID, name: order.name, description: order.description,
            volumeID: volume.id, volumeSize: volume.size, status: .creating, progress: "0%", metadata: order.metadata,
            groupSnapshotID: order.groupSnapshotID, typeID: volume.typeID, usesQuota: order.usesQuota, createdAt: .now)
        snapshot.details = Snapshot.Details(
            encryptionKeyID: volume.encryptionKeyID, imageMetadata: volume.imageMetadata, isBootable: volume.isBootable)
        try SnapshotRecords.insert(snapshot, in: transaction)
        let server = try AttachmentRecords.of(volume: volume.id, in: transaction).first { $0.isAttached }
        try begin(
            CreateSnapshotWorkflow(storage: self).workflow, SnapshotState(snapshotID: snapshot.id, server: server?.serverID),
            subject: snapshot.subject, requestID: requestID, in: transaction)
        return snapshot
    }

    private func check(_ volume: Volume, takes order: SnapshotOrder) throws {
        guard volume.host != nil else {
            throw BlockStorageError.invalidVolume(
                "The snapshot cannot be created because volume has not been scheduled to any host.")
        }
        guard volume.status != .maintenance else {
            throw BlockStorageError.invalidVolume("The snapshot cannot be created when the volume is in maintenance mode.")
        }
        guard !volume.isMigrating else {
            throw BlockStorageError.invalidVolume("Snapshot cannot be created while volume is migrating.")
        }
        let allowed: [Volume.Status] = order.allowsInUse ? [.available, .inUse] : [.available]
        guard allowed.contains(volume.status) else {
            throw BlockStorageError.invalidVolume(
                "Volume \(volume.id) status must be \(allowed.map(\.rawValue).joined(separator: ", ")), but current status is: "
                    + "\(volume.status.rawValue).")
        }
    }
}
