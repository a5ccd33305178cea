import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// `PUT /volumes/{id}`.
enum VolumeChanges {
    private static let members: [(name: String, schema: Schema)] = [
        ("name", FieldSchemas.text), ("description", FieldSchemas.text), ("display_name", FieldSchemas.text),
        ("display_description", FieldSchemas.text), ("metadata", FieldSchemas.metadata),
    ]
    static let body: RequestBody = .json(.object([("volume", .object(members))], required: ["volume"]))

    /// - Throws: 400 for nothing to change, or a volume in maintenance.
    static func apply(_ body: JSON, to volume: inout Volume) throws {
        guard let members = body.object, !members.isEmpty else {
            throw BlockStorageError.badRequest("Invalid input for field/attribute volume. There is nothing to change.")
        }
        guard volume.status != .maintenance else {
            throw BlockStorageError.invalidVolume("The volume cannot be updated during maintenance.")
        }
        for (names, path) in [(["display_name", "name"], \Volume.name), (["display_description", "description"], \Volume.description)] {
            for name in names { if let value = body[name] { volume[keyPath: path] = value.string?.trimmed } }
        }
        if let metadata = body["metadata"] { volume.metadata = metadata.stringDictionary }
    }
}

/// What begins a volume's removal, for the API and for services that made the volume.
struct VolumeRemoval: Sendable {
    let storage: BlockStorage.Parts
    /// Whether its status does not matter.
    var isForced = false
    /// Whether its snapshots go with it.
    var isCascading = false
    var isAdmin = false
    var requestID: String?

    private static let statuses: Set<Volume.Status> = [.available, .error, .errorRestoring, .errorExtending, .errorManaging]

    /// Begins, or removes the row at once where there is nothing but the row.
    /// - Throws: 400 for a state that does not allow it.
    func begin(_ id: String, in transaction: any Transaction) throws {
        guard var volume = try VolumeRecords.find(id, in: transaction) else { throw BlockStorageError.volumeNotFound(id) }
        let snapshots = try SnapshotRecords.of(volume: id, in: transaction)
        if volume.host == nil {
            guard try storage.workflows.cancel(subject: volume.subject, in: transaction) else {
                return try VolumeRecords.delete(id, in: transaction)
            }
            volume.status = .deleting
            return try VolumeRecords.update(volume, in: transaction)
        }
        try check(volume, snapshots)
        let former = volume
        volume.status = volume.status == .errorManaging ? .errorManagingDeleting : .deleting
        volume.details.terminatedAt = .now
        try VolumeRecords.update(volume, in: transaction)
        for snapshot in snapshots { try SnapshotRecords.change(snapshot.id, in: transaction) { $0.status = .deleting } }
        if isForced { return try storage.forceDeletion(of: former, requestID: requestID, in: transaction) }
        try storage.begin(
            DeleteVolumeWorkflow(storage: storage).workflow, DeleteVolumeState(volumeID: id), subject: volume.subject,
            requestID: requestID, in: transaction)
    }

    private func check(_ volume: Volume, _ snapshots: [Snapshot]) throws {
        let undeletable = snapshots.contains { snapshot in
            snapshot.groupSnapshotID != nil || (!isForced && ![.available, .error, .deleting].contains(snapshot.status))
                || (!isAdmin && snapshot.projectID != volume.projectID)
        }
        let isAllowed =
            volume.attachStatus != .attached && !volume.isMigrating && volume.groupID == nil
            && (isForced || Self.statuses.contains(volume.status)) && (isCascading ? !undeletable : snapshots.isEmpty)
        guard isAllowed else {
            let statuses = isForced ? "" : " status must be available or error or error_restoring or error_extending or error_managing and"
            throw BlockStorageError.invalidVolume(
                "Volume\(statuses) must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be "
                    + "disassociated from snapshots after volume transfer.")
        }
    }
}
