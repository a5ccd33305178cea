import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What making an image of a server needs to remember.
struct SnapshotState: Codable, Sendable, Hashable {
    /// How many backups of a kind are kept.
    struct Rotation: Codable, Sendable, Hashable {
        /// The kind, such as "daily".
        var type: String
        /// How many of them stay; the oldest go.
        var count: Int
        /// Whose images they are.
        var projectID: String
    }

    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host.
    var host: String
    /// The queued image.
    var imageID: String
    /// Whether the guest must be brought to rest first.
    var quiesce: Bool
    /// What is done with older backups; nil for an image that is no backup.
    var rotation: Rotation?
}

/// Makes an image of a server's root disk: its host copies the disk at one moment and sends the copy to the image service.
/// Then the oldest backups of its kind go. A failure removes the image; the server stays as it is.
struct SnapshotWorkflow: Sendable {
    static let name = "compute.snapshot"
    let compute: Compute.Parts

    var workflow: Workflow<SnapshotState> {
        Workflow(
            Self.name, deadline: compute.options.buildDeadline,
            steps: [
                .transaction("begin", perform: begin),
                .action("snapshot", attempts: 3, timeout: compute.options.buildDeadline, perform: snapshot),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout SnapshotState, _ context: StepContext) throws {
        try show(state.rotation == nil ? .imageSnapshot : .imageBackup, state, in: transaction)
    }

    /// Shows how far it has come, unless the server is to be deleted.
    private func show(_ task: Server.Task, _ state: SnapshotState, in transaction: any Transaction) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            if Self.tasks.contains(server.task) { server.task = task }
        }
    }

    private static let tasks: Set<Server.Task?> = [
        .imageSnapshotPending, .imageSnapshot, .imageBackup, .imagePendingUpload, .imageUploading,
    ]

    @Sendable private func snapshot(_ state: inout SnapshotState, _ context: StepContext) async throws {
        guard try await isAwaited(state) else { return }
        try await compute.database.write { [state] in try show(.imageUploading, state, in: $0) }
        let request = SnapshotGuest(
            id: state.serverID, imageID: state.imageID, format: ServerSnapshot.format, quiesce: state.quiesce)
        do {
            _ = try await compute.ask(request, host: state.host, context)
        } catch let error as WorkflowStop {
            // A host that was asked twice may have sent the bytes already.
            guard try await !isAwaited(state) else { throw error }
        }
    }

    /// Whether the image still waits for its bytes.
    /// - Throws: `WorkflowStop` when somebody has removed it.
    private func isAwaited(_ state: SnapshotState) async throws -> Bool {
        let status = try await compute.database.read { [images = compute.images] in
            try images.snapshotStatus(state.imageID, in: $0)
        }
        guard let status else { throw WorkflowStop("Image \(state.imageID) was deleted while it was made.") }
        return status != "active"
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout SnapshotState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { $0.task = nil }
        if let rotation = state.rotation { try rotate(rotation, of: state.serverID, in: transaction) }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    private func rotate(_ rotation: SnapshotState.Rotation, of server: String, in transaction: any Transaction) throws {
        let properties = ["image_type": "backup", "backup_type": rotation.type, "instance_uuid": server]
        let backups = try compute.images.snapshots(of: rotation.projectID, with: properties, in: transaction)
        for id in backups.dropFirst(rotation.count) { try compute.images.discardSnapshot(id, in: transaction) }
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: SnapshotState, _ failure: WorkflowFailure) throws {
        try compute.images.discardSnapshot(state.imageID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try compute.conclude(state.serverID, after: failure, in: transaction) { _ in }
    }
}
