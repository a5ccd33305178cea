import Logging
import NetworkMessages

/// Limits how many packets a second guests on this host send and receive. OVN's own meters count bits only, so the integration
/// bridge gets meters and flows of ours beside OVN's: the southbound database names the ports and their limits.
actor PacketLimiter {
    private let bridge: FlowBridge
    private let local: OVSDBClient
    private let southbound: OVSDBClient
    private let logger: Logger
    /// What the bridge was last told; nil when that is not known.
    private var told: [PacketMeters.Limited]?

    private static let deadline = Duration.seconds(30)

    private static let monitor = OVSDBMonitor(
        database: "OVN_Southbound",
        tables: [
            "Port_Binding": .init(
                columns: ["logical_port", "datapath", "tunnel_key", "external_ids"],
                conditions: [
                    OVSDBCondition(
                        column: "external_ids", function: "includes",
                        value: .strings([OVNRowKey.limitLabel: PacketMeters.limitWord]))
                ]),
            "Datapath_Binding": .init(columns: ["tunnel_key"]),
        ])

    /// - Throws: `HostError.notInstalled`.
    init(options: NetworkAgentOptions, local: OVSDBClient, logger: Logger) throws {
        let paths = OVNPaths(root: options.stateDirectory)
        (self.local, self.logger) = (local, logger)
        bridge = try FlowBridge(options.integrationBridge, paths: paths)
        southbound = OVSDBClient(path: paths.southboundSocket, monitor: Self.monitor, logger: logger)
    }

    /// Keeps meters and flows right until the task is cancelled. They stay.
    func run() async {
        let keeper = FlowKeeper(local: local, southbound: southbound, interval: .seconds(15), gathering: .milliseconds(250))
        await keeper.run { await self.converge(again: $0) }
    }

    /// Returns whether everything is right now.
    private func converge(again: Bool) async -> Bool {
        do {
            let ports = try await southbound.read(deadline: .now + Self.deadline) { PacketMeters.ports(in: $0) }
            let limited = try await local.read(deadline: .now + Self.deadline) { PacketMeters.limited(ports, in: $0) }
            guard again ? !limited.isEmpty : limited != told else { return true }
            try await tell(limited)
            return true
        } catch {
            logger.debug("The limits of packet rates wait", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// A meter takes its flows along when it goes, and one that is not there goes without a word.
    private func tell(_ limited: [PacketMeters.Limited]) async throws {
        let old = told?.count ?? 0
        told = nil
        let meters = PacketMeters(limited)
        for number in 0..<max(old, limited.count) {
            for identifier in PacketMeters.identifiers(number) {
                try await bridge.run(["-O", "OpenFlow14"], "del-meter", "meter=\(identifier)")
            }
        }
        for meter in meters.meters { try await bridge.run(["-O", "OpenFlow14"], "add-meter", meter) }
        try await bridge.tell(["-O", "OpenFlow14", "--bundle"], "add-flows", meters.flows, purpose: "packet-limits")
        told = limited
    }
}

/// The meters and flows that limit packet rates (ovs-ofctl(8)). Pure.
struct PacketMeters: Sendable, Hashable {
    /// A port that is limited, wherever it is.
    struct Port: Sendable, Hashable {
        var id: String
        var limits: PacketLimits
        /// The numbers of the port and of its network in OVN's flows.
        var key: Int
        var datapath: Int
    }

    /// One that is on this host.
    struct Limited: Sendable, Hashable {
        var port: Port
        /// Its number on the bridge.
        var number: Int
    }

    /// What tells our flows from OVN's on the bridge.
    static let cookie = "cookie=0xa1705ac2"
    /// What stands at the limits' label.
    static let limitWord = "packets"
    /// OVN counts its meters from 1.
    private static let firstMeter = 50_000

    /// In the order of the ports.
    private(set) var meters: [String] = []
    private(set) var flows = ["delete \(cookie)/-1"]

    /// The identifiers of the meters of the n-th limited port: for what it sends, and for what it receives.
    static func identifiers(_ number: Int) -> [Int] { [firstMeter + number * 2, firstMeter + number * 2 + 1] }

    init(_ limited: [Limited]) {
        for (number, one) in limited.enumerated() {
            let identifiers = Self.identifiers(number)
            if let rate = one.port.limits.egress {
                meters.append(Self.meter(identifiers[0], rate))
                // A mark in a register that OVN sets later anyway keeps the packet from coming here twice.
                flows.append(
                    "add \(Self.cookie),table=0,priority=190,in_port=\(one.number),reg15=0,"
                        + "actions=meter:\(identifiers[0]),set_field:1->reg15,resubmit(,0)")
            }
            if let rate = one.port.limits.ingress {
                meters.append(Self.meter(identifiers[1], rate))
                flows.append(
                    "add \(Self.cookie),table=65,priority=190,reg15=\(one.port.key),metadata=\(one.port.datapath),"
                        + "actions=meter:\(identifiers[1]),output:\(one.number)")
            }
        }
    }

    private static func meter(_ identifier: Int, _ rate: PacketLimits.Rate) -> String {
        // A tenth of a second's packets where nobody said: fewer cut short what comes in waves.
        let burst = rate.burst > 0 ? rate.burst : max(1, rate.rate / 10)
        let most = Int(UInt32.max)
        return "meter=\(identifier),pktps,burst,bands=type=drop,rate=\(min(rate.rate, most)),burst_size=\(min(burst, most))"
    }

    /// The limited ports that the southbound database knows.
    static func ports(in replica: OVSDBReplica) -> [Port] {
        replica["Port_Binding"].values.compactMap { row in
            guard let id = row["logical_port"]?.string, let key = row["tunnel_key"]?.integer,
                let text = row["external_ids"]?.stringMap[OVNRowKey.packetsLabel], let limits = PacketLimits(text: text),
                case .uuid(let uuid)? = row["datapath"]?.atoms.first,
                let datapath = replica["Datapath_Binding"][uuid]?["tunnel_key"]?.integer
            else { return nil }
            return Port(id: id, limits: limits, key: key, datapath: datapath)
        }.sorted { $0.id < $1.id }
    }

    /// Those of the ports that are on this host.
    static func limited(_ ports: [Port], in replica: OVSDBReplica) -> [Limited] {
        guard !ports.isEmpty else { return [] }
        var numbers: [String: Int] = [:]
        for row in replica["Interface"].values {
            if let id = row["external_ids"]?.stringMap[InterfaceRecord.portLabel], let number = row["ofport"]?.integer, number > 0 {
                numbers[id] = number
            }
        }
        return ports.compactMap { port in numbers[port.id].map { Limited(port: port, number: $0) } }
    }
}

/// The packet rates of a port as one text, in which they travel through OVN's databases.
struct PacketLimits: Sendable, Hashable {
    typealias Rate = PortQoS.PacketRate

    var egress: Rate?
    var ingress: Rate?

    /// Nil for a port that is not limited.
    init?(_ qos: PortQoS?) {
        guard let qos, qos.egressPackets != nil || qos.ingressPackets != nil else { return nil }
        (egress, ingress) = (qos.egressPackets, qos.ingressPackets)
    }

    /// Reads `egress/RATE/BURST`, `ingress/RATE/BURST` or both, separated by a space; nil for anything else.
    init?(text: String) {
        for part in text.split(separator: " ") {
            let words = part.split(separator: "/").map(String.init)
            guard words.count == 3, let rate = Int(words[1]), let burst = Int(words[2]), rate > 0, burst >= 0 else { return nil }
            switch words[0] {
            case "egress": egress = Rate(rate: rate, burst: burst)
            case "ingress": ingress = Rate(rate: rate, burst: burst)
            default: return nil
            }
        }
        guard egress != nil || ingress != nil else { return nil }
    }

    var text: String {
        [("egress", egress), ("ingress", ingress)].compactMap { word, rate in rate.map { "\(word)/\($0.rate)/\($0.burst)" } }
            .joined(separator: " ")
    }
}
