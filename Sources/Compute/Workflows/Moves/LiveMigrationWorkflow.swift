import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a live migration needs to remember.
struct LiveMigrationState: Codable, Sendable, Hashable {
    /// What every move remembers.
    var move: MoveState
    /// Whether disks are copied; nil lets the hosts decide.
    var block: Bool?
    /// What the target answered.
    var arrival: ArrivalPlan?
    /// The target's attachments of the server's volumes, by the volumes' rows: while it moves, both hosts have them.
    var attachments: [String: String]?
    /// The source's, once the rows have the target's.
    var formerAttachments: [String]?
}

/// Moves a running guest: choose, claim, prepare the target, let the hypervisors work, bind the ports, tidy the source.
/// What decides is where the guest runs: once that is the target, there is no way back, only to the end.
struct LiveMigrationWorkflow: Sendable {
    static let name = "compute.live-migration"
    let compute: Compute.Parts

    var workflow: Workflow<LiveMigrationState> {
        Workflow(
            Self.name, deadline: .seconds(24 * 3600),
            steps: [
                .action("schedule", perform: schedule),
                .transaction("claim", perform: claim, undo: unclaim),
                .action("prepare", attempts: 1, timeout: .seconds(600), perform: prepare, undo: cancel),
                .transaction("begin", perform: begin),
                .action("migrate", attempts: 3, timeout: .seconds(12 * 3600), perform: migrate, undo: abort),
                .transaction("bind", perform: bind),
                .action("arrive", attempts: 5, timeout: .seconds(120), perform: arrive),
                .action("depart", attempts: 3, timeout: .seconds(120), perform: depart),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    // MARK: Before

    @Sendable private func schedule(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        state.move.choices = try await compute.choices(for: state.move)
    }

    @Sendable private func claim(_ transaction: any Transaction, _ state: inout LiveMigrationState, _ context: StepContext) throws {
        try compute.claimMove(&state.move, in: transaction)
        state.attachments = try compute.reserveAgain(state.move.serverID, in: transaction)
        try MigrationRecords.change(state.move.migrationID, in: transaction) {
            ($0.status, $0.targetHost) = (.preparing, state.move.target)
        }
    }

    @Sendable private func unclaim(_ transaction: any Transaction, _ state: inout LiveMigrationState, _ context: StepContext) throws {
        guard !state.move.isDone else { return }
        try compute.unclaimMove(state.move, in: transaction)
        for attachment in (state.attachments ?? [:]).values { try compute.volumes.release(attachment: attachment, in: transaction) }
        state.attachments = nil
        try MigrationRecords.set(.accepted, state.move.migrationID, in: transaction)
    }

    /// Another host is tried when this one can't take the guest and none was asked for.
    @Sendable private func prepare(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        guard let target = state.move.target else { throw WorkflowStop("The migration lost its host.") }
        try await compute.connectAgain(state.move.serverID, state.attachments ?? [:], to: target)
        let guest = try await compute.definition(of: state.move.serverID, attachments: state.attachments ?? [:])
        do {
            state.arrival = try await compute.ask(
                target, PrepareArrival(guest: guest, sourceHost: state.move.source, block: state.block), context)
        } catch let error as BusError {
            state.move.failedHosts.append(target)
            let message = MoveMessages.text(error, "\(target) cannot take the server")
            guard state.move.wish.host == nil, state.move.failedHosts.count < compute.options.maximumBuildAttempts else {
                throw WorkflowStop(message, cause: error)
            }
            throw WorkflowRewind(to: "schedule", message)
        }
    }

    @Sendable private func cancel(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        guard let target = state.move.target, !state.move.isDone else { return }
        do {
            let ports = try await compute.portIDs(state.move.serverID)
            _ = try await compute.ask(target, CancelArrival(id: state.move.serverID, portIDs: ports), context)
            for attachment in (state.attachments ?? [:]).values { try await compute.disconnect(attachment, context) }
        } catch let error as BusError where error.isGuestInTheWay {
            // It runs there: there is no way back.
            state.move.isDone = true
        } catch let error as BusError where context.attempt >= 3 {
            compute.logger.warning(
                "host does not answer, going on without it",
                metadata: ["server": "\(state.move.serverID)", "host": "\(target)", "error": "\(error)"])
        }
    }

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout LiveMigrationState, _ context: StepContext) throws {
        try MigrationRecords.set(.running, state.move.migrationID, in: transaction)
    }

    // MARK: On the way

    @Sendable private func migrate(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        guard let arrival = state.arrival else { throw WorkflowStop("The migration lost its host.") }
        let guest = try await compute.definition(of: state.move.serverID, attachments: state.attachments ?? [:])
        do {
            var status = try await compute.ask(state.move.source, LiveMigrate(guest: guest, arrival: arrival), context)
            while status.state == .running {
                try await compute.note(status, state.move.migrationID)
                status = try await compute.look(
                    at: state.move.source, MigrationProgress(id: state.move.serverID, waitMilliseconds: 1000), context)
            }
            try await conclude(status, &state, context)
        } catch let error as BusError {
            // A source that was asked again may have nothing left to send.
            state.move.isDone = error.isRefusal ? try await hasArrived(state, context) : false
            guard !state.move.isDone else { return }
            throw compute.stopping(error, "The live migration failed", context, last: 3)
        }
    }

    private func conclude(_ status: MigrationStatus, _ state: inout LiveMigrationState, _ context: StepContext) async throws {
        switch status.state {
        case .completed: state.move.isDone = true
        case .cancelled: throw WorkflowStop("The live migration was aborted.")
        case .failed: throw WorkflowStop("The live migration failed: \(status.message ?? "the hypervisor gave no reason").")
        case .none, .running:
            state.move.isDone = try await hasArrived(state, context)
            // The agent has forgotten it: it is begun again.
            guard state.move.isDone else { throw BusError.deadlineExceeded }
        }
    }

    /// Where the guest is when the source's agent knows nothing of a migration.
    private func hasArrived(_ state: LiveMigrationState, _ context: StepContext) async throws -> Bool {
        guard let target = state.move.target else { return false }
        func power(at host: String) async throws -> PowerState? {
            try await compute.look(at: host, ListGuests(), context).first { $0.id == state.move.serverID }?.power
        }
        let (here, there) = (try await power(at: state.move.source), try await power(at: target))
        return there == .running && here != .running || there != nil && here == nil
    }

    /// Aborts the migration, unless it has got there already.
    @Sendable private func abort(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        guard !state.move.isDone, state.arrival != nil else { return }
        let status: MigrationStatus
        do {
            let request = AbortMigration(id: state.move.serverID)
            guard let answer = try await compute.askBack(state.move.source, request, of: state.move.serverID, context) else {
                state.move.isStranded = true
                return
            }
            status = answer
        } catch let error where error.isGuestMissing {
            state.move.isDone = try await hasArrived(state, context)
            return
        }
        switch status.state {
        case .completed: state.move.isDone = true
        case .none: state.move.isDone = try await hasArrived(state, context)
        case .running: throw BusError.deadlineExceeded
        case .failed, .cancelled: break
        }
    }

    // MARK: After

    @Sendable private func bind(_ transaction: any Transaction, _ state: inout LiveMigrationState, _ context: StepContext) throws {
        state.move.isDone = true
        try moveRow(state.move, in: transaction)
        state.formerAttachments = try compute.exchange(state.attachments ?? [:], of: state.move.serverID, in: transaction)
        try MigrationRecords.set(.postMigrating, state.move.migrationID, in: transaction)
    }

    private func moveRow(_ move: MoveState, in transaction: any Transaction) throws {
        guard let target = move.target else { return }
        try compute.rebind(move.serverID, to: target, move.allocations, in: transaction)
        try ServerRecords.change(move.serverID, in: transaction) { $0.host = target }
    }

    @Sendable private func arrive(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        guard let target = state.move.target else { return }
        let guest = try await compute.definition(of: state.move.serverID)
        do {
            state.move.power = try await compute.ask(target, FinishArrival(guest: guest), context).power
        } catch let error as BusError {
            throw compute.stopping(error, "The server's definition could not be kept on its new host", context, last: 5)
        }
    }

    @Sendable private func depart(_ state: inout LiveMigrationState, _ context: StepContext) async throws {
        do {
            let ports = try await compute.portIDs(state.move.serverID)
            _ = try await compute.ask(state.move.source, FinishDeparture(id: state.move.serverID, portIDs: ports), context)
            for attachment in state.formerAttachments ?? [] { try await compute.disconnect(attachment, context) }
        } catch let error as BusError where context.attempt >= 3 {
            compute.logger.warning(
                "what a guest left behind could not be removed",
                metadata: ["server": "\(state.move.serverID)", "host": "\(state.move.source)", "error": "\(error)"])
        }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout LiveMigrationState, _ context: StepContext) throws {
        try compute.placement.release(server: state.move.migrationID, in: transaction)
        for attachment in state.formerAttachments ?? [] { try compute.volumes.release(attachment: attachment, in: transaction) }
        try ServerRecords.change(state.move.serverID, in: transaction) { server in
            (server.state, server.task, server.power) = (state.move.before, nil, state.move.power ?? server.power)
        }
        try MigrationRecords.set(.completed, state.move.migrationID, in: transaction)
        try ActionRecords.finish(server: state.move.serverID, request: state.move.requestID, message: nil, in: transaction)
        try finishRequests(state.move.serverID, in: transaction)
    }

    /// The demands made of it while it was on its way have ended with it.
    private func finishRequests(_ id: String, in transaction: any Transaction) throws {
        for action in [ServerAction.liveMigrationCancel, .liveMigrationForceComplete] {
            try ActionRecords.finishOpen(server: id, action: action.logName, in: transaction)
        }
    }

    /// It failed or was aborted. A guest that has got there in spite of it belongs there now; the rest is the guest
    /// reconciler's.
    @Sendable private func end(_ transaction: any Transaction, _ state: LiveMigrationState, _ failure: WorkflowFailure) throws {
        let move = state.move
        if move.isDone {
            try compute.placement.release(server: move.migrationID, in: transaction)
            try moveRow(move, in: transaction)
            let left = try compute.exchange(state.attachments ?? [:], of: move.serverID, in: transaction)
            for attachment in left + (state.formerAttachments ?? []) { try compute.volumes.release(attachment: attachment, in: transaction) }
        }
        let status: ServerMigration.Status = move.isDone ? .completed : failure.kind == .cancelled ? .cancelled : .error
        try MigrationRecords.set(status, move.migrationID, in: transaction)
        try finishRequests(move.serverID, in: transaction)
        try compute.abandon(
            move.serverID, requestID: move.requestID, message: failure.message, leftAt: [move.source, move.target], in: transaction
        ) { server in
            server.state = move.isStranded == true && !move.isDone ? .error : move.before
        }
    }
}

extension BusError {
    /// Whether a host has not, or not so, the guest that it is asked for.
    var isRefusal: Bool { isGuestInTheWay || isGuestMissing }

    /// Whether a host refuses because the guest runs there.
    var isGuestInTheWay: Bool {
        if case .remote(let code, _) = self { code == GuestFailureCode.wrongState.rawValue } else { false }
    }
}

extension Compute.Parts {
    /// Notes how far a live migration is, for whoever asks.
    func note(_ status: MigrationStatus, _ migration: String) async throws {
        @Sendable func progress(_ total: Int, _ processed: Int, _ remaining: Int) -> ServerMigration.Progress {
            ServerMigration.Progress(total: total, processed: processed, remaining: remaining)
        }
        try await database.write { transaction in
            try MigrationRecords.change(migration, in: transaction) { migration in
                migration.memory = progress(status.memoryTotal, status.memoryProcessed, status.memoryRemaining)
                migration.disk = progress(status.diskTotal, status.diskProcessed, status.diskRemaining)
            }
        }
    }
}
