import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

// What the steps of several workflows do with a server's volumes. Each may be repeated.
extension Compute.Parts {
    /// Gives a guest its volumes with the ways to them. What unlocks them is fetched each time and stands in no workflow's state.
    /// - Parameters:
    ///   - disks: the server's volumes; those that are reserved and not connected yet are left out.
    ///   - attachments: other attachments than the rows', by row: those of a host that a guest is about to come to.
    ///   - left: a volume that is left out.
    /// - Throws: `WorkflowStop` for a volume that the guest has and no host is connected to.
    func addVolumes(
        _ disks: [BlockDeviceMapping], to guest: inout GuestSpecification, attachments: [String: String] = [:], without left: String? = nil
    ) async throws {
        for disk in disks where disk.volumeID != left {
            guard let attachment = attachments[disk.id] ?? disk.attachmentID else { continue }
            if let access = try await stopping({ try await volumes.access(attachment: attachment) }) {
                guest.volumes.append(disk.guestVolume(access))
            } else if disk.state == .attached {
                throw WorkflowStop("Volume \(disk.volumeID) is not connected to the server's host.")
            }
        }
    }

    /// A server's volumes.
    func disks(of server: String) async throws -> [BlockDeviceMapping] {
        try await database.read { try BlockDeviceRecords.all(server: server, in: $0) }
    }

    /// A host as block storage has to know it.
    func connector(of host: String, device: String? = nil) async throws -> ServerVolumeConnector {
        let found = try await database.read { try HostRecords.find(name: host, in: $0) }
        return ServerVolumeConnector(host: host, address: found?.details.address ?? "127.0.0.1", device: device)
    }

    /// Lets a host reach all volumes of a server; the host that could before cannot any more.
    func connectVolumes(of server: String, to host: String) async throws {
        for disk in try await disks(of: server) {
            guard let attachment = disk.attachmentID else { continue }
            let connector = try await connector(of: host, device: disk.deviceName)
            _ = try await stopping { try await volumes.connect(attachment: attachment, connector: connector) }
        }
    }

    /// Brings the ways to a server's volumes back to the host that it stays on, if that can be done: what can't is logged, and the
    /// next start of the guest says what is missing.
    func reconnectVolumes(of server: String, to host: String, _ context: StepContext) async throws {
        do {
            try await connectVolumes(of: server, to: host)
        } catch where error is WorkflowStop || context.attempt >= 3 {
            logger.warning(
                "volumes could not be connected to their server's host again",
                metadata: ["server": "\(server)", "host": "\(host)", "error": "\(error)"])
        }
    }

    /// Takes the ways to a server's volumes away; they stay reserved. What storage hosts that don't answer still export is theirs to
    /// tidy.
    func disconnectVolumes(of server: String, _ context: StepContext) async throws {
        for disk in try await disks(of: server) {
            guard let attachment = disk.attachmentID else { continue }
            try await disconnect(attachment, context)
        }
    }

    /// Takes the way to one volume away.
    func disconnect(_ attachment: String, _ context: StepContext) async throws {
        do {
            try await volumes.disconnect(attachment: attachment)
        } catch where error is VolumeRefusal && context.attempt >= 2 || context.attempt >= 3 {
            logger.warning("a volume's export may be left", metadata: ["attachment": "\(attachment)", "error": "\(error)"])
        }
    }

    /// Ends all that a server has of volumes: their ways, their reservations and their rows; those that go with the server are deleted.
    func releaseVolumes(of server: String, _ context: StepContext) async throws {
        for disk in try await disks(of: server) {
            if let attachment = disk.attachmentID {
                try await disconnect(attachment, context)
                try await database.write { [volumes] transaction in
                    try volumes.release(attachment: attachment, in: transaction)
                    try BlockDeviceRecords.change(disk.id, in: transaction) { $0.attachmentID = nil }
                }
            }
            if disk.deletesOnTermination, disk.volumeID != "" { try await delete(volume: disk, context) }
            try await database.write { try BlockDeviceRecords.delete(disk.id, in: $0) }
        }
    }

    /// A volume that can't be deleted, because it has snapshots or another server has it too, stays, as upstream has it.
    private func delete(volume disk: BlockDeviceMapping, _ context: StepContext) async throws {
        do {
            // One that is still being made can't be deleted before it is there.
            if disk.source != .volume { try await waitUntilSettled(disk.volumeID, context) }
            try await volumes.delete(volume: disk.volumeID)
        } catch let refusal as VolumeRefusal where refusal.kind != .unavailable || context.attempt >= 3 {
            logger.warning(
                "a volume that was to go with its server stays",
                metadata: ["server": "\(disk.serverID)", "volume": "\(disk.volumeID)", "reason": "\(refusal.message)"])
        }
    }

