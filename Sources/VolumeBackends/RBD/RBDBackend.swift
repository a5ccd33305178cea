import CloudCore
import Foundation
import Logging
import Synchronization
import VolumeMessages

/// A back end that keeps each volume as a thin image in a pool of Ceph's. Copies are clones, which share their bytes with what they
/// were made of: deleting that hides it until nothing lies on it any more.
public final class RBDBackend: VolumeBackend {
    /// How a back end in Ceph behaves.
    public struct Options: Sendable {
        /// This host's folder for notes and what is on its way, an absolute path.
        public var directory: String
        /// The pool.
        public var pool: String
        /// The cluster's configuration file.
        public var configuration = "/etc/ceph/ceph.conf"
        /// The user, without "client.".
        public var user = "altostack"
        /// The file with the user's key; nil for the one that Ceph looks for, /etc/ceph/ceph.client.USER.keyring.
        public var keyring: String?
        /// The name that volume types ask for; nil for the back end's own.
        public var backendName: String?
        /// How many times its size may be promised.
        public var oversubscription = 20.0
        /// Percent of its size kept free.
        public var reservedPercent = 0

        /// A back end in a pool.
        public init(directory: String, pool: String) { (self.directory, self.pool) = (directory, pool) }
    }

    private struct State {
        /// What all volumes may grow to, and when that was found; nil when it has changed since.
        var promised: (bytes: Int64, found: ContinuousClock.Instant)?
        var lastSweep: ContinuousClock.Instant?
        var sweep: Task<Void, Never>?
    }

    /// Its name in the settings.
    public let name: String
    let options: Options
    /// The name of the one pool, as the API shows it: that which types ask for, as with any back end that has one pool alone.
    var pool: String { options.backendName ?? name }
    let client: CephClient
    let disks: RBDDisks
    let leftovers: RBDLeftovers
    let notes: AccessNotes
    private let state = Mutex(State())
    private let logger = Logger(label: "altostack.volumes.rbd")

    private static let folders = ["connections", "leftovers", "parts"]

    /// A back end in a pool.
    public init(name: String, options: Options) {
        (self.name, self.options) = (name, options)
        client = CephClient(
            pool: options.pool, user: options.user, configuration: options.configuration,
            keyring: options.keyring ?? "/etc/ceph/ceph.client.\(options.user).keyring")
        disks = RBDDisks(client: client, tool: ImageTool(scratch: options.directory + "/parts"))
        leftovers = RBDLeftovers(folder: options.directory + "/leftovers", client: client)
        notes = AccessNotes(folder: options.directory + "/connections")
    }

    /// Sees that the cluster lets its user in, and removes what a killed program left in the pool.
    public func start() async throws {
        guard options.directory.hasPrefix("/") else {
            throw VolumeFailure(.backendError, "The folder of a back end must be an absolute path: \(options.directory)")
        }
        do {
            try await Blocking.run { [directory = options.directory] in
                for folder in Self.folders { try Files.makeDirectory("\(directory)/\(folder)") }
                for name in try Files.names(in: directory + "/parts") { try Files.remove("\(directory)/parts/\(name)") }
            }
        } catch let error as FileError {
            throw VolumeFailure(.backendError, "The folder of the back end can't be used: \(error)", cause: error)
        }
        _ = try client.key()
        _ = try await client.room()
        try await leftovers.sweep()
        state.withLock { $0.lastSweep = .now }
    }

    /// Ends what removes leftovers.
    public func stop() async {
        let sweep = state.withLock { $0.sweep }
        sweep?.cancel()
        await sweep?.value
    }

    // MARK: Pools

    /// The pool's room within its quota, and what its volumes may grow to.
    public func pools() async throws -> [VolumePool] {
        let room = try await client.room()
        let gib = Double(1 << 30)
        let found = VolumePool(
            host: "", backend: name, pool: pool, backendName: pool, driver: "rbd", storageProtocol: "ceph",
            totalGiB: Double(room.total) / gib, freeGiB: Double(room.free) / gib, provisionedGiB: Double(try await promised()) / gib,
            oversubscription: options.oversubscription, reservedPercent: options.reservedPercent)
        beginSweep()
        return [found]
    }

    /// Listing opens every image: what this program doesn't change is looked at each minute.
    private func promised() async throws -> Int64 {
        if let known = state.withLock({ $0.promised }), .now - known.found < .seconds(60) { return known.bytes }
        let images = try await client.entries().filter { $0.snapshot == nil && !$0.image.hasPrefix(RBDLeftovers.prefix) }
        let bytes = images.reduce(Int64(0)) { $0 + $1.size }
        state.withLock { $0.promised = (bytes, .now) }
        return bytes
    }

    private func beginSweep() {
        state.withLock { state in
            guard state.sweep == nil, state.lastSweep.map({ .now - $0 > .seconds(300) }) ?? true else { return }
            state.sweep = Task { [self] in
                do {
                    try await leftovers.sweep()
                } catch {
                    logger.notice("the pool's leftovers could not be looked for", metadata: ["error": "\(error)"])
                }
                self.state.withLock { ($0.sweep, $0.lastSweep) = (nil, .now) }
            }
        }
    }

