/// The host's own Open vSwitch database: which parts of it we read, and what must stand in it.
struct LocalConfiguration: Sendable {
    let options: NetworkAgentOptions
    let paths: OVNPaths
    /// Whether packets are forwarded in userspace.
    let userspace: Bool

    static let monitor = OVSDBMonitor(
        database: "Open_vSwitch",
        tables: [
            "Open_vSwitch": .init(columns: ["bridges", "external_ids", "next_cfg", "cur_cfg"]),
            "Bridge": .init(columns: ["name", "ports", "datapath_type", "fail_mode", "external_ids"]),
            "Port": .init(columns: ["name", "interfaces", "external_ids"]),
            "Interface": .init(columns: ["name", "type", "external_ids", "error", "ofport"]),
        ],
        indexKey: InterfaceRecord.portLabel)

    /// The name of the forwarder in Open vSwitch's words.
    var datapathType: String { userspace ? "netdev" : "system" }

    /// What ovn-controller reads (ovn-controller(8)).
    var settings: [String: String] {
        var settings = [
            "system-id": options.hostName,
            "hostname": options.hostName,
            "ovn-remote": "unix:\(paths.southboundSocket)",
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": options.tunnelAddress,
            "ovn-bridge": options.integrationBridge,
            "ovn-bridge-datapath-type": datapathType,
            "ovn-monitor-all": "true",
        ]
        settings["ovn-bridge-mappings"] = options.bridgeMappings.sorted { $0.key < $1.key }
            .map { "\($0.key):\($0.value)" }.joined(separator: ",")
        return settings
    }

    /// The operations that close the difference; empty when everything is right. What others put there stays.
    func operations(in replica: OVSDBReplica) -> [OVSDBOperation] {
        var operations: [OVSDBOperation] = []
        var newBridges: Set<OVSDBAtom> = []
        for (position, bridge) in options.bridges.enumerated() {
            let columns = columns(of: bridge)
            if let (uuid, row) = replica["Bridge"].first(where: { $0.value["name"] == .string(bridge) }) {
                let changed = columns.filter { row[$0.key] != $0.value }
                if !changed.isEmpty { operations.append(.update(table: "Bridge", where: [.uuid(uuid)], row: changed)) }
            } else {
                operations += insertion(of: bridge, number: position, columns)
                newBridges.insert(.namedUUID("bridge\(position)"))
            }
        }
        return operations + rootOperations(in: replica, newBridges)
    }

    private func columns(of bridge: String) -> OVSDBRow {
        let isInner = bridge == options.integrationBridge || bridge == options.overlayBridge
        return [
            "name": .string(bridge), "datapath_type": .string(datapathType),
            // Only OVN's flows and ours forward on the inner bridges; the outer ones are plain switches.
            "fail_mode": .string(isInner ? "secure" : "standalone"),
        ]
    }

    private func insertion(of bridge: String, number: Int, _ columns: OVSDBRow) -> [OVSDBOperation] {
        var row = columns
        row["ports"] = .set([.namedUUID("port\(number)")])
        return [
            .insert(table: "Interface", row: ["name": .string(bridge), "type": .string("internal")], name: "interface\(number)"),
            .insert(
                table: "Port", row: ["name": .string(bridge), "interfaces": .set([.namedUUID("interface\(number)")])],
                name: "port\(number)"),
            .insert(table: "Bridge", row: row, name: "bridge\(number)"),
        ]
    }

    private func rootOperations(in replica: OVSDBReplica, _ newBridges: Set<OVSDBAtom>) -> [OVSDBOperation] {
        guard let (uuid, root) = replica["Open_vSwitch"].first else {
            return [
                .insert(
                    table: "Open_vSwitch",
                    row: ["bridges": .set(newBridges), "external_ids": .strings(settings), "next_cfg": .integer(1)], name: nil)
            ]
        }
        let present = root["external_ids"]?.stringMap ?? [:]
        let merged = present.merging(settings) { $1 }
        var mutations: [OVSDBMutation] = []
        if !newBridges.isEmpty { mutations += [.insert("bridges", .set(newBridges)), .increment("next_cfg")] }
        var operations: [OVSDBOperation] = []
        if merged != present {
            operations.append(.update(table: "Open_vSwitch", where: [.uuid(uuid)], row: ["external_ids": .strings(merged)]))
        }
        if !mutations.isEmpty {
            operations.append(.mutate(table: "Open_vSwitch", where: [.uuid(uuid)], mutations: mutations))
        }
        return operations
    }

    /// Has the switch tell when it has done what the same transaction asks of it.
    static func signal(in replica: OVSDBReplica) -> [OVSDBOperation] {
        guard let uuid = replica["Open_vSwitch"].keys.first else { return [] }
        return [.mutate(table: "Open_vSwitch", where: [.uuid(uuid)], mutations: [.increment("next_cfg")])]
    }

    /// Whether the switch has done everything that was asked of it.
    static func isSettled(_ replica: OVSDBReplica) -> Bool {
        guard let root = replica["Open_vSwitch"].values.first, let next = root["next_cfg"]?.integer else { return false }
        return (root["cur_cfg"]?.integer ?? 0) >= next
    }

    /// The failures of interfaces of ours, for people.
    static func errors(in replica: OVSDBReplica) -> [String] {
        replica["Interface"].values.compactMap { row in
            guard let error = row["error"]?.string, let name = row["name"]?.string else { return nil }
            return "\(name): \(error)"
        }.sorted()
    }
}
