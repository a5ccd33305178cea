import CloudCore
import Foundation
import HostCommands
import Synchronization
import VolumeMessages

/// A back end that keeps volumes in its mind, and in files where they shall outlive the program: the same answers, faults and
/// delays to order, no hypervisor's tools. It keeps the bytes themselves under their digests, so that a test which looks for lost
/// data would find it.
public final class SimulatedBackend: VolumeBackend {
    /// The size and pace of a simulated back end.
    public struct Options: Sendable {
        /// Its pools' names; empty for one, which is named as volume types ask for the back end.
        public var pools: [String] = []
        /// The size of each in GiB.
        public var totalGiB = 10_240.0
        /// How many times its size may be promised.
        public var oversubscription = 20.0
        /// The name that volume types ask for; nil for the back end's own.
        public var backendName: String?
        /// How long operations take; those not listed take no time.
        public var latencies: [SimulatedStorageOperation: Duration] = [:]
        /// Whether compute hosts have to write snapshots of attached volumes and to resize those themselves, as with files.
        public var needsHypervisor = false
        /// A folder in which volumes outlive the program; nil to forget them with it.
        public var directory: String?

        /// A large back end without delays.
        public init() {}
    }

    struct State {
        var volumes: [String: SimulatedVolume] = [:]
    }

    /// Its name in the settings.
    public let name: String
    /// The faults ordered for this back end.
    public let faults = SimulatedStorageFaults()
    let options: Options
    let chunks: SimulatedChunks
    let state = Mutex(State())

    private var poolNames: [String] { options.pools.isEmpty ? [options.backendName ?? name] : options.pools }

    /// The pool of a name; the first where none is named.
    func pool(_ wanted: String) -> String { wanted.isEmpty ? poolNames[0] : wanted }

    /// A back end.
    public init(name: String, options: Options = Options()) {
        (self.name, self.options) = (name, options)
        chunks = SimulatedChunks(folder: options.directory.map { $0 + "/pieces" })
    }

