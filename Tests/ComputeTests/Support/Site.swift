import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import ComputeMessages
import Foundation
import Logging
import Synchronization
import Testing

@testable import CloudWorkflow
@testable import Compute

/// Tokens of the form `role@project`, each a user of its own; `admin@…` holds the three usual roles.
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
        return TokenContext(
            userID: "user-\(parts[0])-\(parts[1])", userName: parts[0], userDomainID: "default", projectID: parts[1],
            projectName: parts[1], projectDomainID: "default", roles: roles, expiresAt: Timestamp.now + .seconds(3600))
    }
}

/// Counts the workflows that leave the runner and wakes who waits for one.
final class Departures: Sendable {
    private struct State {
        var count = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func note() {
        let waiters = state.withLock { state in
            state.count += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until more than so many have left.
    func wait(beyond seen: Int) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.count > seen { return true }
                state.waiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}

/// A cloud with compute alone: a database in a directory of its own, fakes around it, two hosts.
final class Site: Sendable {
    static let member = "member@blue"
    static let admin = "admin@ops"
    let database: SQLiteDatabase
    let bus = InProcessBus()
    let agents = FakeAgents()
    let orders = Orders()
    let volumes: FakeVolumes
    let compute: Compute
    let server: CloudServer
    let runner: WorkflowRunner
    let departures = Departures()
    private let running = Mutex<Task<Void, Never>?>(nil)

    private init(
        _ directory: URL, _ options: ComputeOptions, policy: [String: String], vendorData: (any VendorDataServices)?
    ) async throws {
        database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(WorkflowSchema.migrations)
        try await database.migrate(FakeSchema.migrations)
        try await database.migrate(Compute.migrations)
        var pace = WorkflowOptions()
        pace.retry = Backoff(initial: .milliseconds(1), maximum: .milliseconds(4))
        pace.undoRetry = pace.retry
        pace.interruptionGrace = .milliseconds(50)
        pace.didLeave = { [departures] _, _ in departures.note() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        volumes = FakeVolumes(database: database, orders: orders)
        var neighbours = ComputeNeighbours(services: FakeServices())
        neighbours.volumes = volumes
        neighbours.vendorData = vendorData
        runner = WorkflowRunner(database: database, owner: "here", options: pace, logger: logger)
        compute = Compute(
            database: database, bus: bus, workflows: runner, images: FakeImages(),
            networking: FakeNetworking(orders: orders), placement: FakePlacement(orders: orders), options: options,
            others: neighbours)
        runner.register(compute.workflows)
        let api = compute.api
        server = try CloudServer(
            services: [api], policy: try PolicyEngine(rules: api.rules, overrides: policy), authenticator: RoleTokens())
    }

    /// Runs a test on a site with a flavor and two hosts, the first with more free memory.
    /// - Parameters:
    ///   - policy: what an operator's rules say otherwise than the defaults.
    ///   - vendorData: the operator's services that tell guests more.
    static func with(
        hosts: [String] = ["host-1", "host-2"], runs: Bool = true, policy: [String: String] = [:],
        vendorData: (any VendorDataServices)? = nil, _ adjust: (inout ComputeOptions) -> Void = { _ in },
        _ body: (Site) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "compute-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var options = ComputeOptions()
        adjust(&options)
        let site = try await Site(directory, options, policy: policy, vendorData: vendorData)
        for (position, host) in hosts.enumerated() { try await site.addHost(host, memory: 32768 - position * 1024) }
        try await site.addFlavor("1", "tiny")
        if runs { site.start() }
        do {
            try await body(site)
        } catch {
            await site.stop()
            throw error
        }
        await site.stop()
    }

    /// Lets the runner work.
    func start() { running.withLock { $0 = Task { [runner] in await runner.run() } } }

    private func stop() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
        await bus.close(deadline: .seconds(1))
        await database.close()
    }

    func report(_ host: String, memory: Int = 32768, guests: [GuestStatus] = []) async throws {
        let inventory = HostInventory(
            host: host, hypervisorType: "fake", hypervisorVersion: 1_000_000, vcpus: 16, memoryMiB: memory, diskGiB: 1000,
            cpuInfo: "{}")
        try await HostReports(compute: compute.parts).record(HostReport(inventory: inventory, guests: guests))
    }

    private func addHost(_ host: String, memory: Int) async throws {
        try await report(host, memory: memory)
        _ = try await bus.serve(
            agents.service(host: host), at: BusAddress(topic: ComputeTopic.agent, host: host), concurrency: 8, queueLimit: 64)
    }

    func addFlavor(
        _ id: String, _ name: String, vcpus: Int = 1, ram: Int = 512, disk: Int = 1, ephemeral: Int = 0, isPublic: Bool = true
    ) async throws {
        let answer = await server.respond(
            .post, "/compute/v2.1/flavors", token: Self.admin,
            json: [
                "flavor": [
                    "id": .string(id), "name": .string(name), "vcpus": .int(vcpus), "ram": .int(ram), "disk": .int(disk),
                    "os-flavor-access:is_public": .bool(isPublic), "OS-FLV-EXT-DATA:ephemeral": .int(ephemeral),
                ]
            ])
        try #require(answer.status == .ok, "\(answer.text)")
    }

    /// A request below `/compute/v2.1`.
    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String? = Site.member, at version: String? = nil,
        _ json: JSON? = nil
    ) async -> TestResponse {
        var headers: HTTPFields = [:]
        if let version { headers[.openStackAPIVersion] = "compute \(version)" }
        return await server.respond(method, "/compute/v2.1" + path, token: token, headers: headers, json: json)
    }

    /// The body of a create request.
    static func request(_ name: String = "web", _ more: JSONObject = [:]) -> JSON {
        var server: JSONObject = [
            "name": .string(name), "flavorRef": "1", "imageRef": .string(FakeImages.image), "networks": "auto",
        ]
        for member in more { server[member.name] = member.value }
        return .object(["server": .object(server)])
    }

    /// Asks for a server and answers its id.
    func create(_ name: String = "web", token: String = Site.member, _ more: JSONObject = [:]) async throws -> String {
        let answer = await send(.post, "/servers", token: token, at: "2.104", Self.request(name, more))
        try #require(answer.status == .accepted, "\(answer.text)")
        return try #require(answer.json["server"]?["id"]?.string)
    }

    /// Asks for a server and waits until it is built.
    func build(_ name: String = "web", token: String = Site.member, _ more: JSONObject = [:]) async throws -> String {
        let id = try await create(name, token: token, more)
        try await settle()
        return id
    }

    func act(_ id: String, _ action: JSON, token: String = Site.member) async -> TestResponse {
        await send(.post, "/servers/\(id)/action", token: token, at: "2.104", action)
    }

    /// The server as its owner sees it.
    func show(_ id: String, token: String = Site.member, at version: String = "2.104") async -> JSON {
        await send(.get, "/servers/\(id)", token: token, at: version).json["server"] ?? .null
    }

    /// The finished actions of a server's log by name, with their results.
    func log(_ id: String) async throws -> [String: String] {
        var results: [String: String] = [:]
        let actions = try await database.read { try ActionRecords.all(server: id, in: $0) }
        for action in actions {
            results[action.action] = action.finishedAt == nil ? "open" : action.message == nil ? "Success" : "Error"
        }
        return results
    }

    /// Waits until no workflow is alive.
    func settle() async throws {
        while true {
            let seen = departures.count
            let alive: Int = try await database.read { try $0.scalar("SELECT COUNT(*) FROM workflows WHERE finished_at IS NULL") ?? 0 }
            if alive == 0 { return }
            await departures.wait(beyond: seen)
        }
    }

    func count(_ table: SQL) async throws -> Int {
        try await database.read { try $0.scalar("SELECT COUNT(*) FROM \(table)") ?? 0 }
    }

    /// Checks that nothing is claimed, no port is left and no guest runs.
    func expectCleanSlate(_ location: SourceLocation = #_sourceLocation) async throws {
        #expect(try await count("fake_claims") == 0, "claims are left", sourceLocation: location)
        #expect(try await count("fake_ports") == 0, "ports are left", sourceLocation: location)
        #expect(agents.all == [], "guests are left", sourceLocation: location)
    }
}
