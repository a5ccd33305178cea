internal import CLibvirt
import ComputeMessages
import Foundation

/// What libvirt does with the files that a volume consists of, for assisted snapshots.
extension LibvirtHypervisor {
    /// An external snapshot: what the guest writes goes into a file that is there.
    public func snapshotVolume(_ volumeID: String, of id: String, into file: String) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            let disks = try domain.description.disks
            let disk = try Self.fileDisk(volumeID, of: domain)
            let path = try disk.neighbour(file)
            try Self.checkOverlay(path, on: disk.path ?? "")
            let xml = Self.snapshot(of: disk, among: disks, into: path).text
            let flags = [VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY, VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA, VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT]
                .reduce(0) { $0 | $1.rawValue }
            guard let snapshot = virDomainSnapshotCreateXML(domain.pointer, xml, flags) else { throw LibvirtError.last }
            virDomainSnapshotFree(snapshot)
        }
    }

    /// Commits a file into the one below it, or pulls what is below into the file that is written.
    public func mergeVolume(_ volumeID: String, of id: String, file: String?, into target: String?) async throws {
        let name = try await call { connection in
            let domain = try Self.existing(id, on: connection)
            let disk = try Self.fileDisk(volumeID, of: domain)
            let top = try file.map { try disk.neighbour($0) }
            if let target {
                guard let top else { throw GuestFailure(.volumeUnavailable, "Nothing says which file is to be merged into \(target).") }
                let (base, flags) = (try disk.neighbour(target), VIR_DOMAIN_BLOCK_COMMIT_RELATIVE.rawValue)
                try domain.attempt { virDomainBlockCommit($0, disk.name, base, top, 0, flags) }
            } else {
                let flags = top == nil ? 0 : VIR_DOMAIN_BLOCK_REBASE_RELATIVE.rawValue
                try domain.attempt { virDomainBlockRebase($0, disk.name, top, 0, flags) }
            }
            return disk.name
        }
        try await waitForJob(on: name, of: id)
    }

    private static func fileDisk(_ volumeID: String, of domain: LibvirtDomain) throws -> MarkupNode.Disk {
        let disk = try disk(volumeID, of: domain)
        guard disk.path != nil, disk.encryptionUsage == nil else {
            throw GuestFailure(.unsupported, "Only volumes that are files, and not encrypted, have snapshots that their guests' hosts make.")
        }
        return disk
    }

    /// The guest would lose sight of its bytes if the file did not stand on the one that it writes to now.
    private static func checkOverlay(_ path: String, on current: String) throws {
        guard FileSystem.exists(path) else { throw GuestFailure(.volumeUnavailable, "The snapshot's file is not on this host.") }
        let bytes = try FileSystem.prefix(of: path, count: QCOW2Header.prefixLength)
        guard let header = QCOW2Header(bytes), !header.isEncrypted, !header.hasExternalData, let below = header.backingFile else {
            throw GuestFailure(.volumeUnavailable, "The snapshot's file is no qcow2 file that stands on the volume's.")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        guard URL(fileURLWithPath: below, relativeTo: folder).standardizedFileURL.path == URL(fileURLWithPath: current).standardizedFileURL.path
        else { throw GuestFailure(.volumeUnavailable, "The snapshot's file stands on another file than the volume's.") }
    }

    private static func snapshot(of disk: MarkupNode.Disk, among disks: [MarkupNode.Disk], into path: String) -> Markup {
        let taken = Markup("disk", ["name": disk.name, "snapshot": "external", "type": "file"], [
            Markup("driver", ["type": "qcow2"]), Markup("source", ["file": path]),
        ])
        let others = disks.filter { $0.name != disk.name }.map { Markup("disk", ["name": $0.name, "snapshot": "no"]) }
        return Markup("domainsnapshot", [:], [Markup("disks", [:], [taken] + others)])
    }

    private func waitForJob(on disk: String, of id: String) async throws {
        let end = ContinuousClock.now + options.saveDeadline
        while ContinuousClock.now < end {
            let state = try await call { connection in
                var job = virDomainBlockJobInfo()
                return virDomainGetBlockJobInfo(try Self.existing(id, on: connection).pointer, disk, &job, 0)
            }
            guard state >= 0 else { throw GuestFailure(.volumeUnavailable, "The merging of the volume's files broke off.") }
            if state == 0 { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw GuestFailure(.volumeUnavailable, "The volume's files were not merged in time.")
    }
}

extension MarkupNode.Disk {
    /// The path of a file in the folder of the disk's own.
    /// - Throws: `GuestFailure` for a name with a folder in it.
    fileprivate func neighbour(_ name: String) throws -> String {
        guard let path, !name.isEmpty, !name.contains("/"), !name.contains("\0"), name != ".", name != ".." else {
            throw GuestFailure(.volumeUnavailable, "The files of snapshots lie beside the volume's and are named without a folder.")
        }
        return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/" + name
    }
}
