import Logging
import NetworkMessages

/// Keeps the host's tunnel bridge right: a tunnel of each kind to every other host, and flows for the networks that reach
/// it. The southbound database names the networks and the hosts.
actor TunnelPlane {
    private let bridge: String
    private let options: NetworkAgentOptions
    private let flows: FlowBridge
    private let local: OVSDBClient
    private let southbound: OVSDBClient
    private let logger: Logger
    /// What the bridge was last told.
    private var told: [String]?

    private static let deadline = Duration.seconds(30)
    private static let kindLabel = "altostack-kind"
    private static let kind = "tunnel"

    private static let monitor = OVSDBMonitor(
        database: "OVN_Southbound",
        tables: [
            "Port_Binding": .init(
                columns: ["logical_port", "tag", "external_ids"],
                conditions: [OVSDBCondition(column: "type", function: "==", value: .string("localnet"))]),
            "Encap": .init(columns: ["chassis_name", "ip"]),
        ],
        indexKey: OVNRowKey.networkLabel)

    /// - Throws: `HostError.notInstalled`.
    init(bridge: String, options: NetworkAgentOptions, local: OVSDBClient, logger: Logger) throws {
        (self.bridge, self.options, self.local, self.logger) = (bridge, options, local, logger)
        let paths = OVNPaths(root: options.stateDirectory)
        flows = try FlowBridge(bridge, paths: paths)
        southbound = OVSDBClient(path: paths.southboundSocket, monitor: Self.monitor, logger: logger)
    }

    /// Keeps the bridge right until the task is cancelled. The flows stay.
    func run() async {
        let keeper = FlowKeeper(local: local, southbound: southbound, interval: .seconds(30))
        await keeper.run { await self.converge(again: $0) }
    }

    /// Returns whether everything is right now.
    private func converge(again: Bool) async -> Bool {
        do {
            let (attachments, peers) = try await southbound.read(deadline: .now + Self.deadline) { [options] replica in
                (Self.attachments(in: replica), try Self.peers(of: options, in: replica))
            }
            let numbers = try await local.read(deadline: .now + Self.deadline) { Self.portNumbers(in: $0) }
            let networks = attachments.compactMap { port, attachment -> TunnelBridge.Network? in
                numbers["patch-\(port)-to-\(options.integrationBridge)"].map { .init(attachment: attachment, patch: $0) }
            }
            let kinds = Set(networks.map(\.attachment.kind))
            let tunnels = peers.flatMap { peer in
                kinds.map { kind in
                    var tunnel = TunnelBridge.Tunnel(kind: kind, peer: peer)
                    tunnel.number = numbers[tunnel.port]
                    return tunnel
                }
            }
            try await makeTunnels(tunnels)
            try await tell(TunnelBridge(networks: networks, tunnels: tunnels).flows, again: again && !networks.isEmpty)
            return true
        } catch {
            logger.debug("The tunnel bridge waits", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// The numbers of the ports that have one, by name; the switch gives them.
    private static func portNumbers(in replica: OVSDBReplica) -> [String: Int] {
        var numbers: [String: Int] = [:]
        for row in replica["Interface"].values {
            if let name = row["name"]?.string, let number = row["ofport"]?.integer, number > 0 { numbers[name] = number }
        }
        return numbers
    }

    /// The tunnelled networks by the name of their localnet port.
    private static func attachments(in replica: OVSDBReplica) -> [String: TunnelAttachment] {
        var attachments: [String: TunnelAttachment] = [:]
        for row in replica["Port_Binding"].values {
            let parts = row["external_ids"]?.stringMap[OVNRowKey.tunnelLabel]?.split(separator: "/").map(String.init) ?? []
            guard parts.count == 2, let kind = TunnelAttachment.Kind(rawValue: parts[0]), let key = Int(parts[1]),
                let port = row["logical_port"]?.string, let tag = row["tag"]?.integer
            else { continue }
            attachments[port] = TunnelAttachment(kind: kind, key: key, tag: tag)
        }
        return attachments
    }

    private static func peers(of options: NetworkAgentOptions, in replica: OVSDBReplica) throws(TopologyError) -> [NetworkAddress] {
        var peers: Set<NetworkAddress> = []
        for row in replica["Encap"].values where row["chassis_name"]?.string != options.hostName {
            if let text = row["ip"]?.string { peers.insert(try NetworkAddress(text, what: "A host's tunnel address")) }
        }
        return peers.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }

    /// Makes the tunnels' ports exactly these.
    private func makeTunnels(_ tunnels: [TunnelBridge.Tunnel]) async throws {
        let operations = try await local.read(deadline: .now + Self.deadline) { [bridge, options] replica in
            try Self.operations(tunnels, bridge: bridge, address: options.tunnelAddress, in: replica)
        }
        if !operations.isEmpty { try await local.transact(operations, deadline: .now + Self.deadline) }
    }

    private static func operations(
        _ tunnels: [TunnelBridge.Tunnel], bridge: String, address: String, in replica: OVSDBReplica
    ) throws(HostError) -> [OVSDBOperation] {
        guard let (uuid, _) = replica["Bridge"].first(where: { $0.value["name"] == .string(bridge) }) else {
            throw .notReady("bridge \(bridge)")
        }
        let present = Set(replica["Interface"].values.compactMap { row in
            row["external_ids"]?.stringMap[kindLabel] == kind ? row["name"]?.string : nil
        })
        var operations: [OVSDBOperation] = []
        for name in present.subtracting(tunnels.map(\.port)).sorted() {
            operations += InterfaceRecord.removal(of: name, in: replica)
        }
        for (number, tunnel) in tunnels.sorted(by: { $0.port < $1.port }).enumerated() where !present.contains(tunnel.port) {
            let options = ["remote_ip": tunnel.peer.description, "local_ip": address, "key": "flow"]
            operations += [
                .insert(
                    table: "Interface",
                    row: [
                        "name": .string(tunnel.port), "type": .string(tunnel.kind.rawValue), "options": .strings(options),
                        "external_ids": .strings([kindLabel: kind]),
                    ], name: "tunnel\(number)"),
                .insert(
                    table: "Port", row: ["name": .string(tunnel.port), "interfaces": .set([.namedUUID("tunnel\(number)")])],
                    name: "way\(number)"),
                .mutate(table: "Bridge", where: [.uuid(uuid)], mutations: [.insert("ports", .set([.namedUUID("way\(number)")]))]),
            ]
        }
        return operations
    }

    /// Tells the bridge its flows where they changed, or again.
    private func tell(_ flows: [String], again: Bool) async throws {
        guard again || flows != told else { return }
        told = nil
        try await self.flows.tell(["-O", "OpenFlow13"], "replace-flows", flows, purpose: bridge)
        told = flows
    }
}
