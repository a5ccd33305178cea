import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What bringing a shelved server back needs to remember.
struct UnshelveState: Codable, Sendable, Hashable {
    /// What every move remembers; the host it leaves is the one it was shelved on, if it is still there.
    var move: MoveState
    /// The image that holds its disk; nil for a server whose disk is a volume.
    var imageID: String?
    /// That image, if it could be found.
    var image: ServerImage?
}

/// Brings a shelved server back: starts it where it is, or makes it anew from the image that holds it, on a host that is chosen
/// for it. Then the image goes.
struct UnshelveWorkflow: Sendable {
    static let name = "compute.unshelve"
    static let startName = "compute.unshelve-in-place"
    let compute: Compute.Parts

    /// For a server that has left its host.
    var workflow: Workflow<UnshelveState> {
        Workflow(
            Self.name, deadline: compute.options.buildDeadline,
            steps: [
                .action("schedule", perform: schedule),
                .transaction("claim", perform: claim, undo: unclaim),
                .action("network", attempts: 3, timeout: .seconds(60), perform: settleNetwork),
                .action("spawn", attempts: 1, timeout: compute.options.buildDeadline, perform: spawn, undo: destroy),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    /// For a server that is still on its host.
    var start: Workflow<UnshelveState> {
        Workflow(
            Self.startName, deadline: .seconds(600),
            steps: [
                .action("start", attempts: 3, timeout: .seconds(180), perform: startInPlace),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func schedule(_ state: inout UnshelveState, _ context: StepContext) async throws {
        if let image = state.imageID, state.image == nil {
            throw WorkflowStop("Unshelve attempted but the image \(image) cannot be found.")
        }
        state.move.choices = try await compute.choices(for: state.move)
    }

    @Sendable private func claim(_ transaction: any Transaction, _ state: inout UnshelveState, _ context: StepContext) throws {
        guard let server = try ServerRecords.find(state.move.serverID, in: transaction) else { throw WorkflowStop("The server is gone.") }
        let request = state.move.request(for: server)
        guard let choice = try Scheduler(compute: compute).claim(state.move.choices, for: request, in: transaction) else {
            throw WorkflowRewind(to: "schedule", MoveMessages.noValidHost)
        }
        state.move.target = choice.host
        try compute.rebind(server.id, to: choice.host, choice.portAllocations, in: transaction)
        try compute.nameVolumes(of: server, in: transaction)
        try compute.advance(server.id, .spawning, in: transaction) { $0.host = choice.host }
    }

    @Sendable private func unclaim(_ transaction: any Transaction, _ state: inout UnshelveState, _ context: StepContext) throws {
        try compute.placement.release(server: state.move.serverID, in: transaction)
        try compute.networking.rebind(server: state.move.serverID, host: "", in: transaction)
        try compute.advance(state.move.serverID, .unshelving, in: transaction) { $0.host = nil }
    }

    @Sendable private func settleNetwork(_ state: inout UnshelveState, _ context: StepContext) async throws {
        try await compute.settleMove(state.move, context, last: 3)
    }

    @Sendable private func spawn(_ state: inout UnshelveState, _ context: StepContext) async throws {
        guard let target = state.move.target else { throw WorkflowStop("The server lost its host.") }
        let image = state.image
        try await compute.connectVolumes(of: state.move.serverID, to: target)
        let guest = try await compute.definition(of: state.move.serverID) { server in if let image { server.image = image } }
        do {
            state.move.power = try await compute.ask(target, SpawnGuest(guest: guest), context).power
        } catch let error as BusError {
            throw compute.elsewhere(&state.move, after: error, at: target)
        }
    }

    @Sendable private func destroy(_ state: inout UnshelveState, _ context: StepContext) async throws {
        guard let target = state.move.target else { return }
        try await compute.discard(state.move.serverID, at: target, context)
        try await compute.disconnectVolumes(of: state.move.serverID, context)
    }

    @Sendable private func startInPlace(_ state: inout UnshelveState, _ context: StepContext) async throws {
        let guest = try await compute.definition(of: state.move.serverID)
        do {
            state.move.power = try await compute.ask(state.move.source, PowerGuest(guest: guest, action: .start), context).power
        } catch {
            throw compute.stopping(error, "The server could not be started", context, last: 3)
        }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout UnshelveState, _ context: StepContext) throws {
        if let image = state.imageID { try compute.images.discardSnapshot(image, in: transaction) }
        try compute.completeVolumes(of: state.move.serverID, in: transaction)
        try ServerRecords.change(state.move.serverID, in: transaction) { server in
            (server.state, server.task, server.power) = (.active, nil, state.move.power ?? .running)
            (server.details.shelvedImageID, server.details.shelvedAt, server.launchedAt) = (nil, nil, .now)
        }
        try ActionRecords.finish(server: state.move.serverID, request: state.move.requestID, message: nil, in: transaction)
    }

    /// It stays shelved; without the image that holds it, it is in error.
    @Sendable private func end(_ transaction: any Transaction, _ state: UnshelveState, _ failure: WorkflowFailure) throws {
        try compute.abandon(
            state.move.serverID, requestID: state.move.requestID, message: failure.message, leftAt: [state.move.target],
            in: transaction
        ) { server in
            let isLost = state.imageID != nil && state.image == nil && server.host == nil
            server.state = isLost ? .error : state.move.before
        }
    }
}
