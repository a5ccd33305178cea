import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a change of a server's volumes needs to remember.
struct VolumeChange: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// The server's host.
    var host: String
    /// The volume's row.
    var deviceID: String
    /// The volume.
    var volumeID: String
    /// Its reservation.
    var attachmentID: String?
    /// The device's name; the host may give it another one.
    var deviceName: String?
}

/// Gives a server a volume that is reserved for it: the way to it, the guest's disk, the end of the reservation. A failure, or the
/// server's deletion, takes all of it back.
struct AttachVolumeWorkflow: Sendable {
    static let name = "compute.attach-volume"
    let compute: Compute.Parts

    var workflow: Workflow<VolumeChange> {
        Workflow(
            Self.name, deadline: .seconds(900),
            steps: [
                .action("connect", attempts: 3, timeout: .seconds(120), perform: connect, undo: disconnect),
                .action("plug", attempts: 3, timeout: .seconds(120), perform: plug, undo: unplug),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func connect(_ state: inout VolumeChange, _ context: StepContext) async throws {
        guard let attachment = state.attachmentID else { throw WorkflowStop("The volume is not reserved.") }
        let connector = try await compute.connector(of: state.host, device: state.deviceName)
        _ = try await compute.stopping { try await compute.volumes.connect(attachment: attachment, connector: connector) }
    }

    @Sendable private func disconnect(_ state: inout VolumeChange, _ context: StepContext) async throws {
        guard let attachment = state.attachmentID else { return }
        try await compute.disconnect(attachment, context)
    }

    @Sendable private func plug(_ state: inout VolumeChange, _ context: StepContext) async throws {
        guard let guest = try await compute.guest(state.serverID), let volume = guest.volumes.first(where: { $0.id == state.volumeID })
        else { throw WorkflowStop("The server or its volume is gone.") }
        state.deviceName = try await compute.ask(AttachVolume(guest: guest, volume: volume), host: state.host, context).deviceName
    }

    @Sendable private func unplug(_ state: inout VolumeChange, _ context: StepContext) async throws {
        try await compute.unplug(state, context, isBestEffort: true)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout VolumeChange, _ context: StepContext) throws {
        if let attachment = state.attachmentID {
            try compute.volumes.complete(attachment: attachment, device: state.deviceName ?? "", in: transaction)
        }
        try BlockDeviceRecords.change(state.deviceID, in: transaction) { disk in
            (disk.state, disk.deviceName) = (.attached, state.deviceName ?? disk.deviceName)
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: VolumeChange, _ failure: WorkflowFailure) throws {
        if let attachment = state.attachmentID { try compute.volumes.release(attachment: attachment, in: transaction) }
        try BlockDeviceRecords.delete(state.deviceID, in: transaction)
        try compute.endVolumeChange(state, failure, in: transaction)
    }
}

/// Takes a volume from a server: the guest's disk, the way to it, the reservation. When the guest does not let go of it, all stays.
struct DetachVolumeWorkflow: Sendable {
    static let name = "compute.detach-volume"
    let compute: Compute.Parts

    var workflow: Workflow<VolumeChange> {
        Workflow(
            Self.name, deadline: .seconds(900),
            steps: [
                .action("unplug", attempts: 3, timeout: .seconds(180), perform: unplug),
                .action("disconnect", attempts: 4, timeout: .seconds(60), perform: disconnect),
                .transaction("release", perform: release),
            ],
            unwound: end)
    }

    @Sendable private func unplug(_ state: inout VolumeChange, _ context: StepContext) async throws {
        try await compute.unplug(state, context, isBestEffort: false)
    }

    @Sendable private func disconnect(_ state: inout VolumeChange, _ context: StepContext) async throws {
        guard let attachment = state.attachmentID else { return }
        try await compute.disconnect(attachment, context)
    }

    @Sendable private func release(_ transaction: any Transaction, _ state: inout VolumeChange, _ context: StepContext) throws {
        if let attachment = state.attachmentID { try compute.volumes.release(attachment: attachment, in: transaction) }
        try BlockDeviceRecords.delete(state.deviceID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: VolumeChange, _ failure: WorkflowFailure) throws {
        try compute.volumes.setDetaching(volume: state.volumeID, false, in: transaction)
        try compute.endVolumeChange(state, failure, in: transaction)
    }
}

extension Compute.Parts {
    /// Has a host take a volume out of a guest. A guest that is not there has no volume either.
    func unplug(_ state: VolumeChange, _ context: StepContext, isBestEffort: Bool) async throws {
        guard !state.host.isEmpty, let guest = try await guest(state.serverID, without: state.volumeID) else { return }
        do {
            _ = try await bus.call(
                DetachVolume(guest: guest, volumeID: state.volumeID), to: BusAddress(topic: ComputeTopic.agent, host: state.host),
                deadline: context.deadline - Timestamp.now, key: context.key)
        } catch BusError.remote(let code, _) where code == GuestFailureCode.guestNotFound.rawValue {
            return
        } catch where isBestEffort && context.attempt >= 2 {
            // The guest's next start is without it, whatever is left there now.
            logger.warning(
                "a volume may be left in a guest",
                metadata: ["server": "\(state.serverID)", "volume": "\(state.volumeID)", "error": "\(error)"])
        }
    }

    /// The end of a change of volumes that did not come off.
    func endVolumeChange(_ state: VolumeChange, _ failure: WorkflowFailure, in transaction: any Transaction) throws {
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try conclude(state.serverID, after: failure, in: transaction) { _ in }
    }
}
