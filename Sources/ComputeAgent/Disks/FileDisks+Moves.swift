import CloudCore
import ComputeMessages
import Foundation
import Glibc
import Logging

extension FileDisks {
    /// Guests' files are in a folder of this host.
    public var isShared: Bool { false }

    /// Renames the guest's folder.
    public func release(_ id: String) async throws -> [ReleasedGuest.File]? {
        guard Identifier.isUUID(id) else { return nil }
        let (folder, aside) = (folder(of: id), aside(id))
        return try await threads.run(deadline: options.ioDeadline) {
            if !FileSystem.exists(aside) {
                guard FileSystem.exists(folder) else { return nil }
                try FileSystem.rename(folder, to: aside)
            }
            return try Self.manifest(aside)
        }
    }

    /// What is in the folder that was renamed.
    public func released(_ id: String) async throws -> [ReleasedGuest.File]? {
        guard Identifier.isUUID(id) else { return nil }
        let aside = aside(id)
        return try await threads.run(deadline: options.ioDeadline) { FileSystem.exists(aside) ? try Self.manifest(aside) : nil }
    }

    /// The guests with a folder that was renamed.
    public func releasedIDs() async throws -> [String] {
        try await threads.run(deadline: options.ioDeadline) { [instances] in
            try FileSystem.names(in: instances).filter { $0.hasSuffix(Self.asideSuffix) }
                .map { String($0.dropLast(Self.asideSuffix.count)) }.filter(Identifier.isUUID).sorted()
        }
    }

    /// What a guest takes along; the rest is made anew where it goes.
    private static func isMovable(_ name: String) -> Bool { ["disk", "disk.none", "console.log"].contains(name) || isEphemeral(name) }

    private static func manifest(_ folder: String) throws -> [ReleasedGuest.File] {
        try FileSystem.names(in: folder).filter(isMovable).map { .init(name: $0, sizeBytes: try FileSystem.size(of: folder + "/" + $0)) }
    }

    /// A piece of one of these files.
    public func readReleased(_ id: String, name: String, offset: Int, length: Int) async throws -> GuestFileChunk {
        guard Identifier.isUUID(id), Self.isMovable(name) else { throw GuestFailure.notFound(id) }
        let path = aside(id) + "/" + name
        return try await threads.run(deadline: options.ioDeadline) {
            guard FileSystem.exists(path) else { throw GuestFailure.notFound(id) }
            let piece = try FileSystem.data(of: path, from: offset, count: length)
            return GuestFileChunk(offset: piece.offset, bytes: Data(piece.bytes))
        }
    }

