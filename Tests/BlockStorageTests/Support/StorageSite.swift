import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import Foundation
import Logging
import Synchronization
import Testing
import VolumeMessages

@testable import BlockStorage
@testable import CloudWorkflow

/// Tokens of the form `role@project`, each a user of its own; `admin@…` holds the three usual roles, and `…@none` is of no project.
struct RoleTokens: TokenAuthenticator {
    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let parts = token.reveal().split(separator: "@").map(String.init)
        guard parts.count == 2 else { return nil }
        let roles: [String] = switch parts[0] {
        case "admin": ["admin", "member", "reader"]
        case "member": ["member", "reader"]
        case "reader": ["reader"]
        default: []
        }
        let project = parts[1] == "none" ? nil : parts[1]
        return TokenContext(
            userID: "user-\(parts[0])", userName: parts[0], userDomainID: "default", projectID: project, projectName: project,
            projectDomainID: "default", roles: roles, expiresAt: Timestamp.now + .seconds(3600))
    }
}

/// A storage host whose volumes are names in a set.
final class FakeStorageHost: Sendable {
    private struct State {
        var volumes: Set<String> = []
        var snapshots: Set<String> = []
        var connections: [String: String] = [:]
        var failures: [String: VolumeFailureCode] = [:]
        var held: Set<String> = []
        var keys: [String: String] = [:]
        var overwritten: [String: String] = [:]
    }
    private let state = Mutex(State())

    var volumes: Set<String> { state.withLock { $0.volumes } }
    var snapshots: Set<String> { state.withLock { $0.snapshots } }
    /// Attachments' ids and the volumes that they lead to.
    var connections: [String: String] { state.withLock { $0.connections } }

    /// Copies' names and the keys that they are encrypted under.
    var keys: [String: String] { state.withLock { $0.keys } }
    /// Volumes that others' bytes were written over, and those others.
    var overwritten: [String: String] { state.withLock { $0.overwritten } }

    /// From now on a method fails.
    func fail(_ method: String, _ code: VolumeFailureCode?) { state.withLock { $0.failures[method] = code } }

    /// From now on a method does not end until it is interrupted or let go.
    func hold(_ method: String, _ isHeld: Bool = true) {
        state.withLock { state in
            if isHeld { state.held.insert(method) } else { state.held.remove(method) }
        }
    }

    private func wait(_ method: String) async throws {
        while state.withLock({ $0.held.contains(method) }) { try await Task.sleep(for: .milliseconds(2)) }
    }

    /// Whether there is what a volume shall be made of.
    private func holds(_ content: VolumeContent) -> Bool {
        state.withLock { state in
            switch content {
            case .snapshot(let snapshot): state.snapshots.contains(snapshot.name)
            case .volume(let source): state.volumes.contains(source.name)
            default: true
            }
        }
    }

    /// Makes a connection that no attachment knows of.
    func connect(_ attachment: String, _ volume: String) { state.withLock { $0.connections[attachment] = volume } }

    private func perform<Answer>(_ method: String, _ body: (inout State) -> Answer) throws -> Answer {
        try state.withLock { state in
            if let code = state.failures[method] { throw BusFailure(code: code.rawValue, message: "ordered to fail") }
            return body(&state)
        }
    }

