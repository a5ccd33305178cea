import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a move to another host or another flavor needs to remember.
struct MoveState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it.
    var requestID: String?
    /// The migration, which holds the claim on the host that is left.
    var migrationID: String
    /// The host it leaves.
    var source: String
    /// The state it was in.
    var before: Server.State
    /// Where it shall go.
    var wish: MoveWish
    /// Where it may go, the best first.
    var choices: [HostChoice] = []
    /// Where it goes.
    var target: String?
    /// Which resource providers serve its ports where it goes, and which where it was, by the ports' requests.
    var allocations: [String: String]?
    var formerAllocations: [String: String]?
    /// Hosts on which there was no room after all, or which could not take it.
    var failedHosts: [String] = []
    /// What the source put aside.
    var released: ReleasedGuest?
    /// The guest's power at the end.
    var power: PowerState?
    /// Whether the host it left could not bring it back: until the host can, or the server is evacuated, it is in error.
    var isStranded: Bool?
    /// Whether it has got where there is no way back.
    var isDone = false

    /// What is asked of the scheduler.
    func request(for server: Server) -> SchedulingRequest {
        var request = wish.request(for: server)
        request.excludedHosts += failedHosts
        return request
    }
}

/// A resize or a cold migration up to the question whether it is to stay (VERIFY_RESIZE): choose, claim, shut down and put the
/// disks aside, bind the ports, bring the disks, start. Until it has started there, every failure brings it back.
struct MoveWorkflow: Sendable {
    static let name = "compute.move"
    let compute: Compute.Parts

    var workflow: Workflow<MoveState> {
        Workflow(
            Self.name, deadline: .seconds(7200),
            steps: [
                .action("schedule", perform: schedule),
                .transaction("claim", perform: claim, undo: unclaim),
                .action("release", attempts: 3, timeout: .seconds(300), perform: release, undo: takeBack),
                .transaction("bind", perform: bind, undo: unbind),
                .action("network", attempts: 3, timeout: .seconds(60), perform: settleNetwork),
                .action("receive", attempts: 2, timeout: .seconds(3600), perform: receive, undo: remove),
                .transaction("finish", perform: finish),
            ],
            unwound: end)
    }

    // MARK: Steps

    @Sendable private func schedule(_ state: inout MoveState, _ context: StepContext) async throws {
        try await checkEphemeralDisks(state)
        state.choices = try await compute.choices(for: state)
    }

    /// What lies on a disk would be lost if it shrank. Upstream's API accepts such a resize and the server's host refuses it
    /// (`migrate_disk_and_power_off`), which leaves the server as it was; here no host is troubled with it.
    private func checkEphemeralDisks(_ state: MoveState) async throws {
        guard let flavor = state.wish.flavor,
            let server = try await compute.database.read({ [id = state.serverID] in try ServerRecords.find(id, in: $0) })
        else { return }
        let total = server.ephemeralDisks.reduce(0) { $0 + $1.sizeGiB }
        guard flavor.ephemeralGiB >= (total > 0 ? total : server.flavor.ephemeralGiB) else {
            throw WorkflowStop("Resize error: Unable to resize disk down.")
        }
    }

    @Sendable private func claim(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        try compute.claimMove(&state, in: transaction)
        try compute.advance(state.serverID, .resizeMigrating, in: transaction)
        try MigrationRecords.change(state.migrationID, in: transaction) {
            ($0.status, $0.targetHost) = (.migrating, state.target)
        }
    }

    @Sendable private func unclaim(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        try compute.unclaimMove(state, in: transaction)
        try compute.advance(state.serverID, .resizePreparing, in: transaction)
        try MigrationRecords.set(.preMigrating, state.migrationID, in: transaction)
    }

