import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// A request to give a server a volume: what can be refused is refused here, and what is accepted is reserved, in one transaction with
/// the workflow that carries it out.
struct VolumeAttachment: Sendable {
    let compute: Compute.Parts
    let request: APIRequest
    let volume: ServerVolume
    /// The name that the device is to have; nil for any.
    let device: String?
    let tag: String?
    let deletesOnTermination: Bool

    private static let states: Set<Server.State> = [
        .active, .paused, .stopped, .resized, .softDeleted, .shelved, .shelvedOffloaded,
    ]
    /// How many disks a server may have beside its own (the names of one bus).
    private static let maximumCount = 26

    /// When a server's volumes may come and go. One without a host has them in the tables only.
    static func conditions(_ action: ServerAction, _ server: Server) -> ActionConditions {
        ActionConditions(action, states: states, needsHost: server.state != .shelvedOffloaded)
    }

    /// Accepts it.
    /// - Returns: the volume's row.
    func accept(_ serverID: String) async throws -> BlockDeviceMapping {
        try await compute.whenFree(serverID) { server, transaction in try begin(server, in: transaction) }
    }

    private func begin(_ server: Server, in transaction: any Transaction) throws -> BlockDeviceMapping {
        try Self.conditions(.attachVolume, server).check(server, isAdmin: request.token?.isAdmin == true)
        let isAway = server.state == .shelvedOffloaded
        try checkVolume(server, isAway: isAway, in: transaction)
        let present = try BlockDeviceRecords.all(server: server.id, in: transaction)
        guard present.count < Self.maximumCount else {
            throw ComputeError.forbidden("The maximum allowed number of disk devices (\(Self.maximumCount)) to attach to a single instance has been exceeded.")
        }
        var disk = BlockDeviceMapping(
            id: Identifier.uuid(), serverID: server.id, number: (present.map(\.number).max() ?? -1) + 1, source: .volume, sourceID: nil,
            volumeID: volume.id, attachmentID: Identifier.uuid(), state: .reserved, bootIndex: nil, sizeGiB: volume.sizeGiB, diskBus: nil,
            deviceName: nil, tag: tag, volumeType: nil, deletesOnTermination: deletesOnTermination, isShared: volume.isMultiattach)
        // Where there is no host, there is nobody to give the device a name.
        if !isAway { disk.deviceName = try name(server, present) }
        guard var reservation = disk.reservation(projectID: server.projectID) else { return disk }
        reservation.isReadOnly = volume.isReadOnly
        try reserve(reservation, in: transaction)
        if isAway { disk.state = .attached }
        try BlockDeviceRecords.insert(disk, in: transaction)
        try compute.log(.attachVolume, server, request, in: transaction)
        try carryOut(disk, server, isAway: isAway, in: transaction)
        return disk
    }

    private func carryOut(_ disk: BlockDeviceMapping, _ server: Server, isAway: Bool, in transaction: any Transaction) throws {
        guard !isAway else {
            if let attachment = disk.attachmentID { try compute.volumes.complete(attachment: attachment, device: "", in: transaction) }
            return try ActionRecords.finish(server: server.id, request: request.requestID, message: nil, in: transaction)
        }
        try compute.workflows.start(
            AttachVolumeWorkflow(compute: compute).workflow,
            VolumeChange(
                serverID: server.id, requestID: request.requestID, host: server.host ?? "", deviceID: disk.id, volumeID: disk.volumeID,
                attachmentID: disk.attachmentID, deviceName: disk.deviceName),
            subject: server.subject, requestID: request.requestID, in: transaction)
    }

    private func checkVolume(_ server: Server, isAway: Bool, in reader: any Reader) throws {
        let others = try BlockDeviceRecords.all(volume: volume.id, in: reader)
        if !volume.isMultiattach, !others.isEmpty {
            let servers = others.map(\.serverID).joined(separator: " ")
            throw InvalidVolume("volume \(volume.id) is already attached to instances: \(servers)").error
        }
        guard !others.contains(where: { $0.serverID == server.id }) else {
            throw InvalidVolume("volume \(volume.id) already attached").error
        }
        if isAway, tag != nil {
            throw ComputeError.badRequest("Attaching tagged volumes is not supported for shelved-offloaded instances.")
        }
        if isAway, volume.isMultiattach {
            throw ComputeError.badRequest("Attaching multiattach volumes is not supported for shelved-offloaded instances.")
        }
        try compute.checkMultiattach(volume, request)
    }

    private func name(_ server: Server, _ present: [BlockDeviceMapping]) throws -> String {
        let taken = Set(DiskNames.own(server) + present.compactMap(\.deviceName))
        guard let device else { return DiskNames.free(bus: nil, taken: taken) }
        let name = DiskNames.full(device)
        guard !taken.contains(name) else { throw ComputeError.conflict("The supplied device path (\(name)) is in use.") }
        return name
    }

