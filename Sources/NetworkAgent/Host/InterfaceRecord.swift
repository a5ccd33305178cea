/// What stands about an interface of ours in the host's Open vSwitch database.
struct InterfaceRecord: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case guest, metadata }

    /// The label that ovn-controller binds ports by (ovn-controller(8)).
    static let portLabel = "iface-id"
    private static let macLabel = "attached-mac"
    private static let kindLabel = "altostack-kind"
    private static let networkLabel = "altostack-network"
    private static let installedLabel = "ovn-installed"

    /// The device's name.
    var device: String
    /// Whether it is a guest's or leads into a metadata namespace.
    var kind: Kind
    /// The port's UUID.
    var portID: String
    /// The port's network.
    var networkID: String
    /// The MAC address behind it.
    var mac: String

    /// The labels.
    var labels: [String: String] {
        [Self.portLabel: portID, Self.macLabel: mac, Self.kindLabel: kind.rawValue, Self.networkLabel: networkID]
    }

    init(device: String, kind: Kind, portID: String, networkID: String, mac: String) {
        (self.device, self.kind, self.portID, self.networkID, self.mac) = (device, kind, portID, networkID, mac)
    }

    /// The record in a row of the table Interface; nil if it is not ours.
    init?(row: OVSDBRow) {
        let labels = row["external_ids"]?.stringMap ?? [:]
        guard let device = row["name"]?.string, let kind = labels[Self.kindLabel].flatMap(Kind.init(rawValue:)),
            let portID = labels[Self.portLabel], let networkID = labels[Self.networkLabel]
        else { return nil }
        self.init(device: device, kind: kind, portID: portID, networkID: networkID, mac: labels[Self.macLabel] ?? "")
    }

    /// Every record of ours.
    static func all(in replica: OVSDBReplica) -> [InterfaceRecord] {
        replica["Interface"].values.compactMap(InterfaceRecord.init(row:))
    }

    /// The guests' ports whose packets flow, also those that others have plugged.
    static func installed(in replica: OVSDBReplica) -> Set<String> {
        Set(replica["Interface"].values.compactMap { row in
            let labels = row["external_ids"]?.stringMap ?? [:]
            guard labels[kindLabel] != Kind.metadata.rawValue, isInstalled(row) else { return nil }
            return labels[portLabel]
        })
    }

    /// The networks of the guests on this host. Whoever plugs a guest by himself labels its interface with `iface-id` and
    /// `altostack-network`.
    static func guestNetworks(in replica: OVSDBReplica) -> Set<String> {
        Set(replica["Interface"].values.compactMap { row in
            let labels = row["external_ids"]?.stringMap ?? [:]
            return labels[kindLabel] == Kind.metadata.rawValue || labels[portLabel] == nil ? nil : labels[networkLabel]
        })
    }

    private static func isInstalled(_ row: OVSDBRow) -> Bool {
        row["external_ids"]?.stringMap[installedLabel] == "true"
    }

    /// Whether a port's packets flow.
    static func isInstalled(_ portID: String, in replica: OVSDBReplica) -> Bool {
        replica.rows(indexed: portID).contains { replica[$0].map(isInstalled) == true }
    }

    /// The operations that put the record in place; empty if it is there.
    /// - Throws: `HostError.notReady` if there is no such bridge.
    func insertion(into bridge: String, in replica: OVSDBReplica) throws(HostError) -> [OVSDBOperation] {
        if let (uuid, row) = replica["Interface"].first(where: { $0.value["name"] == .string(device) }) {
            let present = row["external_ids"]?.stringMap ?? [:]
            let merged = present.merging(labels) { $1 }
            return merged == present
                ? [] : [.update(table: "Interface", where: [.uuid(uuid)], row: ["external_ids": .strings(merged)])]
        }
        guard let (uuid, _) = replica["Bridge"].first(where: { $0.value["name"] == .string(bridge) }) else {
            throw .notReady("bridge \(bridge)")
        }
        return [
            .insert(table: "Interface", row: ["name": .string(device), "external_ids": .strings(labels)], name: "interface"),
            .insert(table: "Port", row: ["name": .string(device), "interfaces": .set([.namedUUID("interface")])], name: "port"),
            .mutate(table: "Bridge", where: [.uuid(uuid)], mutations: [.insert("ports", .set([.namedUUID("port")]))]),
        ]
    }

    /// The operations that take a device out of its bridge; empty if it is in none.
    static func removal(of device: String, in replica: OVSDBReplica) -> [OVSDBOperation] {
        let ports = replica["Port"].filter { $0.value["name"] == .string(device) }.keys
        return ports.flatMap { port in
            replica["Bridge"].filter { $0.value["ports"]?.uuids.contains(port) == true }.keys.map { bridge in
                .mutate(table: "Bridge", where: [.uuid(bridge)], mutations: [.delete("ports", .uuid(port))])
            }
        }
    }
}

extension OVSDBClient {
    /// Takes a device out of its bridge, and returns when the switch has let go of it. A userspace switch that finds the same name
    /// again before it has seen it gone listens on at the device that is no more, and hears nothing from the new one.
    func removeInterface(_ device: String, deadline: ContinuousClock.Instant) async throws {
        let operations = try await read(deadline: deadline) { replica -> [OVSDBOperation] in
            let removal = InterfaceRecord.removal(of: device, in: replica)
            return removal.isEmpty ? [] : removal + LocalConfiguration.signal(in: replica)
        }
        guard !operations.isEmpty else { return }
        try await transact(operations, deadline: deadline)
        do {
            try await wait(until: min(deadline, .now + .seconds(10)), for: LocalConfiguration.isSettled)
        } catch OVSDBError.deadlineExceeded {
            // One that doesn't run has no device open.
        }
    }
}
