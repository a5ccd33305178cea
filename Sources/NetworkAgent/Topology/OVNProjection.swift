import CloudCore
import NetworkMessages

/// What the rows depend on beside the entities.
struct OVNProjectionOptions: Sendable, Equatable {
    /// The chassis that may carry routers' gateways.
    var gatewayChassis: [String] = []
    /// The domain announced by DHCP; nil for none.
    var dnsDomain: String? = "openstacklocal"
    /// The resolvers announced by subnets that name none.
    var resolvers: [String] = []
    /// How long a DHCP lease lasts, in seconds.
    var leaseTime = 86_400
    /// Whether a floating IP is translated on the host of its port rather than at the router's gateway. The latter also
    /// serves addresses that move between ports.
    var distributedFloatingIPs = false
}

/// Derives OVN's northbound rows from the entities of the API. Pure: the same entity always gives the same rows.
struct OVNProjection: Sendable {
    let options: OVNProjectionOptions

    init(options: OVNProjectionOptions = OVNProjectionOptions()) { self.options = options }

    /// The owner of the rows that do not depend on any entity.
    static let base = "plane/base"
    /// The group of every port with port security, which drops what no other group admits.
    static let dropGroup = OVNRowKey(owner: base, name: "drop")
    static let dropGroupName = "altostack_drop"
    static let logMeter = OVNRowKey(owner: base, name: "log")
    static let logMeterName = "altostack_log"

    /// The rows of an entity.
    /// - Throws: `TopologyError.invalid`.
    func rows(of entity: TopologyEntity) throws(TopologyError) -> [OVNRow] {
        switch entity {
        case .network(let network): try rows(of: network)
        case .port(let port): [try row(of: port)] + (try serviceRows(of: port))
        case .router(let router): try rows(of: router)
        case .securityGroup(let group): try rows(of: group)
        }
    }

    /// The rows that are always there: what no rule admits is dropped, but a guest always reaches its metadata and DHCP.
    /// (Neighbour discovery passes by OVN's own flows.) Nobody plays DHCP server, whatever the rules admit.
    var baseRows: [OVNRow] {
        let group = Self.dropGroupName
        return [
            OVNRow(.portGroup, Self.dropGroup, id: "drop", columns: ["name": .string(group)]),
            OVNRow(
                .meter, Self.logMeter, id: "log", columns: ["name": .string(Self.logMeterName), "unit": .string("pktps")]),
            // Upstream's limits: 100 lines a second and host, and 25 at once.
            OVNRow(
                .meterBand, OVNRowKey(owner: Self.base, name: "log/band"), id: "log", parent: Self.logMeter,
                columns: ["action": .string("drop"), "rate": .integer(100), "burst_size": .integer(25)]),
            // Below what groups whose losses are logged drop themselves.
            baseACL("drop/ingress", "to-lport", 1000, "outport == @\(group) && ip", "drop"),
            baseACL("drop/egress", "from-lport", 1000, "inport == @\(group) && ip", "drop"),
            baseACL(
                "metadata", "from-lport", 1003, "inport == @\(group) && ip4.dst == 169.254.169.254 && tcp.dst == 80",
                "allow-related"),
            baseACL(
                "metadata6", "from-lport", 1003, "inport == @\(group) && ip6.dst == fe80::a9fe:a9fe && tcp.dst == 80",
                "allow-related"),
            // OVN answers only what gets past the rules.
            baseACL(
                "client/dhcp4", "from-lport", 1003, "inport == @\(group) && ip4 && udp.src == 68 && udp.dst == 67", "allow"),
            baseACL(
                "client/dhcp6", "from-lport", 1003, "inport == @\(group) && ip6 && udp.src == 546 && udp.dst == 547", "allow"),
            baseACL(
                "server/dhcp4", "from-lport", 1004, "inport == @\(group) && ip4 && udp.src == 67 && udp.dst == 68", "drop"),
            baseACL(
                "server/dhcp6", "from-lport", 1004, "inport == @\(group) && ip6 && udp.src == 547 && udp.dst == 546", "drop"),
        ]
    }

    private func baseACL(
        _ name: String, _ direction: String, _ priority: Int, _ match: String, _ action: String
    ) -> OVNRow {
        OVNRow(
            .acl, OVNRowKey(owner: Self.base, name: name), id: name, parent: Self.dropGroup,
            columns: [
                "direction": .string(direction), "priority": .integer(priority), "match": .string(match),
                "action": .string(action), "options": .strings([String: String]()),
            ])
    }

    // MARK: - Keys and names

    static func switchKey(_ networkID: String) -> OVNRowKey {
        OVNRowKey(TopologyKey(kind: .network, id: networkID), "switch")
    }
    /// The DHCP options of a subnet for a family, `dhcp4` or `dhcp6`.
    static func dhcpKey(_ networkID: String, _ subnetID: String, _ family: String) -> OVNRowKey {
        OVNRowKey(TopologyKey(kind: .network, id: networkID), "\(family)/\(subnetID)")
    }
    static func groupKey(_ groupID: String) -> OVNRowKey {
        OVNRowKey(TopologyKey(kind: .securityGroup, id: groupID), "group")
    }
    /// A name that may stand in a match.
    static func groupName(_ groupID: String) throws(TopologyError) -> String {
        guard groupID.isPlain(with: "_-") else { throw .invalid(what: "A security group's id", value: groupID) }
        return "pg_" + groupID.replacing("-", with: "_")
    }
    static func routerPortName(_ portID: String) -> String { "lrp-\(portID)" }
}
