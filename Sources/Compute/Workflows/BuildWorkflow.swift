import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a build needs to remember from step to step.
struct BuildState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// The ports it shall have.
    var plan: [PlannedPort]
    /// The hosts that were found for it, the best first.
    var choices: [HostChoice]?
    /// The host it goes to, once claimed.
    var host: String?
    /// Which resource providers serve its ports' requests there.
    var portAllocations: [String: String]?
    /// Hosts on which it failed already.
    var failedHosts: [String] = []
    /// What its host was told to run, once its ports exist.
    var guest: GuestSpecification?
}

/// Carries an accepted server to ACTIVE: claim room, make ports, plumb them, spawn, activate. A host that fails is
/// left behind for the next; a cancelled or failed build gives everything back.
struct BuildWorkflow: Sendable {
    static let name = "compute.build"
    /// The same for a server with volumes.
    static let volumesName = "compute.build-with-volumes"
    let compute: Compute.Parts
    /// Whether the server has volumes, which take steps of their own.
    var hasVolumes = false

    var workflow: Workflow<BuildState> {
        Workflow(
            hasVolumes ? Self.volumesName : Self.name, deadline: compute.options.buildDeadline,
            steps: (hasVolumes ? [volumeSteps.hold] : []) + start + (hasVolumes ? [volumeSteps.make, volumeSteps.connect] : []) + spawning,
            unwound: end)
    }

    private var volumeSteps: BuildVolumes { BuildVolumes(compute: compute) }

    private var start: [Step<BuildState>] {
        [
            .action("schedule", attempts: 3, timeout: .seconds(60), perform: schedule),
            .transaction("claim", perform: claim, undo: unclaim),
            .transaction("ports", perform: makePorts, undo: removePorts),
            .action("network", attempts: Self.networkAttempts, timeout: .seconds(60), perform: settleNetwork),
        ]
    }

    private var spawning: [Step<BuildState>] {
        [
            .action("spawn", attempts: 1, timeout: compute.options.buildDeadline, perform: spawn, undo: destroy),
            .transaction("activate", perform: activate),
        ]
    }

    // MARK: Steps

    private func request(for server: Server, _ state: BuildState) -> SchedulingRequest {
        var request = SchedulingRequest(server: server)
        (request.destination, request.excludedHosts) = (server.details.destination, state.failedHosts)
        request.portIDs = state.plan.compactMap(\.portID)
        return request
    }

    @Sendable private func schedule(_ state: inout BuildState, _ context: StepContext) async throws {
        let found = try await compute.database.read { [id = state.serverID] in try ServerRecords.find(id, in: $0) }
        guard let server = found else { throw WorkflowStop("The server is gone.") }
        let scheduler = Scheduler(compute: compute)
        var request = self.request(for: server, state)
        var choices = try await scheduler.choose(request)
        if choices.isEmpty, !state.failedHosts.isEmpty {
            // Nobody else can have it, and what failed may have passed meanwhile, as a restart of the host's does.
            request.excludedHosts = []
            choices = try await scheduler.choose(request)
        }
        guard !choices.isEmpty else { throw WorkflowStop(noValidHost(after: state.failedHosts)) }
        state.choices = choices
    }

    @Sendable private func claim(_ transaction: any Transaction, _ state: inout BuildState, _ context: StepContext) throws {
        guard let server = try ServerRecords.find(state.serverID, in: transaction) else {
            throw WorkflowStop("The server is gone.")
        }
        let scheduler = Scheduler(compute: compute)
        guard let choice = try scheduler.claim(state.choices ?? [], for: request(for: server, state), in: transaction) else {
            throw WorkflowRewind(to: "schedule", noValidHost(after: state.failedHosts))
        }
        (state.host, state.portAllocations) = (choice.host, choice.portAllocations)
        try ServerRecords.change(server.id, in: transaction) { server in
            (server.host, server.task) = (choice.host, .networking)
        }
    }

    private func noValidHost(after failedHosts: [String]) -> String {
        guard !failedHosts.isEmpty else { return "No valid host was found. There are not enough hosts available." }
        return "Exceeded maximum number of retries. Exhausted all hosts available: \(failedHosts.joined(separator: ", "))."
    }

    @Sendable private func unclaim(_ transaction: any Transaction, _ state: inout BuildState, _ context: StepContext) throws {
        try compute.placement.release(server: state.serverID, in: transaction)
        state.host = nil
        try ServerRecords.change(state.serverID, in: transaction) { server in
            server.host = nil
            if server.task != .deleting { server.task = .scheduling }
        }
    }

    @Sendable private func makePorts(_ transaction: any Transaction, _ state: inout BuildState, _ context: StepContext) throws {
        guard var server = try ServerRecords.find(state.serverID, in: transaction), let host = state.host else {
            throw WorkflowStop("The server is gone.")
        }
        let owner = PortOwner(
            serverID: server.id, projectID: server.projectID, hostName: server.hostName,
            securityGroupIDs: server.securityGroupIDs,
            availabilityZone: server.availabilityZone ?? compute.options.defaultAvailabilityZone, host: host)
        do {
            let ports = try compute.networking.attach(state.plan, to: owner, in: transaction)
            if let allocations = state.portAllocations, !allocations.isEmpty {
                try compute.networking.allocate(allocations, server: server.id, in: transaction)
            }
            server.details.portTags = PortTags.tags(of: ports, plan: state.plan)
            state.guest = server.guest(ports: ports)
            state.guest?.configDrive = nil
        } catch let refusal as NetworkRefusal {
            throw WorkflowStop(refusal.message, cause: refusal)
        }
        server.task = .spawning
        try ServerRecords.update(server, in: transaction)
    }