    @Sendable private func release(_ state: inout MoveState, _ context: StepContext) async throws {
        let ports = try await compute.portIDs(state.serverID)
        do {
            state.released = try await compute.ask(
                state.source,
                ReleaseGuest(id: state.serverID, portIDs: ports, graceSeconds: compute.options.shutdownGraceSeconds), context)
        } catch {
            throw compute.stopping(error, "The server could not be released on its host", context, last: 3)
        }
    }

    /// Brings the guest back where it was. A server that is being deleted is left as it is: its deletion goes to both hosts.
    @Sendable private func takeBack(_ state: inout MoveState, _ context: StepContext) async throws {
        guard try await !compute.isDeleting(state.serverID) else { return }
        try await compute.reconnectVolumes(of: state.serverID, to: state.source, context)
        let guest = try await compute.definition(of: state.serverID)
        do {
            let request = RevertMove(guest: guest, start: state.before == .active)
            state.isStranded = try await compute.askBack(state.source, request, of: state.serverID, context) == nil
        } catch let error where error.isGuestMissing {
            compute.logger.notice("there is nothing to bring back", metadata: ["server": "\(state.serverID)"])
        }
        state.released = nil
    }

    @Sendable private func bind(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        guard let target = state.target else { throw WorkflowStop("The move lost its host.") }
        let former = try compute.rebind(state.serverID, to: target, state.allocations, in: transaction)
        state.formerAllocations = former
        try compute.advance(state.serverID, .resizeFinishing, in: transaction) { server in
            (server.host, server.details.sourceHost) = (target, state.source)
            server.details.sourceAllocations = former
        }
        try MigrationRecords.set(.postMigrating, state.migrationID, in: transaction)
    }

    @Sendable private func unbind(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        try compute.rebind(state.serverID, to: state.source, state.formerAllocations, in: transaction)
        try compute.advance(state.serverID, .resizeMigrating, in: transaction) { server in
            (server.host, server.details.sourceHost) = (state.source, nil)
            server.details.sourceAllocations = nil
        }
    }

    @Sendable private func settleNetwork(_ state: inout MoveState, _ context: StepContext) async throws {
        try await compute.settleMove(state, context, last: 3)
    }

    @Sendable private func receive(_ state: inout MoveState, _ context: StepContext) async throws {
        guard let target = state.target, let released = state.released else { throw WorkflowStop("The move lost its disks.") }
        let flavor = state.wish.flavor
        // The source has let go of them: it has put the guest aside.
        try await compute.connectVolumes(of: state.serverID, to: target)
        let guest = try await compute.definition(of: state.serverID) { server in if let flavor { server.flavor = flavor } }
        do {
            state.power = try await compute.ask(
                target, ReceiveGuest(guest: guest, released: released, start: state.before == .active), context
            ).power
        } catch {
            throw compute.stopping(error, "The server could not be started on its new host", context, last: 2)
        }
    }

    /// Removes what came to the new host. On the same host, bringing back what was put aside does it.
    @Sendable private func remove(_ state: inout MoveState, _ context: StepContext) async throws {
        guard let target = state.target, target != state.source, try await !compute.isDeleting(state.serverID) else { return }
        try await compute.discard(state.serverID, at: target, context)
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout MoveState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            server.details.oldFlavor = server.flavor
            server.details.previousState = state.before
            if let flavor = state.wish.flavor { server.flavor = flavor }
            (server.state, server.task, server.power) = (.resized, nil, state.power ?? server.power)
            server.launchedAt = .now
        }
        try MigrationRecords.set(.finished, state.migrationID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    // MARK: The end of a failed or cancelled move

    @Sendable private func end(_ transaction: any Transaction, _ state: MoveState, _ failure: WorkflowFailure) throws {
        try MigrationRecords.set(.error, state.migrationID, in: transaction)
        try compute.abandon(
            state.serverID, requestID: state.requestID, message: failure.message, leftAt: [state.target], in: transaction
        ) { server in
            (server.host, server.details.sourceHost) = (state.source, nil)
            if state.isStranded == true { server.state = .error }
        }
    }
}
