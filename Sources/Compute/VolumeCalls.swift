import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What the block storage asks of compute about volumes that servers have.
extension Compute {
    /// Says that an attached volume has grown: the guests that have it are told, where they run, which their servers' logs note.
    /// - Parameter requestID: the request that it grew for; without one nothing is noted.
    /// - Throws: `VolumeRefusal`; `notFound` when no server has it, `unavailable` when a host does not answer.
    public func volumeExtended(_ volumeID: String, sizeGiB: Int, requestID: String? = nil) async throws {
        let disks = try await parts.database.read { try BlockDeviceRecords.all(volume: volumeID, in: $0) }
        guard !disks.isEmpty else { throw notAttached(volumeID) }
        for disk in disks { try await extend(disk, sizeGiB: sizeGiB, requestID: requestID) }
    }

    private func extend(_ disk: BlockDeviceMapping, sizeGiB: Int, requestID: String?) async throws {
        try await parts.database.write { transaction in
            guard let requestID, let server = try ServerRecords.find(disk.serverID, in: transaction) else { return }
            try ActionRecords.begin(
                InstanceAction(
                    serverID: server.id, requestID: requestID, action: ServerAction.extendVolume.logName, projectID: server.projectID,
                    userID: server.userID, message: nil, startedAt: .now, finishedAt: nil),
                host: server.host, in: transaction)
        }
        var refusal: VolumeRefusal?
        do { try await parts.extend(disk, sizeGiB: sizeGiB) } catch let error as VolumeRefusal { refusal = error }
        try await parts.database.write { [message = refusal?.message] transaction in
            try ActionRecords.finish(server: disk.serverID, request: requestID, message: message, in: transaction)
        }
        if let refusal { throw refusal }
    }

    /// Has the host of a volume's guest write a copy of the volume, as it is at one moment, into a file that is there (QEMU's backup
    /// job). A repeat under the same token answers as the first, one under another begins anew.
    /// - Returns: false when its guest is off, or on no host, or it was taken off meanwhile, so that nobody has the volume open.
    /// - Throws: `VolumeRefusal` with `unavailable` when its host does not answer.
    public func copyAttachedVolume(_ volumeID: String, to target: GuestVolume.Connection, token: String) async throws -> Bool {
        let found = try await parts.database.read { reader -> (BlockDeviceMapping, String?)? in
            guard let disk = try BlockDeviceRecords.all(volume: volumeID, in: reader).first else { return nil }
            return (disk, try ServerRecords.find(disk.serverID, in: reader)?.host)
        }
        guard let (disk, host) = found, let host else { return false }
        return try await parts.refusing {
            do {
                _ = try await parts.bus.call(
                    CopyGuestVolume(id: disk.serverID, volumeID: volumeID, target: target),
                    to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(3600), key: token)
                return true
            } catch BusError.remote(let code, _)
                where code == GuestFailureCode.guestNotFound.rawValue || code == GuestFailureCode.wrongState.rawValue
            {
                return false
            }
        }
    }

    /// Begins to put another volume in an attached one's place, under the guest's hands; `ComputeVolumes.completeMigration` is called at
    /// its end. The new volume's attachment is compute's to make.
    /// - Throws: `VolumeRefusal`; `notFound` when no server has it, `invalid` when the server's state does not allow it.
    public func swapAttachedVolume(_ oldID: String, for newID: String) async throws {
        let (disks, volumes) = try await parts.database.read { [parts] reader in
            (try BlockDeviceRecords.all(volume: oldID, in: reader), try parts.volumes.volumes([oldID, newID], in: reader))
        }
        guard let disk = disks.first, let old = volumes[oldID] else { throw notAttached(oldID) }
        guard let new = volumes[newID] else { throw VolumeRefusal(.notFound, "Volume \(newID) could not be found.") }
        do {
            try await VolumeSwap(compute: parts, old: old, new: new).accept(
                disk.serverID, requestID: nil, isAdmin: true, log: { _, _ in })
        } catch let refused as any FaultConvertible {
            throw VolumeRefusal(.invalid, refused.fault.message)
        }
    }

    /// Holds the processors of a server's guest for a moment in which nobody may write to its volumes. Its user sees nothing of it. A
    /// repeat, or a guest that doesn't run, is success.
    /// - Throws: `VolumeRefusal` with `unavailable` when its host does not answer.
    public func holdGuest(of serverID: String) async throws { try await power(serverID, .pause) }

    /// Lets a guest that was held go on, unless its user has paused it meanwhile.
    /// - Throws: `VolumeRefusal` with `unavailable` when its host does not answer.
    public func letGuestGo(of serverID: String) async throws { try await power(serverID, .unpause) }

    private func power(_ serverID: String, _ action: PowerGuest.Action) async throws {
        guard let server = try await parts.database.read({ try ServerRecords.find(serverID, in: $0) }), let host = server.host,
            server.state != .paused
        else { return }
        let guest = try await parts.definition(of: serverID)
        try await parts.refusing {
            do {
                _ = try await parts.bus.call(
                    PowerGuest(guest: guest, action: action), to: BusAddress(topic: ComputeTopic.agent, host: host),
                    deadline: .seconds(60))
            } catch BusError.remote(let code, _)
                where code == GuestFailureCode.guestNotFound.rawValue || code == GuestFailureCode.wrongState.rawValue
            {
                return
            }
        }
    }

    private func notAttached(_ volumeID: String) -> VolumeRefusal { VolumeRefusal(.notFound, "No server has the volume \(volumeID).") }
}

extension Compute.Parts {
    /// Tells a volume's guest its new size. One that is off finds it at its next start.
    func extend(_ disk: BlockDeviceMapping, sizeGiB: Int) async throws {
        let host = try await database.write { transaction -> String? in
            try BlockDeviceRecords.change(disk.id, in: transaction) { $0.sizeGiB = sizeGiB }
            return try ServerRecords.find(disk.serverID, in: transaction)?.host
        }
        guard let host, disk.state == .attached else { return }
        try await refusing {
            do {
                _ = try await bus.call(
                    ExtendVolume(id: disk.serverID, volumeID: disk.volumeID, sizeBytes: sizeGiB << 30),
                    to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(60))
            } catch BusError.remote(let code, _) where code == GuestFailureCode.guestNotFound.rawValue {
                return
            }
        }
    }

    /// Puts a host's failure into the words of block storage's calls.
    func refusing<Answer: Sendable>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch let error as BusError {
            if case .remote(let code, let message) = error, GuestFailureCode.isFinal(code) { throw VolumeRefusal(.invalid, message) }
            throw VolumeRefusal(.unavailable, error.summary)
        }
    }
}
