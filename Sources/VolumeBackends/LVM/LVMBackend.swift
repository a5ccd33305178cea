import CloudCore
import Foundation
import VolumeMessages

/// A back end that keeps each volume, and each snapshot, in a thin logical volume of a pool, and exports them by iSCSI.
public final class LVMBackend: VolumeBackend {
    /// How a back end of LVM behaves.
    public struct Options: Sendable {
        /// The volume group.
        public var group: String
        /// The thin pool in it, which the operator has made.
        public var pool: String
        /// The name that volume types ask for; nil for the back end's own.
        public var backendName: String?
        /// How many times its size may be promised.
        public var oversubscription = 20.0
        /// Percent of its size kept free.
        public var reservedPercent = 0
        /// The folder of what is granted, an absolute path.
        public var directory: String

        /// A back end in a pool.
        public init(group: String, pool: String, directory: String) {
            (self.group, self.pool, self.directory) = (group, pool, directory)
        }
    }

    /// Its name in the settings.
    public let name: String
    let options: Options
    let volumes: LogicalVolumes
    let grants: AccessNotes
    let access: any DiskAccess
    private let devices: String
    private let tool: ImageTool

    /// A back end whose volumes a tgtd of its own exports.
    /// - Parameters:
    ///   - portal: where initiators reach it, as HOST:PORT.
    ///   - state: the folder of tgtd's socket; a short path, as sockets need it.
    public convenience init(name: String, options: Options, portal: String, state: String) {
        let devices = "/dev/" + options.group
        let daemon = TargetDaemon(directory: state, portal: portal)
        self.init(
            name: name, options: options, runner: HostCommandRunner(), devices: devices,
            access: TargetAccess(daemon: daemon, folder: devices, driver: "lvm"))
    }

    init(name: String, options: Options, runner: any CommandRunner, devices: String, access: any DiskAccess) {
        (self.name, self.options, self.devices, self.access) = (name, options, devices, access)
        volumes = LogicalVolumes(group: options.group, pool: options.pool, runner: runner)
        grants = AccessNotes(folder: options.directory + "/connections")
        tool = ImageTool(scratch: options.directory + "/scratch")
    }

    /// Looks for the pool, and ends or clears away what a killed program has left.
    public func start() async throws {
        do {
            try await Blocking.run { [grants, tool] in
                for folder in [grants.folder, tool.scratch] { try Files.makeDirectory(folder) }
            }
        } catch let error as FileError {
            throw VolumeFailure(.backendError, "The folder of the back end can't be used: \(error)", cause: error)
        }
        let found = try await volumes.all()
        guard found.contains(where: { $0.name == options.pool }) else {
            throw VolumeFailure(.backendError, "The volume group \(options.group) has no thin pool \(options.pool).")
        }
        for volume in found where volume.isPart {
            // What was to take a volume's place does so once the old one is gone.
            if let replaced = volume.replaces, !found.contains(where: { $0.name == replaced }) {
                try await replace(replaced, by: volume.name)
            } else {
                try await volumes.remove(volume.name)
            }
        }
        try await access.start(try grants.all())
    }

    /// Exports stay; what serves none ends.
    public func stop() async {
        if let granted = try? grants.all() { await access.stop(granted) }
    }

    /// The pool's room, and what its volumes may grow to.
    public func pools() async throws -> [VolumePool] {
        try await access.maintain(try grants.all())
        let found = try await volumes.all()
        let (total, free) = try room(found)
        let promised = found.filter { $0.pool == options.pool }.reduce(Int64(0)) { $0 + $1.bytes }
        let gib = Double(1 << 30)
        return [
            VolumePool(
                host: "", backend: name, pool: "", backendName: options.backendName ?? name, driver: access.names.driver,
                storageProtocol: access.names.storageProtocol, totalGiB: total / gib, freeGiB: free / gib,
                provisionedGiB: Double(promised) / gib, oversubscription: options.oversubscription,
                reservedPercent: options.reservedPercent)
        ]
    }

    private func room(_ found: [LogicalVolume]) throws -> (total: Double, free: Double) {
        guard let pool = found.first(where: { $0.name == options.pool }) else {
            throw VolumeFailure(.backendError, "The volume group \(options.group) has no thin pool \(options.pool).")
        }
        return (Double(pool.bytes), Double(pool.bytes) * (1 - pool.dataPercent / 100))
    }

    func device(_ name: String) throws -> String { devices + "/" + (try LogicalVolumes.escaped(name)) }

    /// The complete volume, or snapshot of a volume, of a name.
    func find(_ name: String, of volume: String? = nil, in found: [LogicalVolume]? = nil) async throws -> LogicalVolume? {
        let all = if let found { found } else { try await volumes.all() }
        return all.first { $0.name == name && $0.pool == options.pool && !$0.isPart && $0.snapshotOf == volume }
    }

    func existing(_ name: String, of volume: String? = nil) async throws -> LogicalVolume {
        guard let found = try await find(name, of: volume) else { throw VolumeFailure.notFound(name) }
        return found
    }

    // MARK: Volumes

    /// Whether the volume is there.
    public func holds(_ volume: VolumeSpecification) async throws -> Bool { try await find(volume.name) != nil }

