import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What an evacuation needs to remember.
struct EvacuationState: Codable, Sendable, Hashable {
    /// What every move remembers.
    var move: MoveState
    /// Whether the server is shut off afterwards, whatever it was (from microversion 2.95 on).
    var endsStopped: Bool
}

/// Makes a server of a host that is down anew on another, from its image. What the host that is down still has of it is removed
/// by the guest reconciler as soon as the host is back.
struct EvacuationWorkflow: Sendable {
    static let name = "compute.evacuate"
    let compute: Compute.Parts

    var workflow: Workflow<EvacuationState> {
        Workflow(
            Self.name, deadline: compute.options.buildDeadline,
            steps: [
                .action("schedule", perform: schedule),
                .transaction("claim", perform: claim, undo: unclaim),
                .transaction("bind", perform: bind, undo: unbind),
                .action("network", attempts: 3, timeout: .seconds(60), perform: settleNetwork),
                .action("spawn", attempts: 1, timeout: compute.options.buildDeadline, perform: spawn, undo: destroy),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func schedule(_ state: inout EvacuationState, _ context: StepContext) async throws {
        state.move.choices = try await compute.choices(for: state.move)
    }

    @Sendable private func claim(_ transaction: any Transaction, _ state: inout EvacuationState, _ context: StepContext) throws {
        try compute.claimMove(&state.move, in: transaction)
        try MigrationRecords.change(state.move.migrationID, in: transaction) {
            ($0.status, $0.targetHost) = (.preMigrating, state.move.target)
        }
    }

    @Sendable private func unclaim(_ transaction: any Transaction, _ state: inout EvacuationState, _ context: StepContext) throws {
        try compute.unclaimMove(state.move, in: transaction)
    }

    @Sendable private func bind(_ transaction: any Transaction, _ state: inout EvacuationState, _ context: StepContext) throws {
        guard let target = state.move.target else { throw WorkflowStop("The evacuation lost its host.") }
        state.move.formerAllocations = try compute.rebind(state.move.serverID, to: target, state.move.allocations, in: transaction)
        try compute.advance(state.move.serverID, .rebuildSpawning, in: transaction) { $0.host = target }
    }

    @Sendable private func unbind(_ transaction: any Transaction, _ state: inout EvacuationState, _ context: StepContext) throws {
        try compute.rebind(state.move.serverID, to: state.move.source, state.move.formerAllocations, in: transaction)
        try compute.advance(state.move.serverID, .rebuilding, in: transaction) { $0.host = state.move.source }
    }

    @Sendable private func settleNetwork(_ state: inout EvacuationState, _ context: StepContext) async throws {
        try await compute.settleMove(state.move, context, last: 3)
    }

    @Sendable private func spawn(_ state: inout EvacuationState, _ context: StepContext) async throws {
        guard let target = state.move.target else { throw WorkflowStop("The evacuation lost its host.") }
        try await compute.connectVolumes(of: state.move.serverID, to: target)
        var guest = try await compute.definition(of: state.move.serverID)
        guest.configDrive = try await compute.configDrive(of: state.move.serverID)
        do {
            var power = try await compute.ask(target, SpawnGuest(guest: guest), context).power
            if state.endsStopped {
                power = try await compute.ask(target, PowerGuest(guest: guest, action: .stop(graceSeconds: 0)), context).power
            }
            state.move.power = power
        } catch let error as BusError {
            throw compute.elsewhere(&state.move, after: error, at: target)
        }
    }

    @Sendable private func destroy(_ state: inout EvacuationState, _ context: StepContext) async throws {
        guard let target = state.move.target else { return }
        try await compute.discard(state.move.serverID, at: target, context)
        try await compute.reconnectVolumes(of: state.move.serverID, to: state.move.source, context)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout EvacuationState, _ context: StepContext) throws {
        try compute.placement.release(server: state.move.migrationID, in: transaction)
        try ServerRecords.change(state.move.serverID, in: transaction) { server in
            (server.state, server.task) = (state.endsStopped ? .stopped : .active, nil)
            (server.power, server.launchedAt) = (state.move.power ?? server.power, .now)
        }
        try MigrationRecords.set(.done, state.move.migrationID, in: transaction)
        compute.passwords.forget(state.move.serverID, after: transaction)
        try ActionRecords.finish(server: state.move.serverID, request: state.move.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: EvacuationState, _ failure: WorkflowFailure) throws {
        let move = state.move
        try MigrationRecords.set(.error, move.migrationID, in: transaction)
        compute.passwords.forget(move.serverID, after: transaction)
        try compute.abandon(
            move.serverID, requestID: move.requestID, message: failure.message, leftAt: [move.target], in: transaction
        ) { server in
            (server.host, server.state) = (move.source, .error)
        }
    }
}
