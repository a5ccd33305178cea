import CloudBus
import Foundation
import Logging
import Synchronization
import NetworkMessages
import Testing

@testable import NetworkAgent

/// Whether this machine can carry packets: root with Open vSwitch and OVN installed. In CI it must.
enum RealNetwork {
    static let isAvailable: Bool = {
        if ProcessInfo.processInfo.environment["CI"] != nil { return true }
        let programs = ["ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovn-northd", "ovn-controller", "ip", "nft"]
        return geteuid() == 0 && programs.allSatisfy { (try? Command.find($0)) != nil }
    }()
}

/// Answers every metadata request with what it was asked.
struct EchoingMetadata: MetadataSource {
    func respond(to request: MetadataRequest) async throws -> MetadataResponse {
        guard request.path != "/unavailable" else { throw BusError.deadlineExceeded }
        return MetadataResponse(
            status: 200, contentType: "text/plain",
            body: Array("network=\(request.networkID) address=\(request.address) path=\(request.path)".utf8))
    }
}

/// A host in a network namespace of its own, with a cloud's data plane in a temporary directory.
struct TestHost {
    let name: String
    let directory: String
    let prefix: String
    var host: OVNHost
    let namespace: NetworkNamespace
    private let guests = Guests()
    private let undertaker: Undertaker

    /// The guests that were started on the host.
    private final class Guests: Sendable {
        let all = Mutex<[PretendGuest]>([])
    }

    static func make() async throws -> TestHost {
        let prefix = String(UInt16.random(in: 0x1000...0xFFFF), radix: 16)
        let name = "alto-host-\(prefix)"
        let directory = "/tmp/alto-\(prefix)-\(getpid())"
        let namespace = NetworkNamespace.named(name)
        let host = TestHost(
            name: name, directory: directory, prefix: prefix, host: try newHost(name, directory), namespace: namespace,
            undertaker: try Undertaker(directory: directory, prefix: prefix))
        let links = try LinkCommands(namespace: .current)
        try await links.makeNamespace(name)
        try await links.batch(["link set dev lo up"], in: namespace)
        return host
    }

    private static func newHost(_ name: String, _ directory: String) throws -> OVNHost {
        var options = NetworkAgentOptions(
            stateDirectory: directory, hostName: "host1", physicalNetworks: ["public": "br-ex"],
            bridgeAddresses: ["br-ex": "172.24.4.1/24"])
        options.networkNamespace = name
        options.datapath = .userspace
        var logger = Logger(label: "network")
        logger.logLevel = ProcessInfo.processInfo.environment["ALTOSTACK_TEST_LOG"] == nil ? .critical : .debug
        return try OVNHost(options: options, metadata: EchoingMetadata(), logger: logger)
    }

    /// As if our process had been restarted.
    mutating func restart() async throws {
        await host.stop()
        host = try Self.newHost(name, directory)
        try await host.start()
    }

    var dataPlane: any DataPlane {
        get throws { try #require(host.drivers.dataPlane) }
    }
    var interfaces: any InterfaceDriver {
        get throws { try #require(host.drivers.interfaces) }
    }

    @discardableResult
    func apply(_ entities: [TopologyEntity], complete: Bool = false) async throws -> TopologyReport {
        try await dataPlane.apply(ApplyTopology(entities: entities, complete: complete), deadline: .now + .seconds(30))
    }

    /// The daemons' processes by name.
    var processes: [String: pid_t] {
        get throws {
            let daemons = try OVNDaemons(paths: OVNPaths(root: directory)).all
            return Dictionary(uniqueKeysWithValues: daemons.compactMap { daemon in daemon.process.map { (daemon.name, $0) } })
        }
    }

    /// The devices in the host's namespace but for the loopback.
    func devices() async throws -> Set<String> {
        let output = try await Command(executable: Command.find("ip"), arguments: ["-o", "link"]).run(in: namespace)
        let names = output.split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst().first?.split(whereSeparator: { $0 == ":" || $0 == "@" }).first.map(String.init)
        }
        return Set(names).subtracting(["lo"])
    }

    /// A guest on the tap device of a port, which goes with the host at the latest.
    func makeGuest(of port: String, tap: String) async throws -> PretendGuest {
        let guest = try await PretendGuest(name: "alto-guest-\(port.prefix(8))", tap: tap, on: namespace)
        guests.all.withLock { $0.append(guest) }
        return guest
    }

    /// What the daemons' logs said last, for people.
    func lastWords() -> String {
        let logs = OVNPaths(root: directory).logs
        let names = (try? FileManager.default.contentsOfDirectory(atPath: logs)) ?? []
        let texts = names.sorted().compactMap { name -> String? in
            guard let bytes = FileManager.default.contents(atPath: "\(logs)/\(name)"), !bytes.isEmpty else { return nil }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(15)
            return "--- \(name)\n" + lines.joined(separator: "\n")
        }
        return texts.isEmpty ? "no daemon has logged anything" : texts.joined(separator: "\n")
    }

    /// Removes everything, also after a test that broke off.
    func remove() async throws {
        for guest in guests.all.withLock({ $0 }) { try await guest.stop() }
        await host.stop()
        for process in try processes.values { kill(process, SIGKILL) }
        for namespace in ownNamespaces() { try await LinkCommands(namespace: .current).removeNamespace(namespace) }
        if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
        undertaker.dismiss()
    }

    /// The namespaces of the host, its guests and their metadata, by their names: all carry the prefix.
    func ownNamespaces() -> [String] {
        NetworkNamespace.names().filter { name in
            Undertaker.patterns(prefix).contains { fnmatch($0, name, 0) == 0 }
        }
    }
}

/// Waits until a condition holds; false if it does not in time.
func eventually(within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        guard .now < end else { return false }
        try await Task.sleep(for: .milliseconds(50))
    }
}
