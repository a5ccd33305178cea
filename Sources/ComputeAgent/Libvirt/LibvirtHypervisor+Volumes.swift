internal import CLibvirt
import ComputeMessages
import Foundation
import Logging

/// What libvirt does with guests' volumes.
extension LibvirtHypervisor {
    /// Refuses a volume whose file isn't there.
    func checkFile(of volume: GuestVolume) throws {
        guard case .file(let path, _) = volume.connection else { return }
        guard FileSystem.exists(path) else { throw GuestFailure(.volumeUnavailable, "The volume \(volume.id) is not on this host.") }
    }

    /// Looks for the volumes' files and keeps what unlocks them. libvirt has forgotten that when it was started anew.
    public func prepareVolumes(of guest: GuestSpecification) async throws {
        for volume in guest.volumes { try checkFile(of: volume) }
        let secrets = try guest.volumes.flatMap { try VolumeSecret.all($0, of: guest.id) }
        guard !secrets.isEmpty else { return }
        try await call { try $0.keep(secrets) }
    }

    /// Plugs a volume in, unless one with its serial number is there. A guest that is off gets it when it is started.
    public func attach(_ volume: GuestVolume, to guest: GuestSpecification) async throws -> String {
        try checkFile(of: volume)
        let machine = try MachineProperties(guest.properties)
        let secrets = try VolumeSecret.all(volume, of: guest.id)
        return try await call { connection in
            let domain = try Self.existing(guest.id, on: connection)
            let disks = try domain.description.disks
            if let present = disks.first(where: { $0.serial == volume.serial }) { return present.name }
            let disk = try DiskLayout.disk(of: volume, machine, guest: guest.id, taken: Set(disks.map(\.name)))
            try connection.keep(secrets)
            if try domain.power.isOn { try domain.attach(disk.markup(hasDirectIO: Self.hasDirectIO(for: disk.file.path)).text) }
            return disk.name
        }
    }

    /// Takes a volume out.
    public func detachVolume(_ volumeID: String, from guest: GuestSpecification) async throws {
        try await detach(from: guest.id, "volume \(volumeID)") { $0.disks.first { $0.serial == volumeID }?.node }
        try await call { try $0.forgetSecrets(prefix: VolumeSecret.prefix(guest: guest.id, volume: volumeID)) }
    }

