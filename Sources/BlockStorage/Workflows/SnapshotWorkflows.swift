import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a snapshot's making or removal needs to remember.
struct SnapshotState: RequestedState, Hashable {
    var snapshotID: String
    /// The server that had the volume when it began; nil for none.
    var server: String?
    var requestID: String?
}

/// Makes a snapshot; of a volume that a guest has open, its hypervisor copies it where the back end can't.
struct CreateSnapshotWorkflow: Sendable {
    static let name = "snapshot.create"
    let storage: BlockStorage.Parts

    var workflow: Workflow<SnapshotState> {
        Workflow(
            Self.name, deadline: .seconds(2 * 3600),
            steps: [
                .action("make", attempts: 5, timeout: .seconds(3600), perform: make, undo: unmake),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func make(_ state: inout SnapshotState, _ context: StepContext) async throws {
        let (specification, place) = try await storage.snapshot(state)
        try await storage.makeSnapshot(specification, at: place, of: state.server, key: context.key)
    }

    @Sendable private func unmake(_ state: inout SnapshotState, _ context: StepContext) async throws {
        let (specification, place) = try await storage.snapshot(state)
        do {
            _ = try await storage.ask(place, DeleteSnapshot(backend: place.backend, snapshot: specification), key: context.key)
        } catch {
            // Deleting the snapshot, which stays as one in error, tries again.
            storage.logger.warning(
                "an unmade snapshot may stay on its host", metadata: ["snapshot": "\(state.snapshotID)", "error": "\(error)"])
        }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout SnapshotState, _ context: StepContext) throws {
        try SnapshotRecords.change(state.snapshotID, in: transaction) { ($0.status, $0.progress) = (.available, "100%") }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: SnapshotState, _ failure: WorkflowFailure) throws {
        try storage.end(state, .error, failure, in: transaction)
    }
}

/// Takes a snapshot away.
struct DeleteSnapshotWorkflow: Sendable {
    static let name = "snapshot.delete"
    let storage: BlockStorage.Parts

    var workflow: Workflow<SnapshotState> {
        Workflow(
            Self.name, deadline: .seconds(2 * 3600),
            steps: [
                .awaitCopies(ofSnapshot: \.snapshotID, storage),
                .action("remove", attempts: 5, timeout: .seconds(3600), perform: remove),
                .transaction("forget", perform: forget),
            ],
            unwound: fail)
    }

    @Sendable private func remove(_ state: inout SnapshotState, _ context: StepContext) async throws {
        let (specification, place) = try await storage.snapshot(state)
        do {
            let request = DeleteSnapshot(backend: place.backend, snapshot: specification)
            _ = try await storage.ask(place, request, within: 3500, key: context.key)
        } catch let error as BusError where error.volumeFailure == .busy {
            throw WorkflowStop("busy: \(error.summary)", cause: error)
        }
    }

    @Sendable private func forget(_ transaction: any Transaction, _ state: inout SnapshotState, _ context: StepContext) throws {
        try SnapshotRecords.delete(state.snapshotID, in: transaction)
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: SnapshotState, _ failure: WorkflowFailure) throws {
        try storage.end(state, failure.message.hasPrefix("busy") ? .available : .errorDeleting, failure, in: transaction)
    }
}

extension BlockStorage.Parts {
    /// Makes a snapshot on its back end; of a volume that a server has, with the server's hypervisor where the back end can't alone.
    func makeSnapshot(_ snapshot: SnapshotSpecification, at place: VolumeHostName, of server: String?, key: String) async throws {
        var request = CreateSnapshot(backend: place.backend, snapshot: snapshot, isAttached: server != nil)
        do {
            let reply = try await ask(place, request, within: 1700, key: key)
            guard let target = reply.target, let server else { return }
            request.isCopied = try await neighbours.servers.copy(server: server, volume: snapshot.volume.id, to: target, key: key)
            // What nobody has open, the back end copies itself; it notices when somebody comes meanwhile.
            request.isAttached = request.isCopied
            _ = try await ask(place, request, within: 1700, key: key + (request.isCopied ? "-copied" : "-still"))
        } catch let error as BusError where error.volumeFailure == .full || error.volumeFailure == .unsupported {
            throw WorkflowStop(error.summary, cause: error)
        } catch let error as VolumeNeighbourMissing where !error.mayPass {
            throw WorkflowStop(error.message, cause: error)
        }
    }

    /// A snapshot that something is done to, and where its volume is.
    func snapshot(_ state: SnapshotState) async throws -> (SnapshotSpecification, VolumeHostName) {
        let found = try await database.read { reader in
            let snapshot = try SnapshotRecords.find(state.snapshotID, in: reader)
            return (snapshot, try snapshot.flatMap { try VolumeRecords.find($0.volumeID, in: reader) })
        }
        guard let snapshot = found.0, let volume = found.1, let place = volume.place else { throw WorkflowStop("the snapshot is gone") }
        return (try await specification(snapshot, of: volume), place)
    }

    /// Leaves a snapshot in a state after something that did not come about.
    func end(_ state: SnapshotState, _ status: Snapshot.Status, _ failure: WorkflowFailure, in transaction: any Transaction) throws {
        let snapshot = try SnapshotRecords.change(state.snapshotID, in: transaction) { $0.status = status }
        if let snapshot {
            try tell(failure, snapshot: snapshot, isRemoval: status != .error, requestID: state.requestID, in: transaction)
        }
        logger.error(
            "a snapshot's operation failed",
            metadata: ["snapshot": "\(state.snapshotID)", "step": "\(failure.step)", "reason": "\(failure.message)"])
    }
}
