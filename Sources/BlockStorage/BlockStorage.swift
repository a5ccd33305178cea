import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// The block storage service: volumes, their snapshots, backups and attachments (Cinder's API 3.0 to 3.71).
///
/// A request that is accepted has written the row and its workflow in one transaction; the workflow's steps drive the storage
/// hosts through messages. What the service needs of images, identity, keys and servers it states as protocols, which the
/// composition root connects.
public final class BlockStorage: Sendable {
    /// What every part of the service works with.
    struct Parts: Sendable {
        let database: any Database
        let bus: any Bus
        let workflows: any WorkflowEngine
        let neighbours: VolumeNeighbours
        let options: BlockStorageOptions
        let logger: Logger
        /// Rings for the reconciler of groups.
        let settleGroups: @Sendable () -> Void
        /// Pools chosen a moment ago, whose hosts have not reported since.
        let picks = PendingVolumes()
    }

    let parts: Parts

    /// The service over its dependencies.
    /// - Parameter ring: asks the reconciler of a name to run soon.
    public init(
        database: any Database, bus: any Bus, workflows: any WorkflowEngine, neighbours: VolumeNeighbours,
        options: BlockStorageOptions = BlockStorageOptions(), ring: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        parts = Parts(
            database: database, bus: bus, workflows: workflows, neighbours: neighbours, options: options,
            logger: Logger(label: "block-storage"), settleGroups: { ring(GroupReconciler.name) })
    }

    /// The service's tables.
    public static var migrations: MigrationSet { BlockStorageSchema.migrations }

    /// The workflows to register with the runner before it runs; one entry a line.
    public var workflows: [WorkflowDefinition] {
        let lists: [[WorkflowDefinition]] = [
            parts.volumeWorkflows,
            parts.backupWorkflows,
            [UploadVolumeWorkflow(storage: parts).workflow.definition],
            [ManageWorkflow(storage: parts).workflow.definition],
            [MoveVolumeWorkflow(storage: parts).workflow.definition],
        ]
        return lists.flatMap { $0 }
    }

    /// What converges by itself; the composition root runs it. One entry a line.
    public var reconcilers: [any Reconciler] {
        let lists: [[any Reconciler]] = [
            parts.volumeReconcilers,
            [MessagePurge(storage: parts)],
            [GroupReconciler(storage: parts, patience: .seconds(300))],
        ]
        return lists.flatMap { $0 }
    }

    /// What the service hears from its agents, to be served at `BusAddress(topic: VolumeTopic.controller)`.
    public var reports: BusService { VolumeReports(storage: parts).service }
}

extension BlockStorage.Parts {
    /// Asks a storage host for something and waits.
    /// - Throws: `BusError`.
    func ask<Request: BusRequest>(
        _ host: VolumeHostName, _ request: Request, within seconds: Int = 300, key: String? = nil
    ) async throws -> Request.Reply {
        try await bus.call(
            request, to: BusAddress(topic: VolumeTopic.agent, host: host.host), deadline: .seconds(seconds), key: key)
    }
}

extension BusError {
    /// The failure in words for a fault or a message to the user.
    var summary: String {
        switch self {
        case .deadlineExceeded: "the storage host did not finish in time"
        case .unroutable(let address): "no agent answers at \(address)"
        case .overloaded(let address): "the agent at \(address) is overloaded"
        case .malformed(let reason): "the agent did not understand: \(reason)"
        case .remote(_, let message): message
        case .closed: "the program is stopping"
        }
    }

    /// The storage host's code for what went wrong; nil for failures on the way.
    var volumeFailure: VolumeFailureCode? {
        guard case .remote(let code, _) = self else { return nil }
        return VolumeFailureCode(rawValue: code)
    }
}