    /// Tells the guest the volume's new size.
    public func extendVolume(_ volumeID: String, of id: String, bytes: Int) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            guard try domain.power.isOn else { return }
            let disk = try Self.disk(volumeID, of: domain)
            try domain.attempt { virDomainBlockResize($0, disk.name, UInt64(bytes), VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue) }
        }
    }

    static func disk(_ volumeID: String, of domain: LibvirtDomain) throws -> MarkupNode.Disk {
        guard let disk = try domain.description.disks.first(where: { $0.serial == volumeID }) else {
            throw GuestFailure(.volumeUnavailable, "The volume \(volumeID) is not attached to the guest.")
        }
        return disk
    }

    /// The serial numbers of the disks that are volumes, which a UUID is to nobody else.
    public func volumes() async throws -> [String: [String]] {
        try await call { connection in
            var found: [String: [String]] = [:]
            // A guest that is off has what it will be started with, which is decided then.
            for domain in try connection.domains() where try domain.power.isOn {
                found[domain.id] = try domain.description.disks.compactMap(\.serial).filter { UUID(uuidString: $0) != nil }
            }
            return found
        }
    }

    // MARK: Swapping

    /// Copies one volume onto another while the guest writes, and lets it go on with the other.
    public func swapVolume(_ oldID: String, for volume: GuestVolume, in guest: GuestSpecification) async throws {
        try checkFile(of: volume)
        let machine = try MachineProperties(guest.properties)
        let secrets = try VolumeSecret.all(volume, of: guest.id)
        let (name, isThere) = try await call { connection -> (String, Bool) in
            let domain = try Self.existing(guest.id, on: connection)
            let target = try DiskLayout.disk(of: volume, machine, guest: guest.id, taken: [])
            if let disk = try domain.description.disks.first(where: { $0.identity == target.file.path }) { return (disk.name, true) }
            let old = try Self.disk(oldID, of: domain)
            var job = virDomainBlockJobInfo()
            if virDomainGetBlockJobInfo(domain.pointer, old.name, &job, 0) == 1 { return (old.name, false) }
            try connection.keep(secrets)
            let flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT.rawValue | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB.rawValue
            let markup = target.markup(hasDirectIO: Self.hasDirectIO(for: target.file.path)).text
            try domain.attempt { virDomainBlockCopy($0, old.name, markup, nil, 0, flags) }
            return (old.name, false)
        }
        if !isThere { try await pivot(name, of: guest.id) }
        await limit(name, of: guest.id, to: try DiskLimits(volume))
    }

    /// Sets what may go through a disk, which keeps its limits when it goes on with another source. By then there is no way back, so a
    /// failure is no failure of the change: the guest's next start has the new limits.
    private func limit(_ name: String, of id: String, to limits: DiskLimits) async {
        do {
            try await call { connection in
                let domain = try Self.existing(id, on: connection)
                let disk = try domain.description.disks.first { $0.name == name }
                guard disk?.isLimited == true || !limits.isEmpty else { return }
                try domain.limit(name, to: limits)
            }
        } catch {
            logger.warning(
                "a volume has its former limits until its guest is started anew",
                metadata: ["server": "\(id)", "disk": "\(name)", "error": "\(error)"])
        }
    }

    private func pivot(_ name: String, of id: String) async throws {
        let end = ContinuousClock.now + options.saveDeadline
        while ContinuousClock.now < end {
            let isDone = try await call { connection in
                let domain = try Self.existing(id, on: connection)
                var job = virDomainBlockJobInfo()
                let state = virDomainGetBlockJobInfo(domain.pointer, name, &job, 0)
                guard state == 1 else { throw GuestFailure(.volumeUnavailable, "The copying of the volume broke off.") }
                guard job.end > 0, job.cur == job.end else { return false }
                do {
                    try domain.attempt { virDomainBlockJobAbort($0, name, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue) }
                } catch let error as LibvirtError where error.isCopyUnfinished {
                    // All is copied, which libvirt has not heard from QEMU yet.
                    return false
                }
                return true
            }
            if isDone { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            try domain.attempt { virDomainBlockJobAbort($0, name, 0) }
        }
        throw GuestFailure(.volumeUnavailable, "The volume was not copied in time.")
    }

    // MARK: Copying

    /// Has QEMU's backup job write the volume, as it is at this moment, into a file that the job makes.
    public func copyVolume(_ volumeID: String, of id: String, to target: GuestVolume.Connection) async throws {
        guard case .file(let path, let format) = target, path.hasPrefix("/"), !path.split(separator: "/").contains(".."),
            ["raw", "qcow2"].contains(format)
        else { throw GuestFailure(.unsupported, "This host copies volumes into files of the format raw or qcow2.") }
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            let disks = try domain.description.disks
            guard let disk = disks.first(where: { $0.serial == volumeID }) else {
                throw GuestFailure(.wrongState, "The guest does not have the volume \(volumeID).")
            }
            guard !disks.contains(where: { $0.path == path }) else {
                throw GuestFailure(.volumeUnavailable, "A copy can't be written into a disk of the guest itself.")
            }
            try domain.endBackup()
            // What an earlier attempt has left; the job makes the file itself.
            if FileSystem.exists(path) { try FileSystem.removeFile(path) }
            let xml = Self.backup(of: disk, among: disks, to: path, format: format).text
            try domain.attempt { virDomainBackupBegin($0, xml, nil, 0) }
        }
        try await waitForBackup(id, within: options.saveDeadline)
    }

    /// Has the same job write a root disk, with what is below it, into a file of its own. The guest's writes go on: the job puts aside
    /// first what they overwrite.
    public func copyDisk(
        _ path: String, of id: String, into file: String, begun: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            let disks = try domain.description.disks
            guard let disk = disks.first(where: { $0.path == path }) else {
                throw GuestFailure(.unsupported, "The guest does not run from the file that is to be copied.")
            }
            try domain.endBackup()
            let xml = Self.backup(of: disk, among: disks, to: file, format: "qcow2").text
            try domain.attempt { virDomainBackupBegin($0, xml, nil, 0) }
        }
        do { try await begun() } catch {
            try? await call { try Self.existing(id, on: $0).endBackup() }
            throw error
        }
        try await waitForBackup(id, within: options.copyDeadline)
    }

    /// An encrypted volume's copy is encrypted with the same passphrase.
    private static func backup(of disk: MarkupNode.Disk, among disks: [MarkupNode.Disk], to path: String, format: String) -> Markup {
        let encryption = disk.encryptionUsage.map {
            Markup("encryption", ["format": "luks"], [Markup("secret", ["type": "passphrase", "usage": $0])])
        }
        let copied = Markup("disk", ["name": disk.name, "backup": "yes", "type": "file"], [
            Markup("driver", ["type": format]), Markup("target", ["file": path], [encryption]),
        ])
        let others = disks.filter { $0.name != disk.name }.map { Markup("disk", ["name": $0.name, "backup": "no"]) }
        return Markup("domainbackup", ["mode": "push"], [Markup("disks", [:], [copied] + others)])
    }

    private func waitForBackup(_ id: String, within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            let isDone = try await call { try Self.existing(id, on: $0).hasEndedBackup() }
            if isDone { return }
            do { try await Task.sleep(for: .milliseconds(100)) } catch {
                try? await call { try Self.existing(id, on: $0).endBackup() }
                throw error
            }
        }
        try await call { try Self.existing(id, on: $0).endBackup() }
        throw GuestFailure(.volumeUnavailable, "The disk was not copied in time.")
    }
}

