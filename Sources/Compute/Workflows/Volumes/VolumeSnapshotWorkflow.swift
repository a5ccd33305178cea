import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What making an image of a server on volumes needs to remember.
struct VolumeSnapshotState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host; nil for none.
    var host: String?
    /// The queued image, which says what the snapshots are for and has no bytes.
    var imageID: String
    /// The snapshots to be made.
    var snapshots: [NewVolumeSnapshot]
    /// Whether the guest runs, so that it is brought to rest while its volumes are caught.
    var isRunning: Bool
    /// Whether it must be (os_require_quiesce).
    var mustQuiesce: Bool
    /// Whether it was.
    var isFrozen = false
}

/// Makes an image of a server on volumes: snapshots of all its volumes at one moment, and an image that names them and has no bytes. A
/// failure takes snapshots and image away.
struct VolumeSnapshotWorkflow: Sendable {
    static let name = "compute.volume-snapshot"
    let compute: Compute.Parts

    var workflow: Workflow<VolumeSnapshotState> {
        Workflow(
            Self.name, deadline: .seconds(3600),
            steps: [
                .action("freeze", attempts: 1, timeout: .seconds(60), perform: freeze, undo: thaw),
                .action("snapshots", attempts: 3, timeout: .seconds(600), perform: makeSnapshots, undo: deleteSnapshots),
                .action("thaw", attempts: 3, timeout: .seconds(60), perform: thaw),
                .action("image", attempts: 3, timeout: .seconds(60), perform: finishImage),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func freeze(_ state: inout VolumeSnapshotState, _ context: StepContext) async throws {
        guard state.isRunning, let host = state.host else { return }
        do {
            _ = try await compute.ask(QuiesceGuest(id: state.serverID, freeze: true), host: host, context)
            state.isFrozen = true
        } catch {
            guard !state.mustQuiesce else { throw WorkflowStop("The guest could not be brought to rest.", cause: error) }
            compute.logger.debug("volumes are caught without freezing", metadata: ["server": "\(state.serverID)", "error": "\(error)"])
        }
    }

    @Sendable private func thaw(_ state: inout VolumeSnapshotState, _ context: StepContext) async throws {
        guard state.isFrozen, let host = state.host else { return }
        do {
            _ = try await compute.ask(host, QuiesceGuest(id: state.serverID, freeze: false), context)
        } catch where context.attempt >= 3 {
            compute.logger.warning("a guest could not be thawed", metadata: ["server": "\(state.serverID)", "error": "\(error)"])
        }
        state.isFrozen = false
    }

    @Sendable private func makeSnapshots(_ state: inout VolumeSnapshotState, _ context: StepContext) async throws {
        for snapshot in state.snapshots {
            try await compute.stopping { try await compute.volumes.createSnapshot(snapshot) }
        }
        try await waitForSnapshots(state.snapshots.map(\.id), context)
    }

    private func waitForSnapshots(_ ids: [String], _ context: StepContext) async throws {
        var (pause, missing) = (Duration.milliseconds(5), ids)
        while !missing.isEmpty {
            let known = try await compute.database.read { [volumes = compute.volumes, missing] in try volumes.snapshots(missing, in: $0) }
            missing = try missing.filter { id in
                guard let snapshot = known[id] else { throw WorkflowStop("Snapshot \(id) could not be found.") }
                guard !snapshot.status.hasPrefix("error") else { throw WorkflowStop("Snapshot \(id) could not be made.") }
                return snapshot.status == "creating"
            }
            guard !missing.isEmpty else { return }
            guard Timestamp.now < context.deadline else { throw WorkflowStop("Snapshot \(missing[0]) was not made in time.") }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    @Sendable private func deleteSnapshots(_ state: inout VolumeSnapshotState, _ context: StepContext) async throws {
        for snapshot in state.snapshots {
            do {
                try await compute.volumes.delete(snapshot: snapshot.id)
            } catch let refusal as VolumeRefusal where refusal.kind != .unavailable || context.attempt >= 3 {
                compute.logger.warning(
                    "a snapshot of an image that was not made stays",
                    metadata: ["snapshot": "\(snapshot.id)", "reason": "\(refusal.message)"])
            }
        }
    }

    @Sendable private func finishImage(_ state: inout VolumeSnapshotState, _ context: StepContext) async throws {
        let id = state.imageID
        let status = try await compute.database.read { [images = compute.images] in try images.snapshotStatus(id, in: $0) }
        guard let status else { throw WorkflowStop("Image \(id) was deleted while it was made.") }
        if status != "active" { try await compute.images.finishWithoutBytes(id) }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout VolumeSnapshotState, _ context: StepContext) throws {
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: VolumeSnapshotState, _ failure: WorkflowFailure) throws {
        try compute.images.discardSnapshot(state.imageID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try compute.conclude(state.serverID, after: failure, in: transaction) { _ in }
    }
}
