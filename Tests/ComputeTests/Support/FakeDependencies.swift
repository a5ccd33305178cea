import CloudAPI
import CloudCore
import CloudStore
import Synchronization

@testable import Compute

/// What a fake is told to do wrong, and what it does before it answers.
final class Orders: Sendable {
    typealias Hook = @Sendable (_ host: String) async throws -> Void
    private let hooks = Mutex<[String: Hook]>([:])
    private let failures = Mutex<[String: any Error]>([:])

    /// Runs before the named call is carried out; what it throws, the call throws.
    func before(_ name: String, _ hook: @escaping Hook) { hooks.withLock { $0[name] = hook } }
    /// Makes the named call throw from now on.
    func fail(_ name: String, with error: any Error) { failures.withLock { $0[name] = error } }
    /// Lets everything work again.
    func clear() {
        hooks.withLock { $0 = [:] }
        failures.withLock { $0 = [:] }
    }

    /// Asks for the orders of a synchronous call.
    func check(_ name: String) throws {
        if let error = failures.withLock({ $0[name] }) { throw error }
    }

    /// Asks for the orders of an asynchronous call.
    func run(_ name: String, host: String = "") async throws {
        if let hook = hooks.withLock({ $0[name] }) { try await hook(host) }
        try check(name)
    }
}

struct Unlucky: Error, Equatable {}

/// The tables of the services that compute depends on.
enum FakeSchema {
    static let migrations = MigrationSet(module: "fakes", [
        Migration(1, "fakes", [
            "CREATE TABLE fake_claims (server_id TEXT PRIMARY KEY, provider TEXT NOT NULL, vcpus BIGINT NOT NULL, memory BIGINT NOT NULL)",
            "CREATE TABLE fake_providers (id TEXT PRIMARY KEY, name TEXT NOT NULL, vcpus BIGINT NOT NULL, memory BIGINT NOT NULL)",
            """
            CREATE TABLE fake_ports (id TEXT PRIMARY KEY, server_id TEXT NOT NULL, network_id TEXT NOT NULL, host TEXT NOT NULL,
                address TEXT NOT NULL)
            """,
        ]),
        FakeImages.migration,
        FakeVolumes.migration,
    ])
}

/// Placement in two tables. Hosts have processors and memory, and nothing of anything else; traits and aggregates are
/// not asked for.
struct FakePlacement: ComputePlacement {
    let orders: Orders

    func candidates(
        _ request: ResourceRequest, from place: Double, limit: Int, in reader: any Reader
    ) throws -> HostCandidates {
        let (vcpus, memory) = (request.main.resources["VCPU"] ?? 0, request.main.resources["MEMORY_MB"] ?? 0)
        let found = try reader.all(
            """
            SELECT id, vcpus - (SELECT COALESCE(SUM(vcpus), 0) FROM fake_claims WHERE provider = p.id),
                memory - (SELECT COALESCE(SUM(memory), 0) FROM fake_claims WHERE provider = p.id)
            FROM fake_providers p ORDER BY name
            """
        ) { (try $0[0] as String, HostCandidates.Room(vcpus: try $0[1], memoryMiB: try $0[2], diskGiB: 1000)) }
        .filter { id, room in room.vcpus >= vcpus && room.memoryMiB >= memory && (request.inTree ?? id) == id }
        return HostCandidates(
            hosts: found.map(\.0), rooms: found.map(\.1), isComplete: true, claims: { [found[$0].0: request.main.resources] })
    }

    func claim(_ resources: [String: [String: Int]], for consumer: ResourceConsumer, in transaction: any Transaction) throws {
        try orders.check("claim")
        try release(server: consumer.id, in: transaction)
        for (provider, amounts) in resources {
            try transaction.execute(
                """
                INSERT INTO fake_claims (server_id, provider, vcpus, memory)
                VALUES (\(consumer.id), \(provider), \(amounts["VCPU"] ?? 0), \(amounts["MEMORY_MB"] ?? 0))
                """)
        }
    }

    func release(server id: String, in transaction: any Transaction) throws {
        try orders.check("unclaim")
        try transaction.execute("DELETE FROM fake_claims WHERE server_id = \(id)")
    }

    func move(from consumer: String, to other: ResourceConsumer, in transaction: any Transaction) throws {
        try release(server: other.id, in: transaction)
        try transaction.execute("UPDATE fake_claims SET server_id = \(other.id) WHERE server_id = \(consumer)")
    }

