import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import Foundation
import NetworkMessages
import Synchronization
import Testing

@testable import Networking

/// Tokens that say whom they are for: `project:role,role`.
private struct NamedTokens: TokenAuthenticator {
    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let parts = token.reveal().split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        return TokenContext(
            userID: "user-of-\(parts[0])", userName: "user", userDomainID: "default", projectID: parts[0],
            roles: parts[1].split(separator: ",").map(String.init), expiresAt: .now + .seconds(3600))
    }
}

/// A data plane that remembers what it was told.
final class RecordingPlane: Sendable {
    private let state = Mutex<(entities: [TopologyKey: TopologyEntity], calls: Int, complete: Int, failures: Int)>(([:], 0, 0, 0))

    var entities: [TopologyKey: TopologyEntity] { state.withLock { $0.entities } }
    var calls: Int { state.withLock { $0.calls } }
    var completeCalls: Int { state.withLock { $0.complete } }

    /// Makes the next so many messages fail.
    func failNext(_ count: Int) { state.withLock { $0.failures = count } }

    /// Refuses messages with entities that this picks, as the real one does what cannot be true.
    func refuse(_ pick: @escaping @Sendable (TopologyEntity) -> Bool) { unwanted.withLock { $0 = pick } }
    private let unwanted = Mutex<@Sendable (TopologyEntity) -> Bool>({ _ in false })

    /// Forgets everything, as a data plane that was wiped.
    func wipe() { state.withLock { $0.entities = [:] } }

    var service: BusService {
        var service = BusService()
        service.on(ApplyTopology.self) { request, _ in try self.apply(request) }
        return service
    }

    private func apply(_ request: ApplyTopology) throws -> TopologyReport {
        let unwanted = unwanted.withLock { $0 }
        return try state.withLock { state in
            guard !request.entities.contains(where: unwanted) else { throw BusFailure(code: "topology_invalid", message: "no") }
            guard state.failures == 0 else {
                state.failures -= 1
                throw BusFailure(code: "test", message: "told to fail")
            }
            let before = state.entities
            if request.complete { state.entities = [:] }
            for entity in request.entities { state.entities[entity.key] = entity }
            for key in request.removed { state.entities[key] = nil }
            state.calls += 1
            if request.complete { state.complete += 1 }
            let inserted = state.entities.keys.filter { before[$0] == nil }.count
            let deleted = before.keys.filter { state.entities[$0] == nil }.count
            return TopologyReport(inserted: inserted, updated: 0, deleted: deleted)
        }
    }

    func network(_ id: String) -> LogicalNetwork? {
        if case .network(let network) = entities[TopologyKey(kind: .network, id: id)] { network } else { nil }
    }
    func port(_ id: String) -> LogicalPort? {
        if case .port(let port) = entities[TopologyKey(kind: .port, id: id)] { port } else { nil }
    }
    func router(_ id: String) -> LogicalRouter? {
        if case .router(let router) = entities[TopologyKey(kind: .router, id: id)] { router } else { nil }
    }
    func group(_ id: String) -> LogicalSecurityGroup? {
        if case .securityGroup(let group) = entities[TopologyKey(kind: .securityGroup, id: id)] { group } else { nil }
    }
}

/// Networking behind an HTTP front without sockets, over a database and a bus of its own.
struct TestCloud: Sendable {
    let database: SQLiteDatabase
    let bus: InProcessBus
    let plane: RecordingPlane
    let service: Networking
    let server: CloudServer

    static let admin = "admin:admin,manager,member,reader"
    static let alice = "alice:member,reader"
    static let bob = "bob:member,reader"

    /// Runs a test against a fresh cloud.
    static func with(
        _ change: (inout NetworkingOptions) -> Void = { _ in }, _ body: (TestCloud) async throws -> Void
    ) async throws {
        var options = NetworkingOptions()
        options.physicalNetworks = [PhysicalNetwork(label: "physnet1", vlans: 100...110)]
        change(&options)
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let database = try SQLiteDatabase(path: folder.appending(path: "cloud.sqlite").path)
        try await database.migrate(Networking.migrations)
        let (bus, plane) = (InProcessBus(), RecordingPlane())
        _ = try await bus.serve(plane.service, at: BusAddress(topic: NetworkTopic.plane), concurrency: 4, queueLimit: 100)
        let service = Networking(database: database, bus: bus, options: options)
        var controller = BusService()
        service.listen(on: &controller)
        _ = try await bus.serve(controller, at: BusAddress(topic: NetworkTopic.controller), concurrency: 4, queueLimit: 100)
        let api = service.api
        let server = try CloudServer(
            services: [api], policy: try PolicyEngine(rules: api.rules, kinds: Networking.policyChecks),
            authenticator: NamedTokens())
        let cloud = TestCloud(database: database, bus: bus, plane: plane, service: service, server: server)
        do {
            try await body(cloud)
        } catch {
            await cloud.close()
            throw error
        }
        await cloud.close()
    }