    @Sendable private func removePorts(_ transaction: any Transaction, _ state: inout BuildState, _ context: StepContext) throws {
        try compute.networking.detach(server: state.serverID, in: transaction)
        state.guest = nil
    }

    @Sendable private func settleNetwork(_ state: inout BuildState, _ context: StepContext) async throws {
        guard let guest = state.guest, let host = state.host else { return }
        do {
            try await compute.networking.settle(ports: guest.interfaces.map(\.portID), deadline: context.deadline)
        } catch where context.attempt == Self.networkAttempts {
            throw WorkflowStop("The networks of the server could not be set up on \(host).", cause: error)
        }
    }

    private static let networkAttempts = 3
    /// After so many tries a host that does not answer is left alone: the guest reconciler removes what is there as
    /// soon as it is back.
    private static let destroyAttempts = 3

    @Sendable private func spawn(_ state: inout BuildState, _ context: StepContext) async throws {
        guard var guest = state.guest, let host = state.host else { throw WorkflowStop("The build lost its guest.") }
        // The drive holds the password, which the workflow's saved state must not.
        guest.configDrive = try await compute.configDrive(of: state.serverID)
        // What unlocks volumes must not be in it either.
        if hasVolumes { try await compute.addVolumes(try await compute.disks(of: state.serverID), to: &guest) }
        do {
            _ = try await compute.bus.call(
                SpawnGuest(guest: guest), to: BusAddress(topic: ComputeTopic.agent, host: host),
                deadline: context.deadline - Timestamp.now, key: context.key)
        } catch let error as BusError {
            if case .remote(let code, let message) = error, Self.hopeless.contains(code) {
                throw WorkflowStop(message, cause: error)
            }
            state.failedHosts.append(host)
            compute.activity.noteFailure(on: host)
            guard state.failedHosts.count < compute.options.maximumBuildAttempts else {
                throw WorkflowStop("Build of instance \(state.serverID) failed on \(host): \(error.summary)", cause: error)
            }
            throw WorkflowRewind(to: "schedule", error.summary)
        }
    }

    /// Failures that another host would have as well.
    private static let hopeless: Set = ["disk_too_small", "image_unavailable"]

    @Sendable private func destroy(_ state: inout BuildState, _ context: StepContext) async throws {
        guard let host = state.host else { return }
        do {
            try await compute.destroyGuest(
                state.serverID, ports: state.guest?.interfaces.map(\.portID) ?? [], host: host, key: context.key)
        } catch where context.attempt >= Self.destroyAttempts {
            compute.logger.warning(
                "host does not answer, going on without it",
                metadata: ["server": "\(state.serverID)", "host": "\(host)", "error": "\(error)"])
        }
    }

    @Sendable private func activate(_ transaction: any Transaction, _ state: inout BuildState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.task, server.power) = (.active, nil, .running)
            server.launchedAt = .now
        }
        if hasVolumes { try compute.completeVolumes(of: state.serverID, in: transaction) }
        compute.passwords.forget(state.serverID, after: transaction)
        if let host = state.host {
            transaction.onCommit { [activity = compute.activity] in activity.noteSuccess(on: host) }
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    // MARK: The end of a failed or cancelled build

    @Sendable private func end(_ transaction: any Transaction, _ state: BuildState, _ failure: WorkflowFailure) throws {
        compute.passwords.forget(state.serverID, after: transaction)
        try compute.placement.release(server: state.serverID, in: transaction)
        try compute.networking.detach(server: state.serverID, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            if server.task == .deleting {
                server.state = .deleted
                server.deletedAt = .now
                try ActionRecords.finishOpen(server: server.id, action: ServerAction.delete.logName, in: transaction)
            } else {
                server.state = .error
                server.fault = Server.Fault(code: 500, message: failure.message, details: nil, createdAt: .now)
            }
            (server.task, server.host, server.power) = (nil, nil, .noState)
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
    }
}

/// The tags of ports that were made or taken as planned.
enum PortTags {
    /// - Returns: the tags by port; nil when there are none.
    static func tags(of ports: [ServerPort], plan: [PlannedPort]) -> [String: String]? {
        var (left, tags): ([ServerPort], [String: String]) = (ports, [:])
        // Ports that were named first, so that those made on the same network stay for the others.
        for planned in plan.filter({ $0.portID != nil }) + plan.filter({ $0.portID == nil }) {
            let position = left.firstIndex { port in
                planned.portID.map { $0 == port.id } ?? (port.networkID == planned.networkID)
            }
            guard let position else { continue }
            let port = left.remove(at: position)
            if let tag = planned.tag { tags[port.id] = tag }
        }
        return tags.isEmpty ? nil : tags
    }
}
