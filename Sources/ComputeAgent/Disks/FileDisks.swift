import CloudCore
import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Logging

/// Guests' disks as files: an image below, shared and read-only, and a qcow2 file over it that takes what the guest
/// writes.
///
///     DIR/images/_base/<sha512>.<format>     the images
///     DIR/instances/<uuid>/disk              a guest's root disk; disk.eph0, disk.eph1 … and disk.swap where it has them
///     DIR/instances/<uuid>/console.log       what its serial console printed
public final class FileDisks: GuestDiskStore {
    /// How disks are kept.
    public struct Options: Sendable {
        /// How long an image that no disk lies on is kept after its last use.
        public var imageLifetime: Duration = .seconds(86400)
        /// The file system of ephemeral disks whose request names none (default_ephemeral_format); nil for what the guest's
        /// system reads: NTFS or FAT for Windows, else ext4.
        public var ephemeralFormat: String?
        /// The longest that a tool may take over a disk.
        public var toolDeadline: Duration = .seconds(60)
        /// The longest that copying a disk into an image, or from another place, may take.
        public var copyDeadline: Duration = .seconds(3600)
        /// The longest that a file operation may take.
        public var ioDeadline: Duration = .seconds(120)
        /// The size above which a console's log is cut down to its end.
        public var consoleLimit = 1 << 20
        /// How many bytes of it are then kept.
        public var consoleKept = 256 << 10

        /// The usual way.
        public init() {}
    }

    let directory: String
    let options: Options
    let images: ImageCache
    let threads: BlockingThreads
    let logger = Logger(label: "altostack.disks")

    /// Disks in a folder, of images from a source.
    public init(directory: String, images source: any ImageSource, options: Options = Options()) {
        self.directory = directory
        self.options = options
        threads = BlockingThreads(name: "disks", threads: 2)
        images = ImageCache(
            directory: directory + "/images/_base", source: source, threads: threads, ioDeadline: options.ioDeadline)
    }

    /// Makes the folders and clears half-fetched images away.
    /// - Throws: `GuestFailure` when the folder can't be used.
    public func start() async throws {
        guard directory.hasPrefix("/") else {
            throw GuestFailure(.hypervisorError, "The folder for guests' disks must be an absolute path: \(directory)")
        }
        do {
            try await images.start()
            try await threads.run(deadline: options.ioDeadline) { [instances] in
                try FileSystem.makeDirectory(instances)
                // What a killed program left of snapshots under way.
                for id in try FileSystem.names(in: instances) {
                    for name in try FileSystem.names(in: instances + "/" + id) where name.hasPrefix(Self.capturePrefix) {
                        try FileSystem.removeFile(instances + "/" + id + "/" + name)
                    }
                }
            }
        } catch let error as FileError {
            throw GuestFailure(.hypervisorError, "The folder for guests' disks can't be used: \(error)", cause: error)
        }
    }

