import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What putting another volume in one's place needs to remember.
struct SwapState: Codable, Sendable, Hashable {
    /// The change: the old volume with its row and its reservation.
    var change: VolumeChange
    /// The new volume.
    var newVolumeID: String
    /// Its reservation.
    var newAttachmentID: String
    /// Whether the guest is on the new volume, so that there is no way back.
    var isDone = false
}

/// A request to put a volume in another one's place while the guest writes: the last half of a migration.
struct VolumeSwap: Sendable {
    let compute: Compute.Parts
    let old: ServerVolume
    let new: ServerVolume

    private static let states: Set<Server.State> = [.active, .paused, .resized]

    /// Accepts it.
    func accept(
        _ serverID: String, requestID: String?, isAdmin: Bool,
        log: @escaping @Sendable (Server, any Transaction) throws -> Void
    ) async throws {
        try await compute.whenFree(serverID) { server, transaction in
            try ActionConditions(.swapVolume, states: Self.states).check(server, isAdmin: isAdmin)
            try begin(server, requestID: requestID, log, in: transaction)
        }
    }

    private func begin(
        _ server: Server, requestID: String?, _ log: (Server, any Transaction) throws -> Void, in transaction: any Transaction
    ) throws {
        guard let disk = try BlockDeviceRecords.find(volume: old.id, server: server.id, in: transaction) else {
            throw InvalidVolume("Old volume is attached to a different instance.").error
        }
        guard new.sizeGiB >= old.sizeGiB else { throw InvalidVolume("New volume must be the same size or larger.").error }
        let others = try BlockDeviceRecords.all(volume: old.id, in: transaction)
        guard others.count == 1 else {
            throw ComputeError.badRequest("Swapping multi-attach volumes with more than one read/write attachment is not supported.")
        }
        guard try BlockDeviceRecords.all(volume: new.id, in: transaction).isEmpty, new.serverIDs.isEmpty else {
            throw InvalidVolume("New volume must be detached in order to swap.").error
        }
        let attachment = NewVolumeAttachment(
            id: Identifier.uuid(), volumeID: new.id, serverID: server.id, projectID: server.projectID, isReadOnly: old.isReadOnly)
        try compute.volumes.setDetaching(volume: old.id, true, in: transaction)
        try compute.volumes.reserve(attachment, in: transaction)
        try log(server, transaction)
        let change = VolumeChange(
            serverID: server.id, requestID: requestID, host: server.host ?? "", deviceID: disk.id, volumeID: old.id,
            attachmentID: disk.attachmentID, deviceName: disk.deviceName)
        try compute.workflows.start(
            SwapVolumeWorkflow(compute: compute).workflow,
            SwapState(change: change, newVolumeID: new.id, newAttachmentID: attachment.id), subject: server.subject,
            requestID: requestID, in: transaction)
    }
}

/// Copies a guest's volume onto another under its hands. As long as the guest is on the old one, every failure leaves it there.
struct SwapVolumeWorkflow: Sendable {
    static let name = "compute.swap-volume"
    let compute: Compute.Parts

