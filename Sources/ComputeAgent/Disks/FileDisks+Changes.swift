import CloudCore
import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Logging

extension FileDisks {
    /// Writes the config drive, and makes the rescue disk or deletes it.
    public func complete(_ disks: GuestDisks, of guest: GuestSpecification) async throws -> GuestDisks {
        var disks = disks
        disks.configDrive = try await writeConfigDrive(of: guest)
        disks.rescue = try await makeRescueDisk(of: guest)
        return disks
    }

    /// A drive that the guest has open stays as it is: the new one takes its name, not its place.
    private func writeConfigDrive(of guest: GuestSpecification) async throws -> GuestDisks.Disk? {
        let path = folder(of: guest.id) + "/disk.config"
        guard let drive = guest.configDrive else {
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.removeFile(path) }
            return nil
        }
        let bytes = try ConfigDriveImage.bytes(of: drive)
        do {
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.write(bytes, to: path) }
        } catch let error as FileError where error.isFull {
            throw GuestFailure(.diskFull, "The host has no room for the guest's config drive.", cause: error)
        }
        return .init(path: path, format: "raw")
    }

    private func makeRescueDisk(of guest: GuestSpecification) async throws -> GuestDisks.Disk? {
        let path = folder(of: guest.id) + "/disk.rescue"
        guard let rescue = guest.rescue else {
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.removeFile(path) }
            return nil
        }
        let image = try await images.image(for: rescue)
        let isThere = try await threads.run(deadline: options.ioDeadline) {
            guard FileSystem.exists(path) else { return false }
            return QCOW2Header(try FileSystem.prefix(of: path, count: QCOW2Header.prefixLength))?.backingFile == image.path
        }
        if !isThere { try await create(path, over: image, bytes: try rootSize(of: rescue, on: image)) }
        return .init(path: path, format: "qcow2")
    }

    /// Makes the root disk anew; the token, which is written last, says for which rebuild.
    public func rebuild(_ guest: GuestSpecification, preserveEphemeral: Bool, token: String) async throws -> GuestDisks {
        try guest.check()
        let folder = folder(of: guest.id)
        let mark = folder + "/rebuild"
        let isDone = try await threads.run(deadline: options.ioDeadline) {
            guard FileSystem.exists(mark) else { return false }
            return try FileSystem.prefix(of: mark, count: 256) == Array(token.utf8.prefix(256))
        }
        if isDone, let disks = try await locate(guest) { return disks }
        // The image first: without it the guest keeps what it has.
        let image = try await image(of: guest)
        let size = try guest.root.flatMap { root in try image.map { try rootSize(of: root, on: $0) } } ?? 0
        try await makeEphemerals(of: guest, keeping: preserveEphemeral)
        if guest.swapMiB > 0 { try await makeSwap(folder + "/disk.swap", megabytes: guest.swapMiB) }
        try await makeRoot(of: guest, over: image, bytes: size)
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.write(String(token.prefix(256)), to: mark) }
        return files(of: guest)
    }

    // MARK: Snapshots

    /// Blocks that files share are copied in a moment; all others one by one.
    public func slowCapture(_ id: String, as name: String) async throws -> SlowCapture? {
        let disk = try captured(id) + "/disk"
        let (path, copy) = (try capturePath(id, name), try capturePath(id, name) + ".disk")
        guard FileSystem.exists(disk), try await !sharesBlocks(path) else { return nil }
        // What an earlier attempt has left.
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.removeFile(copy) }
        return SlowCapture(disk: disk, copy: copy)
    }

    /// Whether files of a folder can share blocks, which is tried.
    private func sharesBlocks(_ path: String) async throws -> Bool {
        let (first, second) = (path + ".probe", path + ".probe.part")
        defer { for file in [first, second] { unlink(file) } }
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.write(String(repeating: "\0", count: 4096), to: first) }
        let probe = Command(program: "cp", arguments: ["--reflink=always", "--", first, second], deadline: options.toolDeadline)
        do { try await probe.runSuccessfully() } catch is CommandError { return false }
        return true
    }

    /// Copies the guest's own layer of its root disk.
    public func capture(_ id: String, as name: String) async throws {
        let disk = try captured(id) + "/disk"
        guard FileSystem.exists(disk) else {
            guard FileSystem.exists(folder(of: id)) else { throw GuestFailure.notFound(id) }
            throw GuestFailure(.unsupported, "The guest has no root disk of its own; its volumes are what can be copied.")
        }
        try await copy(disk, to: capturePath(id, name) + ".disk")
    }

    /// Puts the guest's layer and the image below into one file.
    public func pack(_ id: String, capture name: String, format: String) async throws -> PackedDisk {
        guard ["qcow2", "raw"].contains(format) else {
            throw GuestFailure(.unsupported, "Snapshots are made as qcow2 or raw, not as \(format).")
        }
        let base = try captured(id) + "/" + Self.capturePrefix + name
        let (disk, image) = (base + ".disk", base + ".image")
        try await tool("qemu-img", ["convert", "-q", "-f", "qcow2", "-O", format, disk, image], options.copyDeadline)
        let (size, virtualSize) = try await threads.run(deadline: options.ioDeadline) {
            let size = try FileSystem.size(of: image)
            let header = QCOW2Header(try FileSystem.prefix(of: image, count: QCOW2Header.prefixLength))
            try FileSystem.removeFile(disk)
            return (size, format == "qcow2" ? header?.virtualSize ?? size : size)
        }
        let position = FilePosition()
        return PackedDisk(size: size, virtualSize: virtualSize) { [threads, options] in
            let bytes = try await threads.run(deadline: options.ioDeadline) {
                try FileSystem.bytes(of: image, from: position.value, count: 1 << 20)
            }
            position.value += bytes.count
            return bytes.isEmpty ? nil : bytes[...]
        }
    }

    /// Deletes what a snapshot made. It runs to its end even where the snapshot was cancelled.
    public func discard(_ id: String, capture name: String) async {
        guard let folder = try? captured(id) else { return }
        let paths = [".disk", ".disk.part", ".image"].map { folder + "/" + Self.capturePrefix + name + $0 }
        await Task { [threads, options, logger] in
            do {
                try await threads.run(deadline: options.ioDeadline) { for path in paths { try FileSystem.removeFile(path) } }
            } catch {
                logger.notice("a snapshot's files could not be deleted", metadata: ["server": "\(id)", "error": "\(error)"])
            }
        }.value
    }

    private func capturePath(_ id: String, _ name: String) throws -> String { try captured(id) + "/" + Self.capturePrefix + name }

    /// The folder of a guest whose id is no path.
    private func captured(_ id: String) throws -> String {
        guard Identifier.isUUID(id) else { throw GuestFailure.notFound(id) }
        return folder(of: id)
    }
}