    /// Brings the files here and makes them the guest's.
    public func receive(
        _ guest: GuestSpecification, _ files: [ReleasedGuest.File], from source: ReleasedFileReader?
    ) async throws -> GuestDisks {
        try guest.check()
        if let disks = try await locate(guest) { return disks }
        let image = try await image(of: guest)
        let folder = folder(of: guest.id)
        do {
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.makeDirectory(folder, mode: 0o711) }
            // The root disk last and complete: where it is, everything is.
            for file in files where Self.isMovable(file.name) && file.name != "disk" && file.name != Self.rootless {
                try await bring(file, of: guest.id, from: source, to: folder + "/" + file.name)
            }
            try await growEphemerals(of: guest)
            if guest.swapMiB > 0 { try await makeSwap(folder + "/disk.swap", megabytes: guest.swapMiB) }
            guard guest.root != nil, let image, let disk = files.first(where: { $0.name == "disk" }) else {
                try await makeRoot(of: guest, over: image, bytes: 0)
                return self.files(of: guest)
            }
            try await bringRoot(disk, of: guest, over: image, from: source)
        } catch let error as FileError where error.isFull {
            throw GuestFailure(.diskFull, "The host has no room for the guest's disks.", cause: error)
        }
        return self.files(of: guest)
    }

    private func bringRoot(
        _ file: ReleasedGuest.File, of guest: GuestSpecification, over image: CachedImage, from source: ReleasedFileReader?
    ) async throws {
        let path = folder(of: guest.id) + "/disk"
        let moving = path + ".moving"
        try await bring(file, of: guest.id, from: source, to: moving)
        let header = try await threads.run(deadline: options.ioDeadline) {
            QCOW2Header(try FileSystem.prefix(of: moving, count: QCOW2Header.prefixLength))
        }
        guard let header else { throw GuestFailure(.hypervisorError, "The guest's root disk arrived damaged.") }
        let wanted = (guest.root?.sizeGiB ?? 0) << 30
        guard wanted == 0 || wanted >= header.virtualSize else {
            throw GuestFailure(.diskTooSmall, "The guest's root disk is larger than the flavor's \(wanted >> 30) GiB, and disks can't shrink.")
        }
        if header.backingFile != image.path {
            // The same image under another folder's name: nothing of the disk's content changes.
            try await tool("qemu-img", ["rebase", "-q", "-u", "-f", "qcow2", "-b", image.path, "-F", image.format, moving], options.toolDeadline)
        }
        if wanted > header.virtualSize { try await tool("qemu-img", ["resize", "-q", "-f", "qcow2", moving, String(wanted)], options.toolDeadline) }
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.rename(moving, to: path) }
    }

    /// One file from this host or another.
    private func bring(
        _ file: ReleasedGuest.File, of id: String, from source: ReleasedFileReader?, to path: String
    ) async throws {
        guard let source else { return try await copy(aside(id) + "/" + file.name, to: path) }
        let part = path + ".part"
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.removeFile(part) }
        let target = try NewFile(part, mode: 0o600)
        defer { target.close() }
        var offset = 0
        while offset < file.sizeBytes {
            let piece = try await source(file.name, offset, ReadGuestFile.maximumLength)
            guard !piece.bytes.isEmpty else { break }
            guard piece.offset >= offset else { throw GuestFailure(.hypervisorError, "The guest's disk \(file.name) arrived out of order.") }
            let bytes = [UInt8](piece.bytes)
            try await threads.run(deadline: options.ioDeadline) { try target.write(bytes, at: piece.offset) }
            offset = piece.offset + bytes.count
        }
        try await threads.run(deadline: options.ioDeadline) {
            try target.resize(file.sizeBytes)
            try FileSystem.rename(part, to: path)
        }
    }

    /// Deletes the folder that was renamed.
    public func discardReleased(_ id: String) async throws {
        guard Identifier.isUUID(id) else { return }
        let aside = aside(id)
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.removeDirectory(aside) }
    }

    /// Gives the folder its name back.
    public func restoreReleased(_ id: String) async throws {
        guard Identifier.isUUID(id) else { return }
        let (folder, aside) = (folder(of: id), aside(id))
        try await threads.run(deadline: options.ioDeadline) {
            guard FileSystem.exists(aside) else { return }
            try FileSystem.removeDirectory(folder)
            try FileSystem.rename(aside, to: folder)
        }
    }

    /// Makes the disks that the source's hypervisor fills.
    public func prepareArrival(_ guest: GuestSpecification, block: Bool) async throws -> [String: Int] {
        let disks = try await prepare(guest)
        guard block, let root = disks.root else { return [:] }
        let header = try await threads.run(deadline: options.ioDeadline) {
            QCOW2Header(try FileSystem.prefix(of: root.path, count: QCOW2Header.prefixLength))
        }
        return ["disk": header?.virtualSize ?? 0]
    }

    // MARK: What is kept

    /// Writes what a guest shall be beside its disks. It may hold secrets, so it is for root alone.
    public func remember(_ record: GuestRecord) async throws {
        guard Identifier.isUUID(record.guest.id) else { return }
        let folder = folder(of: record.guest.id)
        let bytes = [UInt8](try JSONEncoder().encode(GuestRecord(guest: record.guest.withoutSecrets, runs: record.runs)))
        try await threads.run(deadline: options.ioDeadline) {
            guard FileSystem.exists(folder) else { return }
            try FileSystem.write(bytes, to: folder + "/guest.json")
        }
    }

    /// Keeps the boot in a file beside the guests' folders.
    public func noteBoot(_ id: String) async throws -> Bool {
        let path = directory + "/boot-id"
        return try await threads.run(deadline: options.ioDeadline) {
            let last = FileSystem.exists(path) ? String(decoding: try FileSystem.prefix(of: path, count: 1024), as: UTF8.self) : id
            try FileSystem.write(id, to: path)
            return last != id
        }
    }

    /// Reads what was written. What can't be read is no record: its guest is started by whoever asks for it.
    public func records() async throws -> [GuestRecord] {
        try await threads.run(deadline: options.ioDeadline) { [instances, logger] in
            try FileSystem.names(in: instances).filter(Identifier.isUUID).compactMap { id in
                guard let data = FileManager.default.contents(atPath: instances + "/" + id + "/guest.json") else { return nil }
                do { return try JSONDecoder().decode(GuestRecord.self, from: data) } catch {
                    logger.notice("a guest's record can't be read", metadata: ["server": "\(id)", "error": "\(error)"])
                    return nil
                }
            }
        }
    }
}