    func claims(of consumer: String, in reader: any Reader) throws -> [String: [String: Int]] {
        let rows = try reader.all("SELECT provider, vcpus, memory FROM fake_claims WHERE server_id = \(consumer)") {
            (try $0[0] as String, ["VCPU": try $0[1] as Int, "MEMORY_MB": try $0[2] as Int])
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    func usage(providers: [String], in reader: any Reader) throws -> [String: [String: Int]] {
        let rows = try reader.all(
            "SELECT provider, SUM(vcpus), SUM(memory) FROM fake_claims WHERE provider IN \(in: providers) GROUP BY provider"
        ) { (try $0[0] as String, ["VCPU": try $0[1] as Int, "MEMORY_MB": try $0[2] as Int]) }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    func report(
        provider: String, name: String, inventories: [HostResource], traits: Set<String>, in transaction: any Transaction
    ) throws {
        func total(_ resourceClass: String) -> Int {
            inventories.first { $0.resourceClass == resourceClass }.map { Int(Double($0.total - $0.reserved) * $0.allocationRatio) } ?? 0
        }
        try transaction.execute(
            """
            INSERT INTO fake_providers (id, name, vcpus, memory)
            VALUES (\(provider), \(name), \(total("VCPU")), \(total("MEMORY_MB")))
            ON CONFLICT (id) DO UPDATE SET vcpus = excluded.vcpus, memory = excluded.memory
            """)
    }

    func traits(providers: [String], in reader: any Reader) throws -> Set<String> { ["CUSTOM_FAKE"] }

    func setTrait(_ trait: String, _ isPresent: Bool, of provider: String, in transaction: any Transaction) throws {
        try orders.check("trait")
    }

    func setMembership(
        _ isMember: Bool, of provider: String, inAggregate aggregate: String, in transaction: any Transaction
    ) throws {
        try orders.check("membership")
    }

    func remove(provider: String, in transaction: any Transaction) throws {
        guard try transaction.scalar("SELECT COUNT(*) FROM fake_claims WHERE provider = \(provider)", as: Int.self) == 0 else {
            throw HostInUse()
        }
        try transaction.execute("DELETE FROM fake_providers WHERE id = \(provider)")
    }
}

/// Networking with one network, its ports in a table.
struct FakeNetworking: ComputeNetworking {
    static let network = "11111111-2222-4333-8444-555555555555"
    let orders: Orders

    func plan(_ request: NetworkRequest, for caller: NetworkCaller, in reader: any Reader) throws -> [PlannedPort] {
        try orders.check("plan")
        if !caller.mayUseExternal { try orders.check("plan without external networks") }
        switch request {
        case .automatic: return [PlannedPort(networkID: Self.network)]
        case .none: return []
        case .explicit(let entries):
            return try entries.map { entry in
                guard entry.networkID == Self.network else { throw NetworkRefusal(.notFound, "Network \(entry.networkID ?? "") could not be found.") }
                return PlannedPort(networkID: Self.network, portID: entry.portID, fixedIP: entry.fixedIP, tag: entry.tag)
            }
        }
    }

    func resourceRequests(ports: [String], in reader: any Reader) throws -> [PortResourceRequest] { [] }

    func allocate(_ providers: [String: String], server: String, in transaction: any Transaction) throws -> [String: String] {
        try orders.check("allocate")
        return [:]
    }

    func attach(_ plan: [PlannedPort], to owner: PortOwner, in transaction: any Transaction) throws -> [ServerPort] {
        try orders.check("attach")
        for planned in plan {
            let number: Int = try transaction.scalar("SELECT COUNT(*) FROM fake_ports") ?? 0
            try transaction.execute(
                """
                INSERT INTO fake_ports (id, server_id, network_id, host, address) VALUES
                    (\(Identifier.uuid()), \(owner.serverID), \(planned.networkID), \(owner.host),
                    \(planned.fixedIP ?? "10.0.0.\(number + 5)"))
                """)
        }
        return try ports(servers: [owner.serverID], in: transaction)[owner.serverID] ?? []
    }

    func detach(server id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM fake_ports WHERE server_id = \(id)")
    }

    func ports(servers: [String], in reader: any Reader) throws -> [String: [ServerPort]] {
        let rows = try reader.all(
            "SELECT server_id, id, network_id, address FROM fake_ports WHERE server_id IN \(in: servers) ORDER BY id"
        ) { row -> (String, ServerPort) in
            let address = ServerPort.Address(
                address: try row[3], subnetID: Self.network, version: 4, cidr: "10.0.0.0/24", gateway: "10.0.0.1",
                nameservers: ["9.9.9.9"], floatingIPs: ["203.0.113.7"])
            let port = ServerPort(
                id: try row[1], networkID: try row[2], networkName: "private", mac: "fa:16:3e:00:00:01", mtu: 1442,
                addresses: [address], securityGroups: ["default"])
            return (try row[0], port)
        }
        return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
    }

    func settle(ports: [String], deadline: Timestamp) async throws { try await orders.run("settle") }

    func server(network id: String, address: String, in reader: any Reader) throws -> (id: String, projectID: String)? {
        try reader.all(
            """
            SELECT p.server_id, s.project_id FROM fake_ports p JOIN compute_servers s ON s.id = p.server_id
            WHERE p.network_id = \(id) AND p.address = \(address)
            """, Self.claim
        ).first
    }

    private static func claim(_ row: borrowing Row) throws -> (id: String, projectID: String) { (try row[0], try row[1]) }

    func securityGroups(_ namesOrIDs: [String], projectID: String, in reader: any Reader) throws -> [String] {
        guard let missing = namesOrIDs.first(where: { $0 != "default" }) else { return namesOrIDs }
        throw NetworkRefusal(.notFound, "Security group \(missing) not found for project \(projectID).")
    }

    func autoAllocate(projectID: String, in transaction: any Transaction) throws -> String { Self.network }

    func servers(withAddressesContaining parts: [String], projectID: String?, in reader: any Reader) throws -> [String] {
        let ports = try reader.all("SELECT server_id, address FROM fake_ports") { (try $0[0] as String, try $0[1] as String) }
        return ports.filter { port in parts.contains { port.1.contains($0) } }.map(\.0)
    }

    func attachOne(_ plan: PlannedPort, to owner: PortOwner, in transaction: any Transaction) throws -> ServerPort {
        let before = Set(try ports(servers: [owner.serverID], in: transaction)[owner.serverID]?.map(\.id) ?? [])
        let after = try attach([plan], to: owner, in: transaction)
        guard let port = after.first(where: { !before.contains($0.id) }) else { throw Unlucky() }
        return port
    }

    func detach(port id: String, server: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM fake_ports WHERE id = \(id) AND server_id = \(server)")
    }

    func rebind(server id: String, host: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE fake_ports SET host = \(host) WHERE server_id = \(id)")
    }

    func addAddress(network id: String, server: String, in transaction: any Transaction) throws { try orders.check("address") }

    func removeAddress(_ address: String, server: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM fake_ports WHERE server_id = \(server) AND address = \(address)") > 0
    }

    func setSecurityGroup(
        _ nameOrID: String, isMember: Bool, server: String, projectID: String, in transaction: any Transaction
    ) throws {
        _ = try securityGroups([nameOrID], projectID: projectID, in: transaction)
    }

    func associate(
        floatingIP address: String, projectID: String, server: String, fixedAddress: String, in transaction: any Transaction
    ) throws {
        try orders.check("associate")
    }

    func disassociate(
        floatingIP address: String, projectID: String, server: String, in transaction: any Transaction
    ) throws -> Bool { address == "203.0.113.7" }
}

/// Images that exist by their id.
struct FakeImages: ComputeImages {
    static let image = "aaaaaaaa-2222-4333-8444-555555555555"
    static let queued = "bbbbbbbb-2222-4333-8444-555555555555"
    static let large = "cccccccc-2222-4333-8444-555555555555"
    /// An image that wants a queue for each processor.
    static let queues = "9999aaaa-2222-4333-8444-555555555555"

    func image(_ id: String, for token: TokenContext) async throws -> ServerImage? { try await ownImage(id) }

    func ownImage(_ id: String) async throws -> ServerImage? {
        guard [Self.image, Self.other, Self.choosy, Self.queued, Self.large, Self.queues].contains(id) else { return nil }
        return ServerImage(
            id: id, name: "cirros", status: id == Self.queued ? "queued" : "active", diskFormat: "qcow2",
            minDiskGiB: id == Self.large ? 40 : 0, minMemoryMiB: 0, sizeBytes: 12_000_000, checksum: "5ca1ab1e",
            properties: Self.properties(of: id))
    }

    private static func properties(of id: String) -> [String: String] {
        switch id {
        case choosy: ["trait:CUSTOM_NONE": "required"]
        case queues: ["hw_vif_multiqueue_enabled": "yes"]
        default: ["hw_disk_bus": "virtio"]
        }
    }
}

/// Networking's API with one port and one security group; the cloud has no other service.
struct FakeServices: ServiceCalls {
    func send(_ call: ServiceCall) async throws -> ServiceAnswer? {
        switch call.path.split(separator: "?").first {
        case "/v2.0/ports": ServiceAnswer(status: 200, body: ["ports": [["id": "p", "security_groups": ["g"]]]])
        case "/v2.0/security-groups":
            ServiceAnswer(
                status: 200,
                body: ["security_groups": [["id": "g", "name": "default", "description": "", "tenant_id": "blue"]]])
        default: nil
        }
    }
}
