import CloudCore
import NetworkMessages

/// What every resource of Neutron carries (the standard attributes).
struct StandardAttributes: Sendable, Hashable {
    /// Free text; empty where none was given.
    var description: String
    /// When the resource came to be.
    let createdAt: Timestamp
    /// When it last changed.
    var updatedAt: Timestamp
    /// Counts the changes; a client names it in `If-Match` to change only what it has seen.
    var revision: Int

    init(description: String = "", createdAt: Timestamp, updatedAt: Timestamp? = nil, revision: Int = 1) {
        (self.description, self.createdAt, self.updatedAt) = (description, createdAt, updatedAt ?? createdAt)
        self.revision = revision
    }
}

/// How a network's packets travel between hosts.
enum NetworkType: String, Sendable, Hashable, CaseIterable {
    case local, flat, vlan, vxlan, gre, geneve

    /// Whether it lives on a named physical network.
    var isPhysical: Bool { self == .flat || self == .vlan }
}

/// A network's place among the others of its type.
struct Segment: Sendable, Hashable {
    var type: NetworkType
    /// The physical network's label, for flat and VLAN.
    var physicalNetwork: String?
    /// The VLAN tag or the tunnel key.
    var id: Int?

    /// A text that no two networks may share; nil for types that do not mind.
    var uniqueKey: String? {
        type == .local ? nil : "\(type.rawValue):\(physicalNetwork ?? ""):\(id.map(String.init) ?? "")"
    }
}

/// A network: one Ethernet segment.
struct Network: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    var isAdminUp: Bool
    /// Whom it is open to besides its own project.
    var sharing: Sharing = .none
    var isExternal: Bool
    var isDefault: Bool
    var segment: Segment
    /// The largest packet in bytes.
    var mtu: Int
    var hasPortSecurity: Bool
    var dnsDomain: String
    var zoneHints: [String]
    /// Whether guests' own 802.1Q tags travel on it.
    var isVLANTransparent = false
    /// Whether its own tag is an outer one (802.1ad), with guests' tags inside.
    var isQinQ = false
    /// Whether its ports have roles that keep them apart.
    var isPrivate = false
    var standard: StandardAttributes
}

/// How IPv6 addresses and router advertisements are given out.
enum IPv6Mode: String, Sendable, Hashable, CaseIterable {
    case slaac
    case stateful = "dhcpv6-stateful"
    case stateless = "dhcpv6-stateless"
}

/// A subnet: a range of addresses on a network.
struct Subnet: Sendable, Hashable {
    let id: String
    let networkID: String
    let projectID: String
    var name: String
    let cidr: CIDR
    var gateway: IPAddress?
    var pools: [AddressRange]
    var isDHCPEnabled: Bool
    var nameservers: [String]
    var hostRoutes: [Route]
    /// The device owners it is for; empty for all.
    var serviceTypes: [String]
    let raMode: IPv6Mode?
    let addressMode: IPv6Mode?
    /// Whether its addresses are to be known in DNS outside the cloud.
    var publishesFixedIPs = false
    /// The subnet pool that its range is from.
    var poolID: String? = nil
    /// The segment that it is on, in a network whose subnets are.
    var segmentID: String? = nil
    var standard: StandardAttributes

    /// Whether ports give themselves their address from their MAC address.
    var isAutoAddressed: Bool {
        let modes = [raMode, addressMode]
        return cidr.version == .v6 && (modes.contains(.slaac) || modes.contains(.stateless))
    }
}

/// Who uses a port, as upstream's constants.
enum DeviceOwner {
    static let routerInterface = "network:router_interface"
    static let routerGateway = "network:router_gateway"
    static let floatingIP = "network:floatingip"
    static let distributed = "network:distributed"
    static let compute = "compute:"

    /// What the device of a network's own metadata port begins with; the network's id follows. The network takes the port with it.
    static let metadataDevice = "ovnmeta-"
    /// Ports that stand in a router's or a network's entity of the topology rather than in their own.
    static let infrastructure: Set = [routerInterface, routerGateway, floatingIP, distributed]
}

/// What a port's packets can do.
enum PortStatus: String, Sendable, Hashable {
    case active = "ACTIVE"
    case down = "DOWN"
    case notApplicable = "N/A"
}

