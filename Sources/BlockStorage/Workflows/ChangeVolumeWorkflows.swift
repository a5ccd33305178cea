import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a reversal needs to remember.
struct RevertVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
    var snapshotID: String
    /// Whether its host would not begin: the volume is what it was.
    var isRefused: Bool?
}

/// Sets a volume back to its latest snapshot.
struct RevertVolumeWorkflow: Sendable {
    static let name = "volume.revert"
    let storage: BlockStorage.Parts

    var workflow: Workflow<RevertVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(3600),
            steps: [
                .awaitCopies(ofVolume: \.volumeID, storage),
                .action("revert", attempts: Self.attempts, timeout: .seconds(3500), perform: revert),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func revert(_ state: inout RevertVolumeState, _ context: StepContext) async throws {
        let copy = state
        let found = try await storage.database.read { reader in
            (try VolumeRecords.find(copy.volumeID, in: reader), try SnapshotRecords.find(copy.snapshotID, in: reader))
        }
        guard let volume = found.0, let snapshot = found.1, let place = volume.place else { throw WorkflowStop("the snapshot is gone") }
        let request = RevertVolume(backend: place.backend, snapshot: try await storage.specification(snapshot, of: volume))
        do {
            _ = try await storage.ask(place, request, within: 3400, key: context.key)
        } catch let error as BusError where error.volumeFailure == .unsupported || isHeldForLong(error, context) {
            state.isRefused = true
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    /// An attachment that has just ended may hold the volume a moment longer.
    private func isHeldForLong(_ error: BusError, _ context: StepContext) -> Bool {
        error.volumeFailure == .busy && context.attempt >= Self.attempts
    }

    private static let attempts = 8

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout RevertVolumeState, _ context: StepContext) throws {
        try settle(state, .available, in: transaction)
    }

    private func settle(_ state: RevertVolumeState, _ status: Volume.Status, in transaction: any Transaction) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { ($0.status, $0.previousStatus) = (status, nil) }
        try SnapshotRecords.change(state.snapshotID, in: transaction) { $0.status = .available }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: RevertVolumeState, _ failure: WorkflowFailure) throws {
        try settle(state, state.isRefused == true ? .available : .error, in: transaction)
        if let volume = try VolumeRecords.find(state.volumeID, in: transaction) {
            try storage.note(failure, of: "revert", volume: volume, in: transaction)
        }
    }
}
