import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a volume's removal needs to remember.
struct DeleteVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
}

/// Takes a volume away with its snapshots: its exports, its bytes, its key, its row.
struct DeleteVolumeWorkflow: Sendable {
    static let name = "volume.delete"
    let storage: BlockStorage.Parts

    var workflow: Workflow<DeleteVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(6 * 3600),
            steps: [
                .awaitCopies(ofVolume: \.volumeID, storage),
                .action("disconnect", perform: disconnect),
                .action("remove-snapshots", attempts: 5, timeout: .seconds(3600), perform: removeSnapshots),
                .action("remove", attempts: 5, timeout: .seconds(2 * 3600), perform: remove),
                .action("forget-key", attempts: 5, perform: forgetKey),
                .transaction("forget", perform: forget),
            ],
            unwound: fail)
    }

    private func volume(_ state: DeleteVolumeState) async throws -> Volume? {
        try await storage.database.read { try VolumeRecords.find(state.volumeID, in: $0) }
    }

    @Sendable private func disconnect(_ state: inout DeleteVolumeState, _ context: StepContext) async throws {
        guard let volume = try await volume(state), let place = volume.place else { return }
        let attachments = try await storage.database.read { try AttachmentRecords.of(volume: volume.id, in: $0) }
        guard attachments.contains(where: { $0.connection != nil }) else { return }
        let specification = try await storage.keylessSpecification(volume)
        for attachment in attachments where attachment.connection != nil {
            let request = DisconnectVolume(backend: place.backend, volume: specification, attachmentID: attachment.id)
            _ = try await storage.ask(place, request, key: context.key + attachment.id)
        }
    }

    @Sendable private func removeSnapshots(_ state: inout DeleteVolumeState, _ context: StepContext) async throws {
        guard let volume = try await volume(state), let place = volume.place else { return }
        let snapshots = try await storage.database.read { try SnapshotRecords.of(volume: volume.id, in: $0) }
        for snapshot in snapshots.reversed() {
            let request = DeleteSnapshot(backend: place.backend, snapshot: try await storage.keylessSpecification(snapshot, of: volume))
            do {
                _ = try await storage.ask(place, request, within: 600, key: context.key + snapshot.id)
            } catch let error as BusError where error.volumeFailure == .busy {
                throw WorkflowStop("busy: \(error.summary)", cause: error)
            }
            try await storage.database.write { try SnapshotRecords.delete(snapshot.id, in: $0) }
        }
    }

    @Sendable private func remove(_ state: inout DeleteVolumeState, _ context: StepContext) async throws {
        guard let volume = try await volume(state), let place = volume.place else { return }
        do {
            let request = DeleteVolume(backend: place.backend, volume: try await storage.keylessSpecification(volume))
            _ = try await storage.ask(place, request, within: 7000, key: context.key)
        } catch let error as BusError where error.volumeFailure == .busy {
            throw WorkflowStop("busy: \(error.summary)", cause: error)
        }
    }

    @Sendable private func forgetKey(_ state: inout DeleteVolumeState, _ context: StepContext) async throws {
        guard let key = try await volume(state)?.encryptionKeyID else { return }
        try await storage.neighbours.keys.deleteKey(key)
    }

    @Sendable private func forget(_ transaction: any Transaction, _ state: inout DeleteVolumeState, _ context: StepContext) throws {
        for snapshot in try SnapshotRecords.of(volume: state.volumeID, in: transaction) {
            try SnapshotRecords.delete(snapshot.id, in: transaction)
        }
        try VolumeRecords.delete(state.volumeID, in: transaction)
    }

    /// A volume that something depends on is what it was; another can't be removed.
    @Sendable private func fail(_ transaction: any Transaction, _ state: DeleteVolumeState, _ failure: WorkflowFailure) throws {
        let isBusy = failure.message.hasPrefix("busy")
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            (volume.status, volume.details.terminatedAt) = (isBusy ? .available : .errorDeleting, nil)
            try storage.note(failure, of: "delete", volume: volume, in: transaction)
        }
        for snapshot in try SnapshotRecords.of(volume: state.volumeID, in: transaction) where snapshot.status == .deleting {
            try SnapshotRecords.change(snapshot.id, in: transaction) { $0.status = isBusy ? .available : .errorDeleting }
        }
    }
}
