import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// The compute service: servers, their sizes, keys and hosts (Nova's API 2.1 to 2.104).
///
/// A request that is accepted has written the server's row and its workflow in one transaction; the workflow's steps
/// drive the host through messages. What the service needs of images, networking and placement it states as
/// protocols, which the composition root connects.
public final class Compute: Sendable {
    /// What every part of the service works with.
    struct Parts: Sendable {
        let database: any Database
        let bus: any Bus
        let workflows: any WorkflowEngine
        let images: any ComputeImages
        let networking: any ComputeNetworking
        let placement: any ComputePlacement
        let options: ComputeOptions
        let logger: Logger
        let others: ComputeNeighbours
        /// The hosts, aggregates and zones, kept in memory.
        let hosts: HostDirectory
        /// Hosts chosen a moment ago.
        let pending = PendingPicks()
        /// What hosts are busy with.
        let activity = HostActivity()
        /// The passwords of guests that are being built.
        let passwords = PassingPasswords()
        /// Passwords on their way to guests, which are never written down.
        let newPasswords = PasswordsOnTheWay()
        /// What the operator's services said of servers a moment ago.
        let vendorAnswers = VendorAnswers()
    }

    let parts: Parts

    /// The service over its dependencies.
    public init(
        database: any Database, bus: any Bus, workflows: any WorkflowEngine, images: any ComputeImages,
        networking: any ComputeNetworking, placement: any ComputePlacement, options: ComputeOptions = ComputeOptions(),
        others: ComputeNeighbours = ComputeNeighbours()
    ) {
        parts = Parts(
            database: database, bus: bus, workflows: workflows, images: images, networking: networking,
            placement: placement, options: options, logger: Logger(label: "compute"),
            others: others,
            hosts: HostDirectory(downTime: options.serviceDownTime))
    }

    /// The service's tables.
    public static var migrations: MigrationSet { ComputeSchema.migrations }

    /// The workflows to register with the runner before it runs.
    public var workflows: [WorkflowDefinition] {
        [
            BuildWorkflow(compute: parts).workflow.definition, DeleteWorkflow(compute: parts).workflow.definition,
            BuildWorkflow(compute: parts, hasVolumes: true).workflow.definition,
            DeleteWorkflow(compute: parts, hasVolumes: true).workflow.definition,
            PowerWorkflow(compute: parts).workflow.definition,
            AttachInterfaceWorkflow(compute: parts).workflow.definition,
            DetachInterfaceWorkflow(compute: parts).workflow.definition,
            AttachVolumeWorkflow(compute: parts).workflow.definition,
            DetachVolumeWorkflow(compute: parts).workflow.definition,
            SwapVolumeWorkflow(compute: parts).workflow.definition,
            VolumeSnapshotWorkflow(compute: parts).workflow.definition,
            RepairVolumesWorkflow(compute: parts).workflow.definition,
            PowerWorkflow(compute: parts, action: .rescue).workflow.definition,
            RebuildWorkflow(compute: parts).workflow.definition,
            SnapshotWorkflow(compute: parts).workflow.definition,
            PasswordWorkflow(compute: parts).workflow.definition,
        ] + parts.moveWorkflows
    }

    /// What converges by itself; the composition root runs it.
    public var reconcilers: [any Reconciler] {
        [
            GuestReconciler(compute: parts),
            ServerPurge(compute: parts),
            ControllerHeartbeat(compute: parts),
            ServerReclaim(compute: parts),
            MoveTimers(compute: parts),
            UsageAuditor(compute: parts),
        ]
    }

    /// What the service hears from its agents, to be served at `BusAddress(topic: ComputeTopic.controller)`.
    public var reports: BusService { HostReports(compute: parts).service }
}

extension Compute.Parts {
    /// Tells a host to remove a guest with everything it has there.
    func destroyGuest(_ id: String, ports: [String], host: String, key: String) async throws {
        _ = try await bus.call(
            DestroyGuest(id: id, portIDs: ports), to: BusAddress(topic: ComputeTopic.agent, host: host),
            deadline: .seconds(120), key: key)
    }

    /// Begins the delete workflow of a server whose subject is free.
    /// - Parameter hosts: where else a part of it may be, besides its host and the one it came from.
    func beginDelete(
        _ server: Server, requestID: String?, leftAt hosts: [String] = [], in transaction: any Transaction
    ) throws {
        if try beginSoftDelete(server, requestID: requestID, in: transaction) { return }
        let ports = try networking.ports(servers: [server.id], in: transaction)[server.id] ?? []
        var state = DeleteState(serverID: server.id, requestID: requestID, host: server.host, portIDs: ports.map(\.id))
        let others = Set(hosts + [server.details.sourceHost].compactMap(\.self)).subtracting([server.host].compactMap(\.self))
        if !others.isEmpty { state.otherHosts = others.sorted() }
        let hasVolumes = try BlockDeviceRecords.exist(server: server.id, in: transaction)
        try workflows.start(
            DeleteWorkflow(compute: self, hasVolumes: hasVolumes).workflow, state, subject: server.subject, requestID: requestID, in: transaction)
    }
}

extension BusError {
    /// The failure in words for a server's fault.
    var summary: String {
        switch self {
        case .deadlineExceeded: "the host did not finish in time"
        case .unroutable(let address): "no agent answers at \(address)"
        case .overloaded(let address): "the agent at \(address) is overloaded"
        case .malformed(let reason): "the agent did not understand: \(reason)"
        case .remote(_, let message): message
        case .closed: "the program is stopping"
        }
    }
}
