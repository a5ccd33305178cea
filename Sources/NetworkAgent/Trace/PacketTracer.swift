import CloudCore
import Logging

/// A packet as it leaves a guest.
public struct TracedPacket: Sendable, Hashable {
    /// What it carries.
    public enum Transport: Sendable, Hashable {
        case icmp
        /// TCP or UDP to a port.
        case tcp(Int)
        case udp(Int)
    }

    /// The id of the port that it leaves by.
    public var port: String
    /// Its MAC addresses: the port's, and that of the destination or of the router on the way there.
    public var sourceMAC: String
    /// See `sourceMAC`.
    public var destinationMAC: String
    /// Its IP addresses, both of one version.
    public var source: String
    /// See `source`.
    public var destination: String
    /// What it carries.
    public var transport: Transport

    /// A packet.
    public init(
        port: String, sourceMAC: String, destinationMAC: String, source: String, destination: String, transport: Transport
    ) {
        (self.port, self.sourceMAC, self.destinationMAC) = (port, sourceMAC, destinationMAC)
        (self.source, self.destination, self.transport) = (source, destination, transport)
    }

    /// The packet in the language of ovn-trace(8). A quote in a port's id would end the text early.
    var microflow: String {
        let family = destination.contains(":") ? "ip6" : "ip4"
        let terms = [
            "inport == \"\(port.filter { $0 != "\"" && $0 != "\\" })\"", "eth.src == \(sourceMAC)", "eth.dst == \(destinationMAC)",
            "\(family).src == \(source)", "\(family).dst == \(destination)", "ip.ttl == 64",
        ]
        let carried =
            switch transport {
            case .icmp: family == "ip4" ? "icmp4 && icmp4.type == 8" : "icmp6 && icmp6.type == 128"
            case .tcp(let port): "tcp && tcp.dst == \(port)"
            case .udp(let port): "udp && udp.dst == \(port)"
            }
        return (terms + [carried]).joined(separator: " && ")
    }
}

/// Asks OVN what would become of a packet, by its own `ovn-trace`: no packet is sent, and none need flow.
public struct PacketTracer: Sendable {
    private let options: NetworkAgentOptions
    private let logger: Logger

    /// A tracer on a host that has the networks' databases.
    public init(options: NetworkAgentOptions, logger: Logger) { (self.options, self.logger) = (options, logger) }

    /// The way of a packet that begins a connection.
    /// - Throws: an error that says, for people, what keeps it from an answer, such as that no network runs here.
    public func trace(_ packet: TracedPacket) async throws -> PacketTrace {
        let paths = OVNPaths(root: options.stateDirectory)
        let rules = try await rules(northbound: paths.northboundSocket)
        // Each passage through connection tracking takes one `--ct`; behind the last, connections would count as known.
        let new = Array(repeating: ["--ct", "new"], count: 16).flatMap(\.self)
        let command = Command(
            executable: try Command.find("ovn-trace"),
            arguments: ["--db=unix:\(paths.southboundSocket)", "--no-friendly-names", "--detailed"] + new + [packet.microflow])
        return PacketTrace(text: try await command.run(in: options.namespace), rules: rules)
    }

    /// The rules of security groups and of the cloud's own, as OVN has them.
    private func rules(northbound path: String) async throws -> [PacketTrace.Rule] {
        let monitor = OVSDBMonitor(
            database: "OVN_Northbound",
            tables: [OVNTable.acl.rawValue: OVSDBMonitor.Table(columns: ["direction", "match", "action", "external_ids"])])
        let client = OVSDBClient(path: path, monitor: monitor, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            return try await client.read(deadline: .now + .seconds(10)) { replica in
                replica[OVNTable.acl.rawValue].values.compactMap(PacketTrace.Rule.init(row:))
            }
        }
    }
}
