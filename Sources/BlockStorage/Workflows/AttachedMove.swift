import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// What is different in a volume's move while a server has it. Another volume is made at the target; compute copies the one onto the
/// other under the guest's hands and says when the guest is on the other; then both exchange what they are in the back ends, so that
/// the server goes on with the volume's id (Cinder's migrate_volume, Nova's swap_volume, migrate_volume_completion).
struct AttachedMove: Sendable {
    let storage: BlockStorage.Parts

    /// The server that has a volume; nil when nobody has it.
    /// - Throws: `WorkflowStop` when several have it, or somebody who is no server.
    func server(of volume: Volume, in reader: any Reader) throws -> String? {
        let attachments = try AttachmentRecords.of(volume: volume.id, in: reader)
        if attachments.isEmpty, volume.attachStatus == .detached { return nil }
        guard attachments.count == 1, let only = attachments.first, only.status == .attached, only.isHeldByCompute, let id = only.serverID
        else { throw WorkflowStop("A volume is moved between back ends while one server has it, or nobody.") }
        return id
    }

    // MARK: The volume that it goes over to

    /// Makes the row of the volume at the target, which lists show to administrators only.
    func insertTarget(
        for volume: Volume, at place: VolumeHostName, of type: VolumeType, in transaction: any Transaction
    ) throws -> String {
        var target = volume
        target.id = Identifier.uuid()
        (target.host, target.typeID, target.isMultiattach) = (place.text, type.id, type.isMultiattach)
        (target.status, target.previousStatus, target.attachStatus) = (.creating, nil, .detached)
        target.migrationStatus = "target:\(volume.id)"
        (target.snapshotID, target.sourceID, target.groupID, target.encryptionKeyID) = (nil, nil, nil, nil)
        (target.usesQuota, target.growth, target.createdAt, target.updatedAt) = (false, 0, .now, nil)
        (target.details.backendName, target.details.nameID) = (nil, nil)
        target.details.adminMetadata["attached_mode"] = nil
        try VolumeRecords.insert(target, in: transaction)
        return target.id
    }

    /// Has it made, empty, with a key of its own where it is encrypted.
    @Sendable func makeTarget(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard let id = state.newVolumeID else { return }
        let (source, target) = try await volumes(state)
        guard let source, var target, let place = target.place else { throw WorkflowStop("the volume is gone") }
        if let key = source.encryptionKeyID, target.encryptionKeyID == nil {
            let copy = Identifier.uuid()
            target.encryptionKeyID = copy
            try await storage.database.write { transaction in
                try storage.neighbours.keys.copyKey(key, to: copy, of: nil, in: transaction)
                try VolumeRecords.change(id, in: transaction) { $0.encryptionKeyID = copy }
            }
        }
        let request = CreateVolume(backend: place.backend, volume: try await storage.specification(target), content: .blank)
        do {
            _ = try await storage.ask(place, request, within: 500, key: context.key)
        } catch let error as BusError where error.volumeFailure == .full || error.volumeFailure == .unsupported {
            throw WorkflowStop(error.summary, cause: error)
        }
        try await storage.database.write { transaction in
            try VolumeRecords.change(id, in: transaction) { ($0.status, $0.details.launchedAt) = (.available, .now) }
        }
    }

    /// Takes it away, unless the volume's migration has done so.
    @Sendable func removeTarget(_ transaction: any Transaction, _ state: inout MoveVolumeState, _ context: StepContext) throws {
        guard let id = state.newVolumeID, let target = try VolumeRecords.find(id, in: transaction), target.status != .deleting,
            target.migrationStatus == mark(state)
        else { return }
        try VolumeRecords.change(id, in: transaction) { ($0.migrationStatus, $0.attachStatus) = ("deleting", .detached) }
        try VolumeRemoval(storage: storage, isForced: true, isCascading: true, isAdmin: true).begin(id, in: transaction)
    }

    // MARK: Going over

    private enum Standing { case idle, underWay, over(hasMoved: Bool) }

    /// Has compute bring the server to the other volume, and waits until it is there.
    @Sendable func swap(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard let server = state.serverID, let new = state.newVolumeID else { return }
        if case .idle = try await standing(state) {
            do {
                try await storage.neighbours.servers.swap(server: server, from: state.volumeID, to: new, key: context.key)
            } catch let refusal as VolumeNeighbourMissing where !refusal.mayPass {
                throw WorkflowStop(refusal.message, cause: refusal)
            }
        }
        try await awaitEnd(&state, context)
        guard case .over(hasMoved: true) = try await standing(state) else {
            throw WorkflowStop("The server's host could not bring its guest to the new volume.")
        }
    }

    /// Waits until compute has finished with both volumes: nothing may be taken away that a guest still has.
    @Sendable func awaitEnd(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard state.newVolumeID != nil else { return }
        while case .underWay = try await standing(state) { try await Task.sleep(for: .milliseconds(250)) }
    }

    /// The new volume is attached from the moment in which compute accepts the change until its end.
    private func standing(_ state: MoveVolumeState) async throws -> Standing {
        guard let id = state.newVolumeID else { return .idle }
        let (source, target) = try await volumes(state)
        guard let target, target.migrationStatus == mark(state) else { return .over(hasMoved: source?.details.nameID == id) }
        let isAttached = try await storage.database.read { try !AttachmentRecords.of(volume: id, in: $0).isEmpty }
        return isAttached ? .underWay : .idle
    }

    private func mark(_ state: MoveVolumeState) -> String { "target:\(state.volumeID)" }

    private func volumes(_ state: MoveVolumeState) async throws -> (Volume?, Volume?) {
        try await storage.database.read { reader in
            (try VolumeRecords.find(state.volumeID, in: reader), try state.newVolumeID.flatMap { try VolumeRecords.find($0, in: reader) })
        }
    }
}