    /// Says in block storage that a server's guest has all its volumes.
    func completeVolumes(of server: String, in transaction: any Transaction) throws {
        for disk in try BlockDeviceRecords.all(server: server, in: transaction) where disk.state != .planned {
            if let attachment = disk.attachmentID {
                try volumes.complete(attachment: attachment, device: disk.deviceName ?? "", in: transaction)
            }
            if disk.state != .attached { try BlockDeviceRecords.change(disk.id, in: transaction) { $0.state = .attached } }
        }
    }

    /// Puts a new reservation in the place of a volume's attachment, so that the volume is reserved and nobody has it.
    func reserveAnew(_ volume: String, of server: String, projectID: String, _ context: StepContext) async throws {
        let found = try await database.read { try BlockDeviceRecords.find(volume: volume, server: server, in: $0) }
        guard let disk = found else { throw WorkflowStop("The server has no volume \(volume).") }
        if let former = disk.attachmentID { try await disconnect(former, context) }
        let next = NewVolumeAttachment(id: Identifier.uuid(), volumeID: volume, serverID: server, projectID: projectID)
        try await stopping {
            try await database.write { [volumes] transaction in
                try volumes.reserve(next, in: transaction)
                if let former = disk.attachmentID { try volumes.release(attachment: former, in: transaction) }
                try BlockDeviceRecords.change(disk.id, in: transaction) { $0.attachmentID = next.id }
            }
        }
    }

    /// Names the volumes that a server got while it was on no host.
    func nameVolumes(of server: Server, in transaction: any Transaction) throws {
        let disks = try BlockDeviceRecords.all(server: server.id, in: transaction)
        var taken = Set(DiskNames.own(server) + disks.compactMap(\.deviceName))
        for disk in disks where disk.deviceName == nil {
            let name = DiskNames.free(bus: disk.diskBus, taken: taken)
            taken.insert(name)
            try BlockDeviceRecords.change(disk.id, in: transaction) { $0.deviceName = name }
        }
    }

    // MARK: Two hosts at once

    /// Reserves a server's volumes a second time, for the host that it is about to move to while it runs.
    /// - Returns: the attachments by the volumes' rows; nil for a server without volumes.
    func reserveAgain(_ id: String, in transaction: any Transaction) throws -> [String: String]? {
        guard let server = try ServerRecords.find(id, in: transaction) else { return nil }
        var made: [String: String] = [:]
        for disk in try BlockDeviceRecords.all(server: id, in: transaction) where disk.attachmentID != nil {
            let attachment = NewVolumeAttachment(
                id: Identifier.uuid(), volumeID: disk.volumeID, serverID: id, projectID: server.projectID, isSecond: true)
            do {
                try volumes.reserve(attachment, in: transaction)
            } catch let refusal as VolumeRefusal {
                throw WorkflowStop(refusal.message, cause: refusal)
            }
            made[disk.id] = attachment.id
        }
        return made.isEmpty ? nil : made
    }

    /// Lets a second host reach a server's volumes.
    func connectAgain(_ server: String, _ attachments: [String: String], to host: String) async throws {
        for disk in try await disks(of: server) {
            guard let attachment = attachments[disk.id] else { continue }
            let connector = try await connector(of: host, device: disk.deviceName)
            _ = try await stopping { try await volumes.connect(attachment: attachment, connector: connector) }
        }
    }

    /// Puts the attachments of the host that a server has moved to in its rows.
    /// - Returns: those of the host that it has left.
    func exchange(_ attachments: [String: String], of server: String, in transaction: any Transaction) throws -> [String] {
        var former: [String] = []
        for disk in try BlockDeviceRecords.all(server: server, in: transaction) {
            guard let next = attachments[disk.id], disk.attachmentID != next else { continue }
            if let left = disk.attachmentID { former.append(left) }
            try volumes.complete(attachment: next, device: disk.deviceName ?? "", in: transaction)
            try BlockDeviceRecords.change(disk.id, in: transaction) { $0.attachmentID = next }
        }
        return former
    }

    /// Turns what block storage refuses into the end of a step; what may work later is tried again.
    func stopping<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as VolumeRefusal where refusal.kind != .unavailable {
            throw WorkflowStop(refusal.message, cause: refusal)
        }
    }
}
