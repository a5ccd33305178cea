import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// Takes a move back: turns the guest off where it is, binds the ports to the host that was left, brings back what was put aside
/// there with the old flavor, and then removes what is on the other host.
struct RevertWorkflow: Sendable {
    static let name = "compute.revert-move"
    let compute: Compute.Parts

    /// `source` is the host that the move left and the way goes back to, `target` the one it went to, `before` the state to
    /// return to.
    var workflow: Workflow<MoveState> {
        Workflow(
            Self.name, deadline: .seconds(7200),
            steps: [
                .action("halt", attempts: 3, timeout: .seconds(180), perform: halt, undo: restart),
                .transaction("bind", perform: bind, undo: unbind),
                .action("network", attempts: 3, timeout: .seconds(60), perform: settleNetwork),
                .action("restore", attempts: 3, timeout: .seconds(600), perform: restore, undo: putAside),
                .transaction("arrive", perform: arrive),
                .action("remove", attempts: 3, timeout: .seconds(120), perform: remove),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    private func moves(_ state: MoveState) -> Bool { state.target != state.source }

    @Sendable private func halt(_ state: inout MoveState, _ context: StepContext) async throws {
        guard let target = state.target, moves(state) else { return }
        do {
            let guest = try await compute.definition(of: state.serverID)
            _ = try await compute.ask(target, PowerGuest(guest: guest, action: .stop(graceSeconds: 0)), context)
        } catch let error where error.isGuestMissing {
            compute.logger.notice("there is nothing to turn off", metadata: ["server": "\(state.serverID)"])
        } catch {
            throw compute.stopping(error, "The server's host does not answer", context, last: 3)
        }
    }

    @Sendable private func restart(_ state: inout MoveState, _ context: StepContext) async throws {
        guard let target = state.target, moves(state), !state.isDone, state.before == .active,
            try await !compute.isDeleting(state.serverID)
        else { return }
        try await compute.reconnectVolumes(of: state.serverID, to: target, context)
        let guest = try await compute.definition(of: state.serverID)
        do {
            state.power = try await compute.ask(target, PowerGuest(guest: guest, action: .start), context).power
        } catch where context.attempt >= 3 {
            state.power = .shutdown
            compute.logger.warning("the guest could not be started again", metadata: ["server": "\(state.serverID)", "error": "\(error)"])
        }
    }

    @Sendable private func bind(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        let former = try ServerRecords.find(state.serverID, in: transaction)?.details.sourceAllocations
        state.formerAllocations = try compute.rebind(state.serverID, to: state.source, former, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.host, server.details.sourceHost) = (state.source, state.target)
        }
    }

    @Sendable private func unbind(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        guard let target = state.target, !state.isDone else { return }
        try compute.rebind(state.serverID, to: target, state.formerAllocations, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.host, server.details.sourceHost) = (target, state.source)
        }
    }

    @Sendable private func settleNetwork(_ state: inout MoveState, _ context: StepContext) async throws {
        do {
            try await compute.networking.settle(ports: try await compute.portIDs(state.serverID), deadline: context.deadline)
        } catch where context.attempt >= 3 {
            throw WorkflowStop("The networks of the server could not be set up on \(state.source).", cause: error)
        }
    }

    @Sendable private func restore(_ state: inout MoveState, _ context: StepContext) async throws {
        let flavor = state.wish.flavor
        try await compute.connectVolumes(of: state.serverID, to: state.source)
        let guest = try await compute.definition(of: state.serverID) { server in if let flavor { server.flavor = flavor } }
        do {
            state.power = try await compute.ask(state.source, RevertMove(guest: guest, start: state.before == .active), context).power
        } catch {
            throw compute.stopping(error, "The server could not be brought back", context, last: 3)
        }
    }

    @Sendable private func putAside(_ state: inout MoveState, _ context: StepContext) async throws {
        guard moves(state), !state.isDone, try await !compute.isDeleting(state.serverID) else { return }
        let ports = try await compute.portIDs(state.serverID)
        do {
            let request = ReleaseGuest(id: state.serverID, portIDs: ports, graceSeconds: 0)
            _ = try await compute.askBack(state.source, request, of: state.serverID, context)
        } catch let error where error.isGuestMissing {
            compute.logger.notice("there is nothing to put aside", metadata: ["server": "\(state.serverID)"])
        }
    }

    /// From here on the server is back; only the other host is left to be tidied.
    @Sendable private func arrive(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        state.isDone = true
        guard let server = try ServerRecords.find(state.serverID, in: transaction) else { throw WorkflowStop("The server is gone.") }
        let flavor = state.wish.flavor ?? server.flavor
        try compute.unclaim(server, migration: state.migrationID, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.flavor, server.power) = (flavor, state.power ?? server.power)
        }
    }

    @Sendable private func remove(_ state: inout MoveState, _ context: StepContext) async throws {
        guard let target = state.target, moves(state) else { return }
        try await compute.discard(state.serverID, at: target, context)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            server.settleMoved()
            (server.task, server.launchedAt) = (nil, .now)
        }
        try MigrationRecords.set(.reverted, state.migrationID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: MoveState, _ failure: WorkflowFailure) throws {
        try MigrationRecords.set(state.isDone ? .reverted : .finished, state.migrationID, in: transaction)
        try compute.abandon(
            state.serverID, requestID: state.requestID, message: failure.message, leftAt: [state.source, state.target],
            in: transaction
        ) { server in
            if let power = state.power { server.power = power }
            if state.isDone { server.settleMoved() }
        }
    }
}