    /// Makes the guest's disks, fetching its image if the host hasn't got it.
    /// - Throws: `GuestFailure` with `imageUnavailable`, `diskTooSmall`, `diskFull` or `hypervisorError`.
    public func prepare(_ guest: GuestSpecification) async throws -> GuestDisks {
        try guest.check()
        if let disks = try await locate(guest) { return disks }
        let image = try await image(of: guest)
        let size = try guest.root.flatMap { root in try image.map { try rootSize(of: root, on: $0) } } ?? 0
        let folder = folder(of: guest.id)
        do {
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.makeDirectory(folder, mode: 0o711) }
            try await makeSecondDisks(of: guest)
            // The root disk last, or its absence: where it is, everything is.
            try await makeRoot(of: guest, over: image, bytes: size)
        } catch let error as FileError where error.isFull {
            throw GuestFailure(.diskFull, "The host has no room for the guest's disks.", cause: error)
        }
        return files(of: guest)
    }

    /// The guest's disks if its root disk exists.
    public func locate(_ guest: GuestSpecification) async throws -> GuestDisks? {
        try guest.check()
        let mark = folder(of: guest.id) + "/" + (guest.root == nil ? Self.rootless : "disk")
        let isThere = try await threads.run(deadline: options.ioDeadline) { FileSystem.exists(mark) }
        return isThere ? files(of: guest) : nil
    }

    /// Deletes the guest's folder, and the one that was put aside.
    public func remove(_ id: String) async throws {
        guard Identifier.isUUID(id) else { return }
        let folders = [folder(of: id), aside(id)]
        try await threads.run(deadline: options.ioDeadline) { for folder in folders { try FileSystem.removeDirectory(folder) } }
    }

    /// The size of the file system that the folder lies on.
    public func capacityGiB() async throws -> Int {
        try await threads.run(deadline: options.ioDeadline) { [directory] in try FileSystem.capacity(at: directory) >> 30 }
    }

    /// What is taken of the file system that the folder lies on.
    public func usedGiB() async throws -> Int {
        try await threads.run(deadline: options.ioDeadline) { [directory] in try FileSystem.used(at: directory) >> 30 }
    }

    /// Brings an image to the cache.
    public func cache(_ image: RootDisk) async throws -> CacheImages.Outcome {
        if try await images.holds(image) { return .existing }
        _ = try await images.image(for: image)
        return .cached
    }

    /// Cuts long console logs and deletes images that nothing has used for their lifetime.
    public func maintain() async {
        do {
            try await trimConsoles()
            try await images.purge(unusedFor: options.imageLifetime, except: try await imagesInUse())
        } catch {
            logger.notice("tidying the disks failed; it will be tried again", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Parts

    /// What the names of files of snapshots under way begin with.
    static let capturePrefix = "snapshot."
    /// The mark of a guest that boots from a volume: everything else that it needs is there.
    static let rootless = "disk.none"

    var instances: String { directory + "/instances" }
    func folder(of id: String) -> String { instances + "/" + id.lowercased() }
    /// Where the files of a guest on a cold move are until it is confirmed.
    func aside(_ id: String) -> String { folder(of: id) + Self.asideSuffix }
    /// How upstream names it too.
    static let asideSuffix = "_resize"

    func image(of guest: GuestSpecification) async throws -> CachedImage? {
        guard let root = guest.root else { return nil }
        return try await images.image(for: root)
    }

    func makeSecondDisks(of guest: GuestSpecification) async throws {
        let folder = folder(of: guest.id)
        try await makeEphemerals(of: guest)
        if guest.swapMiB > 0 { try await makeSwap(folder + "/disk.swap", megabytes: guest.swapMiB) }
    }

    func makeRoot(of guest: GuestSpecification, over image: CachedImage?, bytes: Int) async throws {
        let folder = folder(of: guest.id)
        if guest.root != nil { return try await create(folder + "/disk", over: image, bytes: bytes) }
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.write("", to: folder + "/" + Self.rootless) }
    }

    func files(of guest: GuestSpecification) -> GuestDisks {
        let folder = folder(of: guest.id)
        return GuestDisks(
            root: guest.root == nil ? nil : .init(path: folder + "/disk", format: "qcow2"),
            ephemerals: guest.ephemeralDisks.indices.map { .init(path: folder + "/" + Self.ephemeralName($0), format: "qcow2") },
            swap: guest.swapMiB > 0 ? .init(path: folder + "/disk.swap", format: "raw") : nil,
            console: folder + "/console.log")
    }

    func rootSize(of root: RootDisk, on image: CachedImage) throws -> Int {
        let wanted = root.sizeGiB << 30
        guard wanted == 0 || wanted >= image.virtualSize else {
            let needed = (image.virtualSize + (1 << 30) - 1) >> 30
            throw GuestFailure(.diskTooSmall, "The flavor's disk of \(root.sizeGiB) GiB is smaller than the image, which needs \(needed) GiB.")
        }
        return max(wanted, image.virtualSize)
    }

    /// Makes a qcow2 file under another name first, so that a disk is either there as it must be or not at all.
    func create(_ path: String, over image: CachedImage?, bytes: Int) async throws {
        let part = path + ".part"
        let backing = image.map { ["-b", $0.path, "-F", $0.format] } ?? []
        try await tool("qemu-img", ["create", "-q", "-f", "qcow2"] + backing + [part, String(bytes)], options.toolDeadline)
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.rename(part, to: path) }
    }

    /// Runs a tool on a guest's files.
    /// - Throws: `GuestFailure` with `diskFull` or `hypervisorError`; `CancellationError`.
    func tool(_ program: String, _ arguments: [String], _ deadline: Duration) async throws {
        do {
            try await Command(program: program, arguments: arguments, deadline: deadline).runSuccessfully()
        } catch let error as CommandError {
            if case .failed(_, _, let text) = error, text.contains("No space left") || text.contains("quota exceeded") {
                throw GuestFailure(.diskFull, "The host has no room for the guest's disk.", cause: error)
            }
            throw GuestFailure(.hypervisorError, "The guest's disk could not be made: \(error.summary)", cause: error)
        }
    }

    /// Copies a file without its holes, sharing blocks where the file system can; it is there whole or not at all.
    func copy(_ path: String, to target: String) async throws {
        let part = target + ".part"
        do {
            try await tool("cp", ["--reflink=auto", "--sparse=always", "--", path, part], options.copyDeadline)
            try await threads.run(deadline: options.ioDeadline) { try FileSystem.rename(part, to: target) }
        } catch {
            unlink(part)
            throw error
        }
    }

    /// A sparse file with the header that mkswap would write (Linux's union swap_header, version 1).
    func makeSwap(_ path: String, megabytes: Int) async throws {
        try await threads.run(deadline: options.ioDeadline) {
            let part = path + ".part"
            try FileSystem.removeFile(part)
            let file = try NewFile(part)
            defer { file.close() }
            let pages = megabytes * 256
            var header = [UInt8](repeating: 0, count: 4096)
            withUnsafeBytes(of: UInt32(1).littleEndian) { header.replaceSubrange(1024..<1028, with: $0) }
            withUnsafeBytes(of: UInt32(clamping: pages - 1).littleEndian) { header.replaceSubrange(1028..<1032, with: $0) }
            header.replaceSubrange(4086..<4096, with: Array("SWAPSPACE2".utf8))
            try file.write(header[...])
            guard truncate(part, off_t(megabytes << 20)) == 0 else { throw FileError(operation: "truncate \(part)", code: errno) }
            try FileSystem.rename(part, to: path)
        }
    }

    // MARK: Tidying

    /// Guests can write to their console without end. QEMU appends, so the file can be cut under it; what it writes
    /// between the reading and the cut is lost.
    private func trimConsoles() async throws {
        try await threads.run(deadline: options.ioDeadline) { [instances, options] in
            for id in try FileSystem.names(in: instances) {
                let path = instances + "/" + id + "/console.log"
                guard FileSystem.exists(path), try FileSystem.size(of: path) > options.consoleLimit else { continue }
                let end = try FileSystem.suffix(of: path, count: options.consoleKept)
                let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
                guard descriptor >= 0 else { continue }
                defer { close(descriptor) }
                guard ftruncate(descriptor, 0) == 0 else { throw FileError(operation: "truncate \(path)", code: errno) }
                _ = end.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            }
        }
    }

    /// What the headers of our own overlays name. Guests can't write there: they see what is inside.
    private func imagesInUse() async throws -> Set<String> {
        try await threads.run(deadline: options.ioDeadline) { [instances] in
            var used: Set<String> = []
            for id in try FileSystem.names(in: instances) {
                let folder = instances + "/" + id
                for name in try FileSystem.names(in: folder) where name.hasPrefix("disk") || name.hasPrefix(Self.capturePrefix) {
                    let header = QCOW2Header(try FileSystem.prefix(of: folder + "/" + name, count: QCOW2Header.prefixLength))
                    if let image = header?.backingFile { used.insert(image) }
                }
            }
            return used
        }
    }
}
