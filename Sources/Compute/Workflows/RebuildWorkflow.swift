import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What a rebuild needs to remember.
struct RebuildState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host.
    var host: String
    /// The image before.
    var formerImage: ServerImage?
    /// Whether the image is another one, which the host must be fit for.
    var isImageNew: Bool
    /// Whether the server was stopped and stays so.
    var isStopped: Bool
    /// Whether the ephemeral disk keeps its content.
    var preserveEphemeral: Bool
    /// The root volume that is filled with the image's bytes; nil for a root disk on the host, and for a volume that keeps its own.
    var reimagedVolume: String?
    /// The image that the server is rebuilt with, where its root disk is a volume.
    var imageID: String?
    /// What the host answered.
    var outcome: PowerState?
}

/// Makes a server's root disk anew where the server is. As long as the host has not begun, a failure leaves the server as it
/// was with its former image; after that its disk may be gone, and the server is in error.
struct RebuildWorkflow: Sendable {
    static let name = "compute.rebuild"
    private static let checkStep = "check"
    private static let rebuildStep = "rebuild"
    let compute: Compute.Parts

    var workflow: Workflow<RebuildState> {
        Workflow(
            Self.name, deadline: compute.options.buildDeadline,
            steps: [
                .action(Self.checkStep, perform: check),
                .transaction("spawning", perform: begin),
                .action(Self.rebuildStep, attempts: 3, timeout: compute.options.buildDeadline, perform: rebuild),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    /// The host must be fit for another image, as the scheduler would have it for a new server.
    @Sendable private func check(_ state: inout RebuildState, _ context: StepContext) async throws {
        guard state.isImageNew else { return }
        let known = try await compute.database.read { [id = state.serverID] in try ServerRecords.find(id, in: $0) }
        guard let server = known else { throw WorkflowStop("The server is gone.") }
        guard try await Scheduler(compute: compute).admitsRebuild(SchedulingRequest(server: server), on: state.host) else {
            throw WorkflowStop("No valid host was found. The server's host does not suit the image.")
        }
        let missing = try await missingTraits(of: server)
        guard missing.isEmpty else {
            throw WorkflowStop(
                "No valid host was found. Image traits cannot be satisfied by the current resource providers: "
                    + missing.sorted().joined(separator: ", "))
        }
    }

    /// The traits that the image wants and that no provider of the server's claim has.
    private func missingTraits(of server: Server) async throws -> Set<String> {
        let wanted = (server.image?.properties ?? [:]).filter { $0.key.hasPrefix("trait:") && $0.value == "required" }
        guard !wanted.isEmpty else { return [] }
        let present = try await compute.database.read { [placement = compute.placement] reader in
            try placement.traits(providers: Array(placement.claims(of: server.id, in: reader).keys), in: reader)
        }
        return Set(wanted.keys.map { String($0.dropFirst("trait:".count)) }).subtracting(present)
    }

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout RebuildState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            if server.task == .rebuilding { server.task = .rebuildSpawning }
        }
    }

    @Sendable private func rebuild(_ state: inout RebuildState, _ context: StepContext) async throws {
        if let volume = state.reimagedVolume, let image = state.imageID { try await fill(volume, with: image, state, context) }
        guard var guest = try await compute.guest(state.serverID) else { throw WorkflowStop("The server is gone.") }
        guest.configDrive = try await compute.configDrive(of: state.serverID)
        let request = RebuildGuest(
            guest: guest, preserveEphemeral: state.preserveEphemeral, start: !state.isStopped, token: context.workflow)
        state.outcome = try await compute.ask(request, host: state.host, context).power
    }

    /// Fills the root volume anew while its guest is off. It is reserved for the server and no host's meanwhile.
    private func fill(_ volume: String, with image: String, _ state: RebuildState, _ context: StepContext) async throws {
        // A repeat may find it without a way to it.
        try await compute.connectVolumes(of: state.serverID, to: state.host)
        guard let guest = try await compute.guest(state.serverID) else { throw WorkflowStop("The server is gone.") }
        _ = try await compute.ask(state.host, PowerGuest(guest: guest, action: .stop(graceSeconds: 0)), context)
        try await compute.reserveAnew(volume, of: state.serverID, projectID: guest.projectID, context)
        let project = guest.projectID
        try await compute.stopping {
            try await compute.volumes.reimage(volume: volume, image: image, projectID: project, token: context.workflow)
        }
        try await compute.waitForVolumes([volume], context)
        try await compute.connectVolumes(of: state.serverID, to: state.host)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout RebuildState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.task, server.fault) = (state.isStopped ? .stopped : .active, nil, nil)
            server.power = state.outcome ?? server.power
            server.launchedAt = .now
        }
        if state.reimagedVolume != nil { try compute.completeVolumes(of: state.serverID, in: transaction) }
        compute.passwords.forget(state.serverID, after: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: RebuildState, _ failure: WorkflowFailure) throws {
        compute.passwords.forget(state.serverID, after: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try compute.conclude(state.serverID, after: failure, in: transaction) { server in
            guard failure.step == Self.rebuildStep || failure.kind != .failed else {
                server.image = state.formerImage
                return
            }
            // An administrator who reset the state meanwhile has the last word.
            guard server.task != nil else { return }
            server.state = .error
            server.fault = Server.Fault(code: 500, message: failure.message, details: nil, createdAt: .now)
        }
    }
}
