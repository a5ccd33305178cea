import CloudCore
import NetworkMessages

/// The tables of OVN's northbound database that we write, with what the differ must know of each.
enum OVNTable: String, Sendable, CaseIterable {
    case logicalSwitch = "Logical_Switch"
    case logicalSwitchPort = "Logical_Switch_Port"
    case dhcpOptions = "DHCP_Options"
    case logicalRouter = "Logical_Router"
    case logicalRouterPort = "Logical_Router_Port"
    case gatewayChassis = "Gateway_Chassis"
    case staticRoute = "Logical_Router_Static_Route"
    case nat = "NAT"
    case portGroup = "Port_Group"
    case addressSet = "Address_Set"
    case acl = "ACL"
    case dns = "DNS"
    case loadBalancer = "Load_Balancer"
    case qos = "QoS"
    case bfd = "BFD"
    case meter = "Meter"
    case meterBand = "Meter_Band"

    /// Where a row must stand in order to exist; nil for tables whose rows stand alone.
    var parent: (table: OVNTable, column: String)? {
        switch self {
        case .logicalSwitch, .dhcpOptions, .logicalRouter, .portGroup, .addressSet, .bfd, .meter: nil
        case .logicalSwitchPort: (.logicalSwitch, "ports")
        case .logicalRouterPort: (.logicalRouter, "ports")
        case .gatewayChassis: (.logicalRouterPort, "gateway_chassis")
        case .staticRoute: (.logicalRouter, "static_routes")
        case .nat: (.logicalRouter, "nat")
        case .acl: (.portGroup, "acls")
        case .dns: (.logicalSwitch, "dns_records")
        case .loadBalancer: (.logicalRouter, "load_balancer")
        case .qos: (.logicalSwitch, "qos_rules")
        case .meterBand: (.meter, "bands")
        }
    }

    /// Whether a row stays until it is deleted, even if no other row names it. (Others go with the last that does.)
    var isRoot: Bool {
        switch self {
        case .logicalSwitch, .dhcpOptions, .logicalRouter, .portGroup, .addressSet, .dns, .loadBalancer, .bfd, .meter: true
        case .logicalSwitchPort, .logicalRouterPort, .gatewayChassis, .staticRoute, .nat, .acl, .qos, .meterBand: false
        }
    }

    /// The columns we write or read.
    var columns: [String] {
        switch self {
        case .logicalSwitch: ["name", "ports", "dns_records", "qos_rules", "other_config", "external_ids"]
        case .logicalSwitchPort:
            [
                "name", "type", "options", "addresses", "port_security", "enabled", "tag", "tag_request", "dhcpv4_options",
                "dhcpv6_options", "parent_name", "external_ids",
            ]
        case .dhcpOptions: ["cidr", "options", "external_ids"]
        case .logicalRouter: ["name", "enabled", "options", "ports", "static_routes", "nat", "load_balancer", "external_ids"]
        case .logicalRouterPort: ["name", "mac", "networks", "options", "ipv6_ra_configs", "gateway_chassis", "external_ids"]
        case .gatewayChassis: ["name", "chassis_name", "priority", "external_ids"]
        case .staticRoute: ["ip_prefix", "nexthop", "output_port", "bfd", "external_ids"]
        case .nat: ["type", "external_ip", "logical_ip", "logical_port", "external_mac", "gateway_port", "external_ids"]
        case .portGroup: ["name", "ports", "acls", "external_ids"]
        case .addressSet: ["name", "addresses", "external_ids"]
        case .acl: ["direction", "priority", "match", "action", "options", "log", "name", "severity", "meter", "external_ids"]
        case .dns: ["records", "external_ids"]
        case .loadBalancer: ["name", "vips", "protocol", "options", "external_ids"]
        case .qos: ["direction", "priority", "match", "action", "bandwidth", "external_ids"]
        case .bfd: ["logical_port", "dst_ip", "external_ids"]
        case .meter: ["name", "unit", "bands", "external_ids"]
        case .meterBand: ["action", "rate", "burst_size", "external_ids"]
        }
    }

    /// The columns that name one other row, which may be missing: the label of its key, and its table.
    var references: [String: (label: String, table: OVNTable)] {
        switch self {
        case .logicalSwitchPort: OVNRowKey.dhcpLabels.mapValues { ($0, .dhcpOptions) }
        case .staticRoute: ["bfd": (OVNRowKey.referenceLabel, .bfd)]
        case .nat: ["gateway_port": (OVNRowKey.referenceLabel, .logicalRouterPort)]
        default: [:]
        }
    }