    /// Makes a volume under its own name with a mark, which it loses when it is complete.
    public func create(_ volume: VolumeSpecification, _ content: BackendContent) async throws {
        // The header would take room of the disk: a volume that is a whole number of extents has none to spare.
        guard volume.encryption == nil else { throw VolumeFailure(.unsupported, "Volumes in LVM can't be encrypted.") }
        let found = try await volumes.all()
        if let present = found.first(where: { $0.name == volume.name }) {
            guard present.isPart else { return }
            try await volumes.remove(volume.name)
        }
        try await check(content, volume, found)
        do {
            try await fill(volume, content)
            try await volumes.tag(volume.name, removing: [LogicalVolume.partTag])
        } catch {
            // A start removes what can't be removed now.
            try? await volumes.remove(volume.name)
            throw error
        }
    }

    private func check(_ content: BackendContent, _ volume: VolumeSpecification, _ found: [LogicalVolume]) async throws {
        var needed = Int64(0)
        switch content {
        case .blank, .snapshot, .volume: break
        case .image(let image):
            guard image.virtualSize <= volume.bytes else {
                throw VolumeFailure(.imageUnavailable, "The image's disk of \(image.virtualSize) bytes is larger than the volume.")
            }
            guard image.format != "luks" else { throw VolumeFailure(.unsupported, "Volumes in LVM can't be encrypted.") }
            needed = try Files.sizes(of: image.path).allocated
        case .bytes(let bytes): needed = try await bytes.dataRanges().reduce(Int64(0)) { $0 + Int64($1.count) }
        }
        guard try room(found).free > Double(needed) else { throw VolumeFailure(.full, "The pool has no room for \(needed) bytes.") }
    }

    private func fill(_ volume: VolumeSpecification, _ content: BackendContent) async throws {
        let part = [LogicalVolume.partTag]
        switch content {
        case .blank: try await volumes.create(volume.name, bytes: volume.bytes, tags: part)
        case .snapshot(let snapshot): try await clone(try await existing(snapshot.name, of: snapshot.volume.name), volume, part)
        case .volume(let source): try await clone(try await existing(source.name), volume, part)
        case .image(let image):
            try await volumes.create(volume.name, bytes: volume.bytes, tags: part)
            let format = try ImageTool.name(of: image.format)
            // A new thin volume reads as zeros: the image's own zeros need not be written.
            let zeros = ["--target-is-zero", "-n", "-W"]
            try await tool.run(
                ["convert", "-q"] + zeros + ["-f", format, "-O", "raw", image.path, try device(volume.name)], deadline: tool.deadline)
        case .bytes(let bytes):
            try await volumes.create(volume.name, bytes: max(volume.bytes, bytes.size), tags: part)
            let target = try FileBytes(path: try device(volume.name), writing: true)
            try await target.fill(from: bytes)
            await target.close()
        }
    }

    private func clone(_ source: LogicalVolume, _ volume: VolumeSpecification, _ tags: [String]) async throws {
        try await volumes.snapshot(volume.name, of: source.name, tags: tags)
        if source.bytes < volume.bytes { try await volumes.extend(volume.name, to: volume.bytes) }
    }

    /// Removes a volume. The pool gives out blocks as zeros, so that nobody reads what was in it.
    public func delete(_ volume: VolumeSpecification) async throws {
        try checkFree(volume.name)
        guard try await volumes.all().contains(where: { $0.name == volume.name && $0.snapshotOf == nil }) else { return }
        try await volumes.remove(volume.name)
    }

    func checkFree(_ name: String) throws {
        guard try grants.all(of: name).isEmpty else { throw VolumeFailure(.busy, "The volume \(name) is connected.") }
    }

    /// Grows a volume that no guest has open.
    public func extend(_ volume: VolumeSpecification, isAttached: Bool) async throws -> Bool { try await grow(volume, isHeld: false) }

    /// Grows a volume whose guests are held.
    public func extendHeld(_ volume: VolumeSpecification) async throws -> Bool { try await grow(volume, isHeld: true) }

    private func grow(_ volume: VolumeSpecification, isHeld: Bool) async throws -> Bool {
        let isSmaller = try await existing(volume.name).bytes < volume.bytes
        let granted = try grants.all(of: volume.name)
        try await access.checkGrowth(granted, isHeld: isHeld)
        if isSmaller { try await volumes.extend(volume.name, to: volume.bytes) }
        try await access.resized(granted)
        return false
    }

    /// Puts a copy of the snapshot in the volume's place; a start goes on from whichever step was the last.
    public func revert(to snapshot: SnapshotSpecification) async throws {
        let volume = snapshot.volume
        try checkFree(volume.name)
        let source = try await existing(snapshot.name, of: volume.name)
        let part = "part-" + Identifier.uuid()
        try await volumes.snapshot(part, of: source.name, tags: [LogicalVolume.partTag, LogicalVolume.tag(replacing: volume.name)])
        if source.bytes < volume.bytes { try await volumes.extend(part, to: volume.bytes) }
        if try await find(volume.name) != nil { try await volumes.remove(volume.name) }
        try await replace(volume.name, by: part)
    }

    private func replace(_ name: String, by part: String) async throws {
        try await volumes.rename(part, to: name)
        try await volumes.tag(name, removing: [LogicalVolume.partTag, LogicalVolume.tag(replacing: name)])
    }
}
