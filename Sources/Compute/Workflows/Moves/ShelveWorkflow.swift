import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What shelving needs to remember.
struct ShelveState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it; nil for what is due by itself.
    var requestID: String?
    /// Its host.
    var host: String
    /// The state it was in.
    var before: Server.State
    /// The queued image that takes its disk; nil for a server whose disk is a volume.
    var imageID: String?
    /// Whether it leaves its host.
    var offloads: Bool
    /// Whether it is shelved, so that there is no way back.
    var isDone = false
    /// The guest's power after a way back.
    var power: PowerState?
}

/// Puts a server away: turns it off, keeps its disk as an image and, at once or later, takes it off its host. Until the image is
/// there, every failure lets the server go on.
struct ShelveWorkflow: Sendable {
    static let name = "compute.shelve"
    static let offloadName = "compute.shelve-offload"
    let compute: Compute.Parts

    /// Shelves.
    var workflow: Workflow<ShelveState> {
        Workflow(
            Self.name, deadline: compute.options.buildDeadline,
            steps: [
                .action("halt", attempts: 3, timeout: .seconds(180), perform: halt, undo: restart),
                .transaction("begin", perform: begin),
                .action("snapshot", attempts: 3, timeout: compute.options.buildDeadline, perform: snapshot),
                .transaction("keep", perform: keep),
            ] + leaving,
            unwound: end)
    }

    /// Takes a shelved server off its host.
    var offload: Workflow<ShelveState> {
        Workflow(Self.offloadName, deadline: .seconds(600), steps: leaving, unwound: end)
    }

    private var leaving: [Step<ShelveState>] {
        [
            .action("leave", attempts: 3, timeout: .seconds(120), perform: leave),
            .transaction("record", perform: record),
        ]
    }

    @Sendable private func halt(_ state: inout ShelveState, _ context: StepContext) async throws {
        let guest = try await compute.definition(of: state.serverID)
        let grace = state.before == .active ? compute.options.shutdownGraceSeconds : 0
        do {
            _ = try await compute.ask(state.host, PowerGuest(guest: guest, action: .stop(graceSeconds: grace)), context)
        } catch {
            throw compute.stopping(error, "The server could not be turned off", context, last: 3)
        }
    }

    /// Lets the guest run again. What was paused or suspended stays off: its memory is gone.
    @Sendable private func restart(_ state: inout ShelveState, _ context: StepContext) async throws {
        guard !state.isDone, try await !compute.isDeleting(state.serverID) else { return }
        state.power = .shutdown
        guard state.before == .active else { return }
        let guest = try await compute.definition(of: state.serverID)
        do {
            state.power = try await compute.ask(state.host, PowerGuest(guest: guest, action: .start), context).power
        } catch where context.attempt >= 3 {
            compute.logger.warning("the guest could not be started again", metadata: ["server": "\(state.serverID)", "error": "\(error)"])
        }
    }

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout ShelveState, _ context: StepContext) throws {
        try compute.advance(state.serverID, state.imageID == nil ? .shelving : .shelvingImageUploading, in: transaction)
    }

    @Sendable private func snapshot(_ state: inout ShelveState, _ context: StepContext) async throws {
        guard let image = state.imageID, try await isAwaited(image) else { return }
        do {
            _ = try await compute.ask(state.host, SnapshotGuest(id: state.serverID, imageID: image), context)
        } catch {
            // A host that was asked twice may have sent the bytes already.
            guard try await isAwaited(image) else { return }
            throw compute.stopping(error, "The server's disk could not be kept", context, last: 3)
        }
    }

    /// Whether an image still waits for its bytes.
    /// - Throws: `WorkflowStop` when somebody has removed it.
    private func isAwaited(_ image: String) async throws -> Bool {
        let status = try await compute.database.read { [images = compute.images] in try images.snapshotStatus(image, in: $0) }
        guard let status else { throw WorkflowStop("Image \(image) was deleted while it was made.") }
        return status != "active"
    }

    @Sendable private func keep(_ transaction: any Transaction, _ state: inout ShelveState, _ context: StepContext) throws {
        state.isDone = true
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.power) = (.shelved, .shutdown)
            (server.details.shelvedImageID, server.details.shelvedAt) = (state.imageID, .now)
            if server.task != .deleting { server.task = .shelvingOffloading }
        }
    }

    /// Takes the guest off its host. A host that does not answer is left alone in the end: the guest reconciler removes what
    /// is there as soon as it is back.
    @Sendable private func leave(_ state: inout ShelveState, _ context: StepContext) async throws {
        guard state.offloads else { return }
        try await compute.discard(state.serverID, at: state.host, context)
        try await compute.disconnectVolumes(of: state.serverID, context)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout ShelveState, _ context: StepContext) throws {
        if state.offloads {
            try compute.placement.release(server: state.serverID, in: transaction)
            try compute.networking.rebind(server: state.serverID, host: "", in: transaction)
        }
        try ServerRecords.change(state.serverID, in: transaction) { server in
            server.task = nil
            if state.offloads { (server.state, server.host, server.power) = (.shelvedOffloaded, nil, .noState) }
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: ShelveState, _ failure: WorkflowFailure) throws {
        if !state.isDone, let image = state.imageID { try compute.images.discardSnapshot(image, in: transaction) }
        try compute.abandon(state.serverID, requestID: state.requestID, message: failure.message, in: transaction) { server in
            guard !state.isDone else { return }
            (server.state, server.power) = (state.power == .running ? state.before : .stopped, state.power ?? server.power)
        }
    }
}
