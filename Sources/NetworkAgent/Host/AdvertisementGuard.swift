import Logging

/// Keeps guests from playing router. OVN lets neighbour discovery, and router advertisements with it, through before it
/// looks at any rule, so the integration bridge drops them where guests with port security send them.
actor AdvertisementGuard {
    private let bridge: FlowBridge
    private let local: OVSDBClient
    private let southbound: OVSDBClient
    private let logger: Logger
    /// What the bridge was last told.
    private var told: [String]?

    private static let deadline = Duration.seconds(30)
    /// What tells our flows from OVN's on the bridge.
    static let cookie = "cookie=0xa1705ac1"

    private static let monitor = OVSDBMonitor(
        database: "OVN_Southbound", tables: ["Port_Group": .init(columns: ["name", "ports"])])

    /// - Throws: `HostError.notInstalled`.
    init(options: NetworkAgentOptions, local: OVSDBClient, logger: Logger) throws {
        let paths = OVNPaths(root: options.stateDirectory)
        (self.local, self.logger) = (local, logger)
        bridge = try FlowBridge(options.integrationBridge, paths: paths)
        southbound = OVSDBClient(path: paths.southboundSocket, monitor: Self.monitor, logger: logger)
    }

    /// Keeps the flows right until the task is cancelled. They stay.
    func run() async {
        let keeper = FlowKeeper(
            local: local, southbound: southbound, interval: .seconds(15), gathering: .milliseconds(250))
        await keeper.run { await self.converge(again: $0) }
    }

    /// Returns whether everything is right now.
    private func converge(again: Bool) async -> Bool {
        do {
            let secured = try await southbound.read(deadline: .now + Self.deadline) { Self.secured(in: $0) }
            let numbers = try await local.read(deadline: .now + Self.deadline) { Self.numbers(of: secured, in: $0) }
            try await tell(Self.flows(numbers), again: again)
            return true
        } catch {
            logger.debug("The guard against router advertisements waits", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// The ports with port security. (In the southbound database a port group has a row for each network, whose number
    /// precedes its name.)
    static func secured(in replica: OVSDBReplica) -> Set<String> {
        var ports: Set<String> = []
        for row in replica["Port_Group"].values where row["name"]?.string?.hasSuffix("_\(OVNProjection.dropGroupName)") == true {
            for case .string(let name) in row["ports"]?.atoms ?? [] { ports.insert(name) }
        }
        return ports
    }

    /// The switch's numbers of those of the ports that are on this host.
    static func numbers(of ports: Set<String>, in replica: OVSDBReplica) -> [Int] {
        replica["Interface"].values.compactMap { row in
            let label = row["external_ids"]?.stringMap[InterfaceRecord.portLabel]
            guard let label, ports.contains(label), let number = row["ofport"]?.integer, number > 0 else { return nil }
            return number
        }.sorted()
    }

    /// The flows (ovs-ofctl(8)), which stand before OVN's own in the table of what arrives. What arrives with a tag is of a
    /// trunk's other ports, which may be without port security.
    static func flows(_ numbers: [Int]) -> [String] {
        numbers.map { "add \(cookie),table=0,priority=200,icmp6,in_port=\($0),vlan_tci=0,icmp_type=134,actions=drop" }
    }

    /// Tells the bridge its flows where they changed, or again: the old ones go and the new ones come at once.
    private func tell(_ flows: [String], again: Bool) async throws {
        guard again ? !flows.isEmpty : flows != told else { return }
        told = nil
        try await bridge.tell(
            ["-O", "OpenFlow14", "--bundle"], "add-flows", ["delete \(Self.cookie)/-1"] + flows, purpose: "advertisements")
        told = flows
    }
}