    private func changed() { state.withLock { $0.promised = nil } }

    // MARK: Volumes

    /// A name that can be a volume's or snapshot's.
    func checked(_ name: String) throws -> String {
        guard (1...200).contains(name.utf8.count), !name.hasPrefix(RBDLeftovers.prefix), !name.contains(where: { "/@\0".contains($0) })
        else { throw VolumeFailure(.notFound, "\(name) can't be the name of an image.") }
        return name
    }

    func existing(_ volume: VolumeSpecification) async throws -> CephClient.Image {
        guard let image = try await client.image(try checked(volume.name)) else { throw VolumeFailure.notFound(volume.name) }
        return image
    }

    func isConnected(_ name: String) throws -> Bool { try notes.all().contains { $0.volumeName == name } }

    /// Whether the volume's image is there.
    public func holds(_ volume: VolumeSpecification) async throws -> Bool { try await client.image(try checked(volume.name)) != nil }

    /// Makes an image under another name, and gives it its own when it is complete.
    public func create(_ volume: VolumeSpecification, _ content: BackendContent) async throws {
        if try await holds(volume) { return }
        defer { changed() }
        try await leftovers.withImage { part in
            try await fill(part, for: volume, content)
            try await client.rbd(["rename", client.path(part), client.path(volume.name)])
        }
    }

    private func fill(_ part: String, for volume: VolumeSpecification, _ content: BackendContent) async throws {
        switch content {
        case .blank:
            try await disks.checkRoom(for: 0)
            try await disks.blank(part, bytes: volume.bytes, encryption: volume.encryption)
        case .snapshot(let source):
            try await disks.derive(
                part, from: try checked(source.volume.name), try checked(source.name), source.volume.encryption,
                bytes: volume.bytes, encryption: volume.encryption)
        case .volume(let source):
            _ = try await existing(source)
            try await leftovers.withMoment(of: source.name) { moment in
                try await disks.derive(
                    part, from: source.name, moment, source.encryption, bytes: volume.bytes, encryption: volume.encryption)
            }
        case .image(let image):
            try await disks.make(part, of: image, bytes: volume.bytes, encryption: volume.encryption)
        case .bytes(let bytes):
            try await disks.make(part, of: bytes, bytes: volume.bytes, isEncrypted: volume.encryption != nil)
        }
    }

    /// Hides a volume's image, and removes it where nothing lies on it.
    public func delete(_ volume: VolumeSpecification) async throws {
        guard try await holds(volume) else { return }
        let hasSnapshots = try await !snapshots(of: volume.name).isEmpty
        guard try !isConnected(volume.name), !hasSnapshots else {
            throw VolumeFailure(.busy, "The volume \(volume.name) is connected or has snapshots.")
        }
        try await waitUntilClosed(volume.name)
        defer { changed() }
        let hidden = RBDLeftovers.hidden + Identifier.uuid()
        try await client.rbd(["rename", client.path(volume.name), client.path(hidden)])
        // From here on there is no such volume; what can't be removed now is with the next sweep.
        do {
            try await leftovers.removeHidden(hidden)
        } catch let error as VolumeFailure {
            logger.notice("a deleted volume waits for its removal", metadata: ["image": "\(hidden)", "error": "\(error)"])
        }
    }

    private func snapshots(of image: String) async throws -> [CephClient.Snapshot] {
        try await client.snapshots(of: image).filter { !$0.name.hasPrefix(RBDLeftovers.prefix) }
    }

    /// A killed program has its images open for half a minute longer, as far as the cluster knows.
    private func waitUntilClosed(_ name: String) async throws {
        let end = ContinuousClock.now + .seconds(45)
        while try await client.isWatched(name) {
            guard .now < end else { throw VolumeFailure(.busy, "Somebody has the volume \(name) open.") }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// Grows a volume's image. A guest's QEMU sees the image's new size by itself, and has only to tell the guest.
    public func extend(_ volume: VolumeSpecification, isAttached: Bool) async throws -> Bool {
        _ = try await existing(volume)
        defer { changed() }
        try await disks.grow(volume.name, to: volume.bytes, isEncrypted: volume.encryption != nil)
        return false
    }

    /// Writes the snapshot's bytes over the volume's; a volume that has grown since keeps its size.
    public func revert(to snapshot: SnapshotSpecification) async throws {
        let volume = snapshot.volume
        guard try await hasSnapshot(snapshot) else { throw VolumeFailure.notFound(snapshot.name) }
        guard try !isConnected(volume.name) else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
        defer { changed() }
        try await client.rbd(["snap", "rollback", "--no-progress", client.path(volume.name, snapshot.name)], movesBytes: true)
        try await disks.grow(volume.name, to: volume.bytes, isEncrypted: volume.encryption != nil)
    }

    func hasSnapshot(_ snapshot: SnapshotSpecification) async throws -> Bool {
        let name = try checked(snapshot.name)
        return try await client.snapshots(of: try checked(snapshot.volume.name)).contains { $0.name == name }
    }
}