    private func close() async {
        await bus.close(deadline: .seconds(1))
        await database.close()
    }

    /// Runs a part of a test with the reconcilers running.
    func reconciling<Result>(_ body: () async throws -> Result) async throws -> Result {
        let loop = ReconcilerLoop(service.reconcilers)
        service.connect(signal: loop.signal)
        let task = Task { await loop.run() }
        do {
            let result = try await body()
            task.cancel()
            await task.value
            return result
        } catch {
            task.cancel()
            await task.value
            throw error
        }
    }

    /// Waits until nothing is pending for the data plane.
    func settled() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try await database.read({ try TopologyChangeRecords.all(in: $0).isEmpty }), plane.completeCalls > 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("the data plane did not settle")
    }

    /// Sends a request and checks its status.
    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ token: String = alice, _ body: JSON? = nil, headers: HTTPFields = [:],
        expect status: HTTPResponse.Status? = nil, at location: SourceLocation = #_sourceLocation
    ) async -> JSON {
        let response = await server.respond(method, "/network/v2.0/\(path)", token: token, headers: headers, json: body)
        let expected: HTTPResponse.Status =
            status ?? (method == .post ? .created : method == .delete ? .noContent : .ok)
        #expect(response.status == expected, "\(method) \(path): \(response.text)", sourceLocation: location)
        return response.json
    }

    /// Sends a request that must be refused, and checks the status and Neutron's type of the error.
    func refuse(
        _ method: HTTPRequest.Method, _ path: String, _ token: String = alice, _ body: JSON? = nil,
        _ status: HTTPResponse.Status, _ type: String, at location: SourceLocation = #_sourceLocation
    ) async {
        let json = await send(method, path, token, body, expect: status, at: location)
        #expect(json["NeutronError"]?["type"]?.string == type, "\(json)", sourceLocation: location)
        #expect(json["NeutronError"]?["detail"] == "", sourceLocation: location)
    }

    func network(_ token: String = alice, _ members: JSONObject = [:]) async -> String {
        await send(.post, "networks", token, ["network": .object(members)])["network"]?["id"]?.string ?? ""
    }

    func subnet(
        _ network: String, _ cidr: String = "10.0.0.0/24", _ token: String = alice, _ members: JSONObject = [:]
    ) async -> String {
        var subnet: JSONObject = ["network_id": .string(network), "cidr": .string(cidr), "ip_version": cidr.contains(":") ? 6 : 4]
        for member in members { subnet[member.name] = member.value }
        return await send(.post, "subnets", token, ["subnet": .object(subnet)])["subnet"]?["id"]?.string ?? ""
    }

    func port(_ network: String, _ token: String = alice, _ members: JSONObject = [:]) async -> JSON {
        var port: JSONObject = ["network_id": .string(network)]
        for member in members { port[member.name] = member.value }
        return await send(.post, "ports", token, ["port": .object(port)])["port"] ?? .null
    }

    /// An external network with a range for floating IPs.
    func external() async -> String {
        let network = await network(Self.admin, [
            "name": "public", "router:external": true, "provider:network_type": "flat", "provider:physical_network": "physnet1",
        ])
        _ = await subnet(network, "198.51.100.0/24", Self.admin, ["enable_dhcp": false])
        return network
    }
}

extension JSON {
    /// The texts of one member of each element.
    func texts(_ name: String) -> [String] { (array ?? []).compactMap { $0[name]?.string } }
    /// The id.
    var id: String { self["id"]?.string ?? "" }
    /// The addresses of a port.
    var addresses: [String] { (self["fixed_ips"] ?? .null).texts("ip_address") }
}

extension TestCloud {
    /// The routers as the data plane is told of them.
    func projectedRouters() async throws -> [LogicalRouter] {
        try await database.read { try TopologySnapshot(completeIn: $0) }.entities.compactMap { entity in
            if case .router(let router) = entity { router } else { nil }
        }
    }
}