    private func reserve(_ reservation: NewVolumeAttachment, in transaction: any Transaction) throws {
        do {
            try compute.volumes.reserve(reservation, in: transaction)
        } catch let refusal as VolumeRefusal {
            throw refusal.kind == .invalid ? InvalidVolume(refusal.message).error.fault : refusal.fault
        }
    }
}

/// A request to take a volume from a server.
struct VolumeDetachment: Sendable {
    let compute: Compute.Parts
    let request: APIRequest
    let volumeID: String

    /// Accepts it.
    func accept(_ serverID: String) async throws {
        let released = try await compute.whenFree(serverID) { server, transaction in try begin(server, in: transaction) }
        // What the server had in the tables only has no workflow to delete it.
        if let volume = released { try await compute.volumes.delete(volume: volume) }
    }

    /// - Returns: a volume that goes at once.
    private func begin(_ server: Server, in transaction: any Transaction) throws -> String? {
        try VolumeAttachment.conditions(.detachVolume, server).check(server, isAdmin: request.token?.isAdmin == true)
        guard let disk = try BlockDeviceRecords.find(volume: volumeID, server: server.id, in: transaction) else {
            throw ComputeError.notFound("Instance \(server.id) is not attached to volume \(volumeID)")
        }
        if server.state != .shelvedOffloaded {
            guard try compute.isUp(server.host ?? "", in: transaction) == true else {
                throw ComputeError.conflict("Service is unavailable at this time.")
            }
            try setDetaching(in: transaction)
        }
        try compute.log(.detachVolume, server, request, in: transaction)
        guard server.state == .shelvedOffloaded else {
            try compute.workflows.start(
                DetachVolumeWorkflow(compute: compute).workflow,
                VolumeChange(
                    serverID: server.id, requestID: request.requestID, host: server.host ?? "", deviceID: disk.id,
                    volumeID: disk.volumeID, attachmentID: disk.attachmentID, deviceName: disk.deviceName),
                subject: server.subject, requestID: request.requestID, in: transaction)
            return nil
        }
        if let attachment = disk.attachmentID { try compute.volumes.release(attachment: attachment, in: transaction) }
        try BlockDeviceRecords.delete(disk.id, in: transaction)
        try ActionRecords.finish(server: server.id, request: request.requestID, message: nil, in: transaction)
        return disk.deletesOnTermination ? disk.volumeID : nil
    }

    private func setDetaching(in transaction: any Transaction) throws {
        do {
            try compute.volumes.setDetaching(volume: volumeID, true, in: transaction)
        } catch let refusal as VolumeRefusal {
            throw refusal.kind == .invalid ? InvalidVolume(refusal.message).error.fault : refusal.fault
        }
    }
}

/// A volume that can't be used so, in upstream's words.
struct InvalidVolume {
    let error: ComputeError

    init(_ reason: String) { error = .badRequest("Invalid volume: \(reason)") }
}

extension VolumeRefusal: FaultConvertible {
    /// What the API answers.
    public var fault: Fault {
        switch kind {
        case .notFound: Fault(.notFound, message)
        case .invalid: Fault(.badRequest, message)
        case .quota, .forbidden: Fault(.forbidden, message)
        case .unsupported: Fault(.notImplemented, message)
        case .unavailable: Fault(.serviceUnavailable, message)
        }
    }
}

extension Compute.Parts {
    /// How long a request waits for another change of the same server to end: upstream has them wait at the server's host.
    private static let patience = Duration.seconds(30)

    /// Runs a body that begins a workflow on a server, once no other is under way.
    /// - Throws: 404; 409 while another change of the server does not end.
    func whenFree<Value: Sendable>(
        _ id: String, _ body: @escaping @Sendable (Server, any Transaction) throws -> Value
    ) async throws -> Value {
        let end = ContinuousClock.now + Self.patience
        var pause = Duration.milliseconds(5)
        while true {
            do {
                return try await database.write { transaction in
                    guard let server = try ServerRecords.find(id, in: transaction) else { throw ComputeError.serverNotFound(id) }
                    return try body(server, transaction)
                }
            } catch is WorkflowBusy {
                guard ContinuousClock.now < end else { throw ComputeError.conflict("Another change of instance \(id) is under way.") }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(200))
            }
        }
    }

    /// - Throws: 400 for a volume that several servers may have where the request's microversion knows none.
    func checkMultiattach(_ volume: ServerVolume, _ request: APIRequest) throws {
        guard volume.isMultiattach, request.microversion < Microversion(2, 60) else { return }
        throw ComputeError.badRequest("Multiattach volumes are only supported starting with compute API version 2.60.")
    }
}