    var service: BusService {
        var service = BusService()
        service.on(CreateVolume.self) { [self] request, _ in
            try await wait(CreateVolume.method)
            guard holds(request.content) else {
                throw BusFailure(code: VolumeFailureCode.notFound.rawValue, message: "what it is made of is gone")
            }
            try perform(CreateVolume.method) { _ = $0.volumes.insert(request.volume.name) }
            return BusNothing()
        }
        service.on(DeleteVolume.self) { [self] request, _ in
            try await wait(DeleteVolume.method)
            try perform(DeleteVolume.method) { _ = $0.volumes.remove(request.volume.name) }
            return BusNothing()
        }
        service.on(CopyVolume.self) { [self] request, _ in
            try perform(CopyVolume.method) { state in
                state.volumes.insert(request.target.name)
                state.keys[request.target.name] = request.target.encryption?.keyID
            }
            return BusNothing()
        }
        service.on(OverwriteVolume.self) { [self] request, _ in
            try perform(OverwriteVolume.method) { $0.overwritten[request.volume.name] = request.source.name }
            return BusNothing()
        }
        service.on(ExtendVolume.self) { [self] _, _ in
            try await wait(ExtendVolume.method)
            try perform(ExtendVolume.method) { _ in }
            return ExtendVolume.Reply(needsHypervisor: false)
        }
        service.on(CreateSnapshot.self) { [self] request, _ in
            try await wait(CreateSnapshot.method)
            try perform(CreateSnapshot.method) { _ = $0.snapshots.insert(request.snapshot.name) }
            return CreateSnapshot.Reply()
        }
        service.on(DeleteSnapshot.self) { [self] request, _ in
            try perform(DeleteSnapshot.method) { _ = $0.snapshots.remove(request.snapshot.name) }
            return BusNothing()
        }
        service.on(RevertVolume.self) { [self] _, _ in
            try perform(RevertVolume.method) { _ in }
            return BusNothing()
        }
        service.on(ConnectVolume.self) { [self] request, _ in
            try perform(ConnectVolume.method) { $0.connections[request.attachmentID] = request.volume.name }
            return .iscsi(portals: ["10.0.0.1:3260"], iqn: "iqn.x:\(request.volume.name)", lun: 1, user: "chap", password: "chap-word")
        }
        service.on(DisconnectVolume.self) { [self] request, _ in
            try perform(DisconnectVolume.method) { $0.connections[request.attachmentID] = nil }
            return BusNothing()
        }
        service.on(ListConnections.self) { [self] _, _ in
            connections.map { ListConnections.Connected(backend: "fast", volumeName: $0.value, attachmentID: $0.key) }
        }
        return service
    }
}

/// Keys whose passphrases are their ids.
final class NamedKeys: VolumeKeys {
    private let known = Mutex<Set<String>>([])

    var all: Set<String> { known.withLock { $0 } }

    /// A key is there once the transaction that makes it is.
    private func add(_ id: String, _ transaction: any Transaction) {
        transaction.onCommit { [self] in known.withLock { _ = $0.insert(id) } }
    }

    func makeKey(
        _ id: String, algorithm: String, bits: Int?, for token: TokenContext, in transaction: any Transaction
    ) throws { add(id, transaction) }
    func passphrase(_ id: String) async throws -> Secret<String> {
        guard all.contains(id) else { throw VolumeNeighbourMissing("There is no key \(id).") }
        return Secret(id)
    }
    func copyKey(_ source: String, to id: String, of projectID: String?, in transaction: any Transaction) throws {
        add(id, transaction)
    }
    func deleteKey(_ id: String) async throws { known.withLock { _ = $0.remove(id) } }
    func giveKey(_ id: String, to token: TokenContext) async throws {}
}

/// No images but those that a test puts in.
final class FewImages: VolumeImages {
    private let images = Mutex<[String: VolumeImage]>([:])
    func add(_ id: String, properties: [String: String]) {
        let image = VolumeImage(
            id: id, name: nil, status: "active", diskFormat: "raw", containerFormat: "bare", sizeBytes: 512, virtualSizeBytes: 512,
            minDiskGiB: 0, minMemoryMiB: 0, checksum: nil, sha512: nil, properties: properties)
        images.withLock { $0[id] = image }
    }
    func image(_ id: String, for token: TokenContext) async throws -> VolumeImage? { images.withLock { $0[id] } }
    func images(named name: String, for token: TokenContext) async throws -> [String] { [] }
}

struct AnyProject: VolumeIdentity {
    func projectExists(_ id: String) async throws -> Bool { true }
}

/// A cloud with block storage alone: a database in a directory of its own, and two storage hosts, the first with more room.
final class StorageSite: Sendable {
    static let member = "member@blue"
    static let admin = "admin@ops"
    let database: SQLiteDatabase
    let bus = InProcessBus()
    let hosts = ["one": FakeStorageHost(), "two": FakeStorageHost()]
    let storage: BlockStorage
    let server: CloudServer
    let runner: WorkflowRunner
    let keys = NamedKeys()
    let images = FewImages()
    private let left = Mutex<(count: Int, waiters: [CheckedContinuation<Void, Never>])>((0, []))
    private let running = Mutex<Task<Void, Never>?>(nil)