extension LibvirtDomain {
    /// Sets all limits of a running guest's disk.
    fileprivate func limit(_ disk: String, to limits: DiskLimits) throws {
        var (parameters, count, capacity): (virTypedParameterPtr?, Int32, Int32) = (nil, 0, 0)
        defer { virTypedParamsFree(parameters, count) }
        for (measure, amount) in limits.parameters {
            guard virTypedParamsAddULLong(&parameters, &count, &capacity, "\(measure)", amount) == 0 else { throw LibvirtError.last }
        }
        try attempt { virDomainSetBlockIoTune($0, disk, parameters, count, VIR_DOMAIN_AFFECT_LIVE.rawValue) }
    }

    /// Ends a job that runs; none is success.
    fileprivate func endBackup() throws {
        var info = virDomainJobInfo()
        try attempt { virDomainGetJobInfo($0, &info) }
        guard info.type != Int32(VIR_DOMAIN_JOB_NONE.rawValue) else { return }
        try attempt { virDomainAbortJob($0) }
    }

    /// Whether the last job has ended well.
    /// - Throws: `GuestFailure` when it has failed or nothing is known of it.
    fileprivate func hasEndedBackup() throws -> Bool {
        var info = virDomainJobInfo()
        try attempt { virDomainGetJobInfo($0, &info) }
        guard info.type == Int32(VIR_DOMAIN_JOB_NONE.rawValue) else { return false }
        var (type, parameters, count): (Int32, virTypedParameterPtr?, Int32) = (0, nil, 0)
        try attempt { virDomainGetJobStats($0, &type, &parameters, &count, VIR_DOMAIN_JOB_STATS_COMPLETED.rawValue) }
        virTypedParamsFree(parameters, count)
        guard type == Int32(VIR_DOMAIN_JOB_COMPLETED.rawValue) else {
            throw GuestFailure(.volumeUnavailable, "The copying of the disk broke off.")
        }
        return true
    }
}