    var workflow: Workflow<SwapState> {
        Workflow(
            Self.name, deadline: .seconds(24 * 3600),
            steps: [
                .action("connect", timeout: .seconds(120), perform: connect, undo: disconnect),
                .action("copy", attempts: 3, timeout: .seconds(12 * 3600), perform: copy, undo: tellFailure),
                .transaction("exchange", perform: exchange),
                .action("disconnect-old", timeout: .seconds(120), perform: disconnectOld),
                .action("complete", attempts: 10, timeout: .seconds(120), perform: complete),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func connect(_ state: inout SwapState, _ context: StepContext) async throws {
        let connector = try await compute.connector(of: state.change.host, device: state.change.deviceName)
        let attachment = state.newAttachmentID
        _ = try await compute.stopping { try await compute.volumes.connect(attachment: attachment, connector: connector) }
    }

    @Sendable private func disconnect(_ state: inout SwapState, _ context: StepContext) async throws {
        // Of a guest that is on the new volume nobody needs the old one.
        guard let attachment = state.isDone ? state.change.attachmentID : state.newAttachmentID else { return }
        try await compute.disconnect(attachment, context)
    }

    /// The guest keeps the old volume's serial number: a migration gives the new volume the old one's id.
    @Sendable private func copy(_ state: inout SwapState, _ context: StepContext) async throws {
        let (change, attachment) = (state.change, state.newAttachmentID)
        let guest = try await compute.definition(of: change.serverID, attachments: [change.deviceID: attachment])
        guard let volume = guest.volumes.first(where: { $0.id == change.volumeID }) else { throw WorkflowStop("The volume is gone.") }
        _ = try await compute.ask(
            SwapVolume(guest: guest, oldVolumeID: change.volumeID, volume: volume), host: change.host, context)
        state.isDone = true
    }

    @Sendable private func tellFailure(_ state: inout SwapState, _ context: StepContext) async throws {
        guard !state.isDone else { return }
        let (old, new) = (state.change.volumeID, state.newVolumeID)
        _ = try await compute.stopping {
            try await compute.database.write { [volumes = compute.volumes] in
                try volumes.completeMigration(from: old, to: new, hasFailed: true, in: $0)
            }
        }
    }

    @Sendable private func exchange(_ transaction: any Transaction, _ state: inout SwapState, _ context: StepContext) throws {
        let attachment = state.newAttachmentID
        try BlockDeviceRecords.change(state.change.deviceID, in: transaction) { $0.attachmentID = attachment }
        try compute.volumes.complete(attachment: attachment, device: state.change.deviceName ?? "", in: transaction)
    }

    @Sendable private func disconnectOld(_ state: inout SwapState, _ context: StepContext) async throws {
        guard let attachment = state.change.attachmentID else { return }
        try await compute.disconnect(attachment, context)
        try await compute.database.write { [volumes = compute.volumes] in try volumes.release(attachment: attachment, in: $0) }
    }

    @Sendable private func complete(_ state: inout SwapState, _ context: StepContext) async throws {
        let (old, new) = (state.change.volumeID, state.newVolumeID)
        state.newVolumeID = try await compute.stopping {
            try await compute.database.write { [volumes = compute.volumes] in
                try volumes.completeMigration(from: old, to: new, hasFailed: false, in: $0)
            }
        }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout SwapState, _ context: StepContext) throws {
        let id = state.newVolumeID
        try BlockDeviceRecords.change(state.change.deviceID, in: transaction) { $0.volumeID = id }
        try ActionRecords.finish(server: state.change.serverID, request: state.change.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: SwapState, _ failure: WorkflowFailure) throws {
        if state.isDone {
            try carryOut(state, in: transaction)
        } else {
            try compute.volumes.release(attachment: state.newAttachmentID, in: transaction)
            try compute.volumes.setDetaching(volume: state.change.volumeID, false, in: transaction)
        }
        try compute.endVolumeChange(state.change, failure, in: transaction)
    }

    /// What the guest wrote last is on the new volume alone. Whatever came between, as the server's deletion does, that is the one
    /// which stays, and nobody has the old one any more.
    private func carryOut(_ state: SwapState, in transaction: any Transaction) throws {
        let (change, attachment) = (state.change, state.newAttachmentID)
        do {
            try transaction.savepoint {
                if let former = change.attachmentID { try compute.volumes.release(attachment: former, in: transaction) }
                try compute.volumes.complete(attachment: attachment, device: change.deviceName ?? "", in: transaction)
                // A migration that was completed has left the old one's id.
                let isOver = state.newVolumeID == change.volumeID
                let volume = try isOver
                    ? change.volumeID
                    : compute.volumes.completeMigration(from: change.volumeID, to: state.newVolumeID, hasFailed: false, in: transaction)
                try BlockDeviceRecords.change(change.deviceID, in: transaction) { ($0.attachmentID, $0.volumeID) = (attachment, volume) }
            }
        } catch let refusal as VolumeRefusal {
            compute.logger.error(
                "a server's change to another volume can't be carried out",
                metadata: ["server": "\(change.serverID)", "volume": "\(change.volumeID)", "reason": "\(refusal.message)"])
        }
    }
}