/// A port: an interface on a network.
struct Port: Sendable, Hashable {
    let id: String
    let networkID: String
    var projectID: String
    var name: String
    var isAdminUp: Bool
    var mac: String
    var status: PortStatus
    var deviceID: String
    var deviceOwner: String
    var hasPortSecurity: Bool
    /// Further addresses that may send.
    var allowedPairs: [AddressPair]
    var binding: PortBinding
    var dnsName: String
    /// Whether it was made for its device and goes with it; a port that a device was given outlives it.
    var isMadeForDevice = false
    /// What few ports are asked for.
    var extras = PortExtras()
    var standard: StandardAttributes
    /// Its addresses, in the order they were given.
    var fixedIPs: [FixedIP] = []
    /// The security groups it is in.
    var securityGroupIDs: [String] = []
}

/// Where and how a port is plugged.
struct PortBinding: Sendable, Hashable {
    /// The host; empty while unbound.
    var host = ""
    /// What the compute service says about the interface.
    var profile: JSON = .object([:])
    /// The kind of interface asked for, such as `normal`.
    var vnicType = "normal"

    /// The kind of interface made: `ovs` on a host that has one.
    var vifType: String { host.isEmpty ? "unbound" : "ovs" }
}

/// A router.
struct Router: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    var isAdminUp: Bool
    /// Whether tenants reach the outside behind the gateway's address.
    var isSNATEnabled: Bool
    /// The port on the external network, if there is a gateway.
    var gatewayPortID: String?
    var routes: [Route]
    var zoneHints: [String]
    /// How its default routes are made.
    var defaultRoute = DefaultRouteOptions()
    /// The flavor it was made with.
    var flavorID: String?
    var standard: StandardAttributes
}

/// How a router with several gateways uses them.
struct DefaultRouteOptions: Sendable, Hashable {
    /// Whether traffic spreads over all next hops (ECMP).
    var isECMP = false
    /// Whether next hops are watched (BFD).
    var isBFD = false
}

/// A floating IP: an external address that may stand for a port's fixed one.
struct FloatingIP: Sendable, Hashable {
    let id: String
    let projectID: String
    let networkID: String
    let address: String
    /// The port that holds the external address.
    let externalPortID: String
    var portID: String?
    var fixedAddress: String?
    var routerID: String?
    var dnsName: String
    var dnsDomain: String
    var standard: StandardAttributes

    /// It works once a router translates it: for its port, or for its port forwardings.
    var status: String { routerID == nil ? "DOWN" : "ACTIVE" }
}

/// A security group.
struct SecurityGroup: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    var isStateful: Bool
    /// Whether it is the one that a project's ports get when they name none.
    let isDefault: Bool
    /// Whom it is open to besides its own project.
    var sharing: Sharing = .none
    var standard: StandardAttributes
}

/// A rule that admits traffic.
struct SecurityGroupRule: Sendable, Hashable {
    let id: String
    let groupID: String
    let projectID: String
    let direction: LogicalRule.Direction
    let etherType: LogicalRule.EtherType
    /// The protocol's name or number; nil for any.
    let ipProtocol: String?
    let portMin: Int?
    let portMax: Int?
    let remoteCIDR: String?
    let remoteGroupID: String?
    let remoteAddressGroupID: String?
    let standard: StandardAttributes

    /// Equal for rules that admit the same traffic.
    var fingerprint: String {
        var parts: [String] = [
            direction.rawValue, etherType.rawValue, ipProtocol.map { SecurityRules.number(of: $0, etherType) } ?? "",
            portMin.map(String.init) ?? "", portMax.map(String.init) ?? "",
            remoteCIDR.flatMap { CIDR($0)?.prefixLength == 0 ? nil : $0 } ?? "", remoteGroupID ?? "",
        ]
        if let remoteAddressGroupID { parts.append(remoteAddressGroupID) }
        return parts.joined(separator: "|")
    }
}

/// A host's network agent.
struct NetworkAgentRecord: Sendable, Hashable {
    /// What upstream calls the agent that serves a host in an OVN deployment.
    static let type = "OVN Controller Gateway agent"
    static let binary = "ovn-controller"
    static let topic = "n/a"

    let id: String
    let host: String
    var zone: String
    var isAdminUp: Bool
    var description: String
    var configurations: JSON
    let createdAt: Timestamp
    var startedAt: Timestamp
    var heartbeatAt: Timestamp

    /// The oldest heartbeat of an agent that counts as alive (agent_down_time of 75 seconds).
    static var aliveLimit: Timestamp { .now + .seconds(-75) }

    var isAlive: Bool { heartbeatAt >= Self.aliveLimit }
}