    private init(_ directory: URL, _ options: BlockStorageOptions, _ servers: any VolumeServers) async throws {
        database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(WorkflowSchema.migrations)
        try await database.migrate(BlockStorage.migrations)
        var pace = WorkflowOptions()
        pace.retry = Backoff(initial: .milliseconds(1), maximum: .milliseconds(4))
        pace.undoRetry = pace.retry
        let departure = Departure()
        pace.didLeave = { _, _ in departure.note() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        runner = WorkflowRunner(database: database, owner: "here", options: pace, logger: logger)
        storage = BlockStorage(
            database: database, bus: bus, workflows: runner,
            neighbours: VolumeNeighbours(images: images, identity: AnyProject(), keys: keys, servers: servers),
            options: options)
        runner.register(storage.workflows)
        server = try CloudServer(services: [storage.api], authenticator: RoleTokens())
        departure.connect { [weak self] in self?.note() }
    }

    /// Carries the news of a workflow's end to the site that it was made for.
    private final class Departure: Sendable {
        private let action = Mutex<(@Sendable () -> Void)?>(nil)
        func connect(_ action: @escaping @Sendable () -> Void) { self.action.withLock { $0 = action } }
        func note() { action.withLock { $0 }?() }
    }

    private func note() {
        let waiters = left.withLock { state in
            state.count += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    static func with(
        servers: any VolumeServers = AbsentServers(), _ adjust: (inout BlockStorageOptions) -> Void = { _ in },
        _ body: (StorageSite) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "block-storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var options = BlockStorageOptions()
        adjust(&options)
        let site = try await StorageSite(directory, options, servers)
        for (name, host) in site.hosts {
            try await VolumeReports(storage: site.storage.parts).record(
                VolumeHostReport(host: name, pools: [pool(name, free: name == "one" ? 200 : 100)]))
            _ = try await site.bus.serve(
                host.service, at: BusAddress(topic: VolumeTopic.agent, host: name), concurrency: 8, queueLimit: 64)
        }
        site.running.withLock { $0 = Task { [runner = site.runner] in await runner.run() } }
        do {
            try await body(site)
        } catch {
            await site.stop()
            throw error
        }
        await site.stop()
    }

    /// A pool of 1000 GiB that promises no more than it has.
    static func pool(_ host: String, free: Double, thin: Bool = false, capabilities: [String: String] = [:]) -> VolumePool {
        VolumePool(
            host: host, backend: "fast", pool: "", backendName: "fast", driver: "simulated", storageProtocol: "simulated", totalGiB: 1000,
            freeGiB: free, provisionedGiB: 1000 - free, oversubscription: 2, isThin: thin, capabilities: capabilities)
    }

    private func stop() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
        await bus.close(deadline: .seconds(1))
        await database.close()
    }

    /// A request below `/volume/v3`.
    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String = StorageSite.member, at version: String = "3.71", _ json: JSON? = nil
    ) async -> TestResponse {
        await server.respond(method, "/volume/v3" + path, token: token, headers: [.openStackAPIVersion: "volume \(version)"], json: json)
    }

    /// Waits until no workflow is alive.
    func settle() async throws {
        while true {
            let seen = left.withLock { $0.count }
            let alive: Int = try await database.read { try $0.scalar("SELECT COUNT(*) FROM workflows WHERE finished_at IS NULL") ?? 0 }
            if alive == 0 { return }
            await withCheckedContinuation { continuation in
                let isOver = left.withLock { state in
                    if state.count > seen { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        }
    }

    func volume(_ id: String) async throws -> Volume? { try await database.read { try VolumeRecords.find(id, in: $0) } }

    /// Makes a volume and waits until it is there.
    func makeVolume(_ more: JSONObject = [:]) async throws -> String {
        var body: JSONObject = ["size": 1]
        for (name, value) in more { body[name] = value }
        let answer = await send(.post, "/volumes", ["volume": .object(body)])
        try #require(answer.status == .accepted, "\(answer.text)")
        let id = try #require(answer.json["volume"]?["id"]?.string)
        try await settle()
        return id
    }
}