    /// The replica that the differ works on.
    static let monitor = OVSDBMonitor(
        database: "OVN_Northbound",
        tables: Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, OVSDBMonitor.Table(columns: $0.columns)) }),
        indexKey: OVNRowKey.ownerLabel)
}

/// How a row of ours is known again: whose it is, and which of the owner's rows. Both stand in its `external_ids`,
/// because names in OVN are not unique.
struct OVNRowKey: Sendable, Hashable, Comparable {
    /// The label of the owner in `external_ids`.
    static let ownerLabel = "altostack:owner"
    /// The label of the row's own name.
    static let rowLabel = "altostack:row"
    /// The label of the API resource's UUID, for people and other tools.
    static let idLabel = "altostack:id"
    /// The label of the row in which it must stand.
    static let parentLabel = "altostack:parent"
    /// The labels of the DHCP options that a port wants, whether they exist or not, by the column that names one of them. The
    /// keys of several subnets' stand in the order of the port's addresses, separated by spaces.
    static let dhcpLabels = ["dhcpv4_options": "altostack:dhcp4", "dhcpv6_options": "altostack:dhcp6"]
    /// The label of the one row that a row of another kind names.
    static let referenceLabel = "altostack:reference"
    /// The label of the network of a port.
    static let networkLabel = "altostack:network"
    /// The label of a metadata port's addresses with prefix lengths, separated by spaces.
    static let cidrsLabel = "altostack:cidrs"
    /// The label of a network that leaves the host in tunnels of our own: their kind and key, `vxlan/77`.
    static let tunnelLabel = "altostack:tunnel"
    /// The label of a port that this cloud's agents limit beside OVN.
    static let limitLabel = "altostack:limit"
    /// The label of a port's packet rates.
    static let packetsLabel = "altostack:packets"
    /// The label of the API resource's name.
    static let nameLabel = "altostack:name"

    /// The entity that it is derived from, such as `port/UUID`.
    var owner: String
    /// Which of its rows, such as `acl/UUID`.
    var name: String

    init(owner: String, name: String) { (self.owner, self.name) = (owner, name) }
    init(_ key: TopologyKey, _ name: String) { self.init(owner: key.owner, name: name) }

    /// The key of a row in a replica; nil if it is not ours.
    init?(row: OVSDBRow) {
        let labels = row["external_ids"]?.stringMap ?? [:]
        guard let owner = labels[Self.ownerLabel], let name = labels[Self.rowLabel] else { return nil }
        self.init(owner: owner, name: name)
    }

    /// The key as one text.
    var text: String { "\(owner)#\(name)" }

    static func < (left: OVNRowKey, right: OVNRowKey) -> Bool { (left.owner, left.name) < (right.owner, right.name) }
}

extension TopologyKey {
    /// The owner of the rows derived from the entity.
    var owner: String { "\(kind.rawValue)/\(id)" }
}

/// A row as it should be.
struct OVNRow: Sendable, Equatable {
    /// How it is known again.
    var key: OVNRowKey
    /// Where it is.
    var table: OVNTable
    /// Every column that we decide, labels included; columns that others write are absent.
    var columns: OVSDBRow
    /// The row in which it must stand; nil for tables whose rows stand alone.
    var parent: OVNRowKey?
    /// The port groups that it is a member of.
    var groups: Set<OVNRowKey> = []

    /// A row with its labels.
    init(
        _ table: OVNTable, _ key: OVNRowKey, id: String, parent: OVNRowKey? = nil, labels: [String: String] = [:],
        columns: OVSDBRow
    ) {
        var labels = labels
        labels[OVNRowKey.ownerLabel] = key.owner
        labels[OVNRowKey.rowLabel] = key.name
        labels[OVNRowKey.idLabel] = id
        labels[OVNRowKey.parentLabel] = parent?.text
        (self.table, self.key, self.parent, self.columns) = (table, key, parent, columns)
        self.columns["external_ids"] = .strings(labels)
    }

    /// Makes a column name a row.
    mutating func refer(_ column: String, to key: OVNRowKey) {
        guard let label = table.references[column]?.label else { return }
        columns["external_ids"] = .strings((columns["external_ids"]?.stringMap ?? [:]).merging([label: key.text]) { $1 })
    }
}