    /// Finds the volumes that outlived the last program, if there is a folder for that.
    public func start() async throws {
        guard let directory = options.directory else { return }
        do {
            let folder = directory + "/volumes"
            try Files.makeDirectory(folder)
            let found = try Files.names(in: folder).filter { $0.hasSuffix(".json") }.map { name in
                try JSONDecoder().decode(SimulatedVolume.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
            }
            try chunks.start(keeping: found.reduce(into: []) { $0.formUnion($1.names) })
            state.withLock { $0.volumes = Dictionary(found.map { ($0.name, $0) }) { _, last in last } }
        } catch {
            throw VolumeFailure(.backendError, "The simulated back end's folder \(directory) can't be read.", cause: error)
        }
    }

    /// Nothing is held open.
    public func stop() async {}

    /// What the options say, less what volumes hold.
    public func pools() async throws -> [VolumePool] {
        try await perform(.pools) { state in
            poolNames.map { pool in
                let here = state.volumes.values.filter { $0.pool == pool }
                let taken = here.reduce(0) { $0 + $1.names.count } << 20
                return VolumePool(
                    host: "", backend: name, pool: pool, backendName: options.backendName ?? name, driver: "simulated",
                    storageProtocol: "file", totalGiB: options.totalGiB, freeGiB: options.totalGiB - Double(taken) / Double(1 << 30),
                    provisionedGiB: here.reduce(0) { $0 + Double($1.content.size) / Double(1 << 30) },
                    oversubscription: options.oversubscription)
            }
        }
    }

    // MARK: Volumes

    /// Whether a volume is there.
    public func holds(_ volume: VolumeSpecification) async throws -> Bool { state.withLock { $0.volumes[volume.name] != nil } }

    /// Makes a volume.
    public func create(_ volume: VolumeSpecification, _ content: BackendContent) async throws {
        try await perform(.create, on: volume.name) { _ in }
        if state.withLock({ $0.volumes[volume.name] }) != nil { return }
        let pool = pool(volume.pool)
        guard poolNames.contains(pool) else {
            throw VolumeFailure(.notFound, "The back end \(name) has no pool \(pool).")
        }
        try checkRoom(for: volume)
        let made: SimulatedContent
        switch content {
        case .blank: made = SimulatedContent(size: volume.bytes)
        case .snapshot(let snapshot): made = try read(snapshot).grown(to: volume.bytes)
        case .volume(let source): made = try existing(source.name).content.grown(to: volume.bytes)
        case .image(let image): made = try await fill(volume.bytes, from: image)
        case .bytes(let bytes): made = try await fill(max(volume.bytes, bytes.size), from: bytes)
        }
        let new = SimulatedVolume(name: volume.name, pool: pool, content: made, keyID: volume.encryption?.keyID)
        try keep(volume.name) { $0 = new }
    }

    private func checkRoom(for volume: VolumeSpecification) throws {
        let pool = pool(volume.pool)
        let promised = state.withLock { state in
            state.volumes.values.reduce(0) { $1.pool == pool ? $0 + Double($1.content.size) : $0 } / Double(1 << 30)
        }
        guard promised + Double(volume.sizeGiB) <= options.totalGiB * options.oversubscription else {
            throw VolumeFailure(.full, "The back end \(name) has no room for \(volume.sizeGiB) GiB.")
        }
    }

    private func fill(_ size: Int64, from image: ImageFile) async throws -> SimulatedContent {
        let raw = try await ImageTool(scratch: Files.folder(of: image.path)).raw(of: image)
        defer { if raw != image.path { unlink(raw) } }
        return try await fill(size, from: FileBytes(path: raw, size: image.virtualSize))
    }

    /// Bytes that no volume holds yet may be forgotten together with another's: the last step keeps them again.
    private func fill(_ size: Int64, from source: any VolumeBytes) async throws -> SimulatedContent {
        guard source.size <= size else {
            throw VolumeFailure(.imageUnavailable, "The image's disk of \(source.size) bytes is larger than the volume.")
        }
        let scratch = "filling-" + Identifier.passing()
        let new = SimulatedVolume(name: scratch, pool: Self.scratchPool, content: SimulatedContent(size: size))
        state.withLock { $0.volumes[scratch] = new }
        defer { state.withLock { $0.volumes[scratch] = nil } }
        try await SimulatedBytes(backend: self, volume: scratch, snapshot: nil, size: size).fill(from: source)
        return try existing(scratch).content
    }

    /// Removes a volume.
    public func delete(_ volume: VolumeSpecification) async throws {
        try await perform(.delete, on: volume.name) { state in
            guard let gone = state.volumes[volume.name] else { return }
            guard gone.attachments.isEmpty else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
            if let path = path(of: volume.name) { try Files.remove(path) }
            state.volumes[volume.name] = nil
            try forget(gone.names, in: state)
        }
    }

    /// Grows a volume.
    public func extend(_ volume: VolumeSpecification, isAttached: Bool) async throws -> Bool {
        try await perform(.extend, on: volume.name) { state in
            try change(volume.name, in: &state) { $0.content = $0.content.grown(to: volume.bytes) }
            return isAttached && options.needsHypervisor
        }
    }

    /// Sets a volume back.
    public func revert(to snapshot: SnapshotSpecification) async throws {
        try await perform(.revert, on: snapshot.volume.name) { state in
            guard let volume = state.volumes[snapshot.volume.name] else { throw VolumeFailure.notFound(snapshot.volume.name) }
            guard let content = volume.snapshots[snapshot.name] else { throw VolumeFailure.notFound(snapshot.name) }
            guard volume.attachments.isEmpty else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
            let before = volume.content.names
            try change(volume.name, in: &state) { $0.content = content.grown(to: snapshot.volume.bytes) }
            try forget(before, in: state)
        }
    }

    // MARK: Parts

    /// The pool of volumes that are being filled: not one that anybody sees.
    static let scratchPool = "\u{0}filling"

    func existing(_ name: String) throws -> SimulatedVolume {
        guard let volume = state.withLock({ $0.volumes[name] }) else { throw VolumeFailure.notFound(name) }
        return volume
    }

    func read(_ snapshot: SnapshotSpecification) throws -> SimulatedContent {
        guard let content = try existing(snapshot.volume.name).snapshots[snapshot.name] else {
            throw VolumeFailure.notFound(snapshot.name)
        }
        return content
    }

    private func path(of name: String) -> String? {
        // Names of volumes that were taken over are the administrator's; those of files are not.
        options.directory.map { "\($0)/volumes/\(Hexadecimal.text(Array(name.utf8))).json" }
    }

    private func keep(_ name: String, _ body: (inout SimulatedVolume?) -> Void) throws {
        try state.withLock { state in
            body(&state.volumes[name])
            try save(state.volumes[name])
        }
    }

    /// Changes a volume, on disk too.
    func change(_ name: String, in state: inout State, _ body: (inout SimulatedVolume) throws -> Void) throws {
        guard var volume = state.volumes[name] else { throw VolumeFailure.notFound(name) }
        try body(&volume)
        guard volume != state.volumes[name] else { return }
        try save(volume)
        state.volumes[name] = volume
    }

    private func save(_ volume: SimulatedVolume?) throws {
        guard let volume, volume.pool != Self.scratchPool, let path = path(of: volume.name) else { return }
        try Files.replace(path, with: [UInt8](JSONEncoder().encode(volume)))
    }

    /// Moves a volume to another name, on disk too: the new file first, and the name in it decides.
    func move(_ name: String, to newName: String, in state: inout State) throws {
        guard var volume = state.volumes[name] else { throw VolumeFailure.notFound(name) }
        volume.name = newName
        try save(volume)
        state.volumes[newName] = volume
        state.volumes[name] = nil
        if let path = path(of: name) { try Files.remove(path) }
    }

    /// Forgets pieces that no volume holds any more.
    func forget(_ names: Set<String>, in state: State) throws {
        guard !names.isEmpty else { return }
        try chunks.forget(names, except: state.volumes.values.reduce(into: []) { $0.formUnion($1.names) })
    }

    /// Does an operation under the lock, after whatever delay or fault is ordered for it.
    func perform<Value>(
        _ operation: SimulatedStorageOperation, on name: String = "", _ body: (inout State) throws -> Value
    ) async throws -> Value {
        let effect = faults.strike(operation)
        if let latency = options.latencies[operation], latency > .zero { try await Task.sleep(for: latency) }
        switch effect {
        case .fail(let code, let message): throw VolumeFailure(code, message)
        case .failAfterwards(let code, let message):
            _ = try state.withLock { try body(&$0) }
            throw VolumeFailure(code, message)
        case .hang: try await Task.sleep(for: .seconds(365 * 86400))
        case .delay(let duration): try await Task.sleep(for: duration)
        case nil: break
        }
        return try state.withLock { try body(&$0) }
    }
}

extension SimulatedContent {
    /// The same with room behind it; never smaller.
    func grown(to size: Int64) -> SimulatedContent {
        var content = self
        content.size = max(size, self.size)
        return content
    }
}
