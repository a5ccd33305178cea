/// What the data plane should look like, in the words of the API rather than of any engine. Networking derives these
/// values from its tables; a data plane (OVN, simulated) makes them true. Each entity stands alone: it is applied,
/// replaced or removed by its id.
public enum TopologyEntity: Codable, Sendable, Hashable {
    case network(LogicalNetwork)
    case port(LogicalPort)
    case router(LogicalRouter)
    case securityGroup(LogicalSecurityGroup)

    /// The entity's kind and id.
    public var key: TopologyKey {
        switch self {
        case .network(let value): TopologyKey(kind: .network, id: value.id)
        case .port(let value): TopologyKey(kind: .port, id: value.id)
        case .router(let value): TopologyKey(kind: .router, id: value.id)
        case .securityGroup(let value): TopologyKey(kind: .securityGroup, id: value.id)
        }
    }
}

/// The identity of an entity.
public struct TopologyKey: Codable, Sendable, Hashable {
    /// The kinds of entity.
    public enum Kind: String, Codable, Sendable, CaseIterable { case network, port, router, securityGroup }
    /// The kind.
    public var kind: Kind
    /// The API resource's UUID.
    public var id: String

    /// A key.
    public init(kind: Kind, id: String) { (self.kind, self.id) = (kind, id) }
}

/// A network with its subnets.
public struct LogicalNetwork: Codable, Sendable, Hashable {
    /// The network's UUID.
    public var id: String
    /// Its name, for people who look into the engine.
    public var name: String
    /// The largest packet, in bytes, that guests may send.
    public var mtu: Int
    /// Where it touches the physical world; nil for a tunnelled tenant network.
    public var physical: PhysicalAttachment?
    /// Its subnets.
    public var subnets: [LogicalSubnet]
    /// The port through which guests reach the metadata service, one a network, present wherever a guest of the
    /// network is; nil when no subnet serves DHCP.
    public var metadataPort: MetadataPort?
    /// The GRE or VXLAN tunnels that carry it between hosts; nil for the engine's own.
    public var tunnel: TunnelAttachment?
    /// Whether guests' own 802.1Q tags pass.
    public var carriesTags = false
    /// Whether its tag in the physical world is an outer one (802.1ad).
    public var hasOuterTag = false
    /// Where else it touches the physical world: its further segments, each on a physical network of its own.
    public var furtherPhysical: [PhysicalAttachment] = []
    /// Which of its ports may not talk to all others; nil where all may.
    public var separation: PortSeparation?

    /// A network.
    public init(
        id: String, name: String, mtu: Int, physical: PhysicalAttachment?, subnets: [LogicalSubnet],
        metadataPort: MetadataPort?, tunnel: TunnelAttachment? = nil
    ) {
        (self.id, self.name, self.mtu, self.physical) = (id, name, mtu, physical)
        (self.subnets, self.metadataPort, self.tunnel) = (subnets, metadataPort, tunnel)
    }
}

/// A provider network's place on a physical network.
public struct PhysicalAttachment: Codable, Sendable, Hashable {
    /// The label of the physical network, which each host maps to a bridge.
    public var label: String
    /// The 802.1Q tag, 1 to 4094; nil for a flat network.
    public var vlan: Int?

    /// An attachment.
    public init(label: String, vlan: Int?) { (self.label, self.vlan) = (label, vlan) }
}

/// A subnet.
public struct LogicalSubnet: Codable, Sendable, Hashable {
    /// The subnet's UUID.
    public var id: String
    /// Its range, such as `10.0.0.0/24`.
    public var cidr: String
    /// The default gateway's address, if any.
    public var gateway: String?
    /// Whether guests get their addresses by DHCP.
    public var dhcp: Bool
    /// The resolvers to announce.
    public var nameservers: [String]
    /// Further routes to announce.
    public var hostRoutes: [Route]
    /// How its guests get their addresses by DHCPv6 or without; nil for IPv4 and where nobody said: those who ask get theirs.
    public var addressMode: IPv6AddressMode?

    /// A subnet.
    public init(
        id: String, cidr: String, gateway: String?, dhcp: Bool, nameservers: [String], hostRoutes: [Route],
        addressMode: IPv6AddressMode? = nil
    ) {
        (self.id, self.cidr, self.gateway, self.dhcp) = (id, cidr, gateway, dhcp)
        (self.nameservers, self.hostRoutes, self.addressMode) = (nameservers, hostRoutes, addressMode)
    }
}

/// A static route.
public struct Route: Codable, Sendable, Hashable {
    /// The range it leads to.
    public var destination: String
    /// The address of the next router.
    public var nexthop: String

    /// A route.
    public init(destination: String, nexthop: String) { (self.destination, self.nexthop) = (destination, nexthop) }
}

/// The metadata service's port on a network.
public struct MetadataPort: Codable, Sendable, Hashable {
    /// The port's UUID.
    public var id: String
    /// Its MAC address.
    public var mac: String
    /// Its addresses on the network's DHCP subnets, with prefix length: `10.0.0.2/24`.
    public var addresses: [String]

    /// A metadata port.
    public init(id: String, mac: String, addresses: [String]) { (self.id, self.mac, self.addresses) = (id, mac, addresses) }
}

/// A guest's port. Ports of routers stand in `LogicalRouter`, metadata ports in `LogicalNetwork`.
public struct LogicalPort: Codable, Sendable, Hashable {
    /// The port's UUID; also the `iface-id` of the interface on the host.
    public var id: String
    /// Its network.
    public var networkID: String
    /// Its MAC address.
    public var mac: String
    /// Its addresses with their subnets.
    public var fixedIPs: [FixedIP]
    /// Whether traffic may pass at all.
    public var adminUp: Bool
    /// Whether only its own (and the allowed) addresses may send, and security groups apply.
    public var portSecurity: Bool
    /// Further addresses that may send: `10.0.0.0/24` or an address, each with its MAC.
    public var allowedPairs: [AddressPair]
    /// The security groups it is in.
    public var securityGroupIDs: [String]
    /// The host name announced by DHCP, if any.
    public var hostName: String?
    /// The host where it is bound, if it is.
    public var host: String?
    /// The limits and marks on its traffic; nil for none.
    public var qos: PortQoS?
    /// The trunk that carries it; nil for a port with an interface of its own.
    public var carrier: PortCarrier?
    /// Its own DHCP options; nil for those of its subnets alone.
    public var dhcp: PortDHCP?
    /// What it may send and receive beside what its security groups say; nil for everything.
    public var firewall: LogicalFirewall?
    /// What keeps it apart from other ports of its network; nil for nothing.
    public var isolation: PortIsolation?
    /// The address that other ports carry in its place, in turns; nil for a port that carries its own.
    public var virtualAddress: VirtualAddress?
    /// The network's domain, in which the port's host name is known too; nil for none.
    public var domain: String?

    /// A port.
    public init(
        id: String, networkID: String, mac: String, fixedIPs: [FixedIP], adminUp: Bool, portSecurity: Bool,
        allowedPairs: [AddressPair], securityGroupIDs: [String], hostName: String?, host: String?, qos: PortQoS? = nil,
        carrier: PortCarrier? = nil, dhcp: PortDHCP? = nil
    ) {
        (self.id, self.networkID, self.mac, self.fixedIPs, self.adminUp) = (id, networkID, mac, fixedIPs, adminUp)
        (self.portSecurity, self.allowedPairs, self.securityGroupIDs) = (portSecurity, allowedPairs, securityGroupIDs)
        (self.hostName, self.host, self.qos, self.carrier, self.dhcp) = (hostName, host, qos, carrier, dhcp)
    }
}

/// An address that moves between ports, such as that of VRRP (RFC 5798).
public struct VirtualAddress: Codable, Sendable, Hashable {
    /// The address.
    public var address: String
    /// The ports that may send from it, sorted.
    public var parents: [String]

    /// An address.
    public init(address: String, parents: [String]) { (self.address, self.parents) = (address, parents) }
}

/// An address on a subnet.
public struct FixedIP: Codable, Sendable, Hashable {
    /// The subnet's UUID.
    public var subnetID: String
    /// The address.
    public var address: String

    /// An address.
    public init(subnetID: String, address: String) { (self.subnetID, self.address) = (subnetID, address) }
}

/// A MAC address with an address or range that may send from it.
public struct AddressPair: Codable, Sendable, Hashable {
    /// The MAC address.
    public var mac: String
    /// The address or range.
    public var address: String

    /// A pair.
    public init(mac: String, address: String) { (self.mac, self.address) = (mac, address) }
}

/// A router with its interfaces, its gateway and its floating IPs.
public struct LogicalRouter: Codable, Sendable, Hashable {
    /// The router's UUID.
    public var id: String
    /// Its name, for people who look into the engine.
    public var name: String
    /// Whether traffic may pass at all.
    public var adminUp: Bool
    /// Its interfaces on tenant networks.
    public var interfaces: [RouterInterface]
    /// Its way out.
    public var gateway: RouterGateway?
    /// The floating IPs it translates.
    public var floatingIPs: [FloatingMapping]
    /// Its extra routes.
    public var routes: [Route]
    /// The ports of external addresses that lead to guests.
    public var forwardings: [PortForwardingMapping]
    /// Its other ways out.
    public var furtherGateways: [RouterGateway] = []
    /// Whether it asks the next hops of its default routes for signs of life (BFD), and passes over those that give none.
    public var watchesNexthops = false
    /// The hosts that may carry its gateways, the first choice first; empty for all that carry any.
    public var gatewayHosts: [String] = []

    /// A router.
    public init(
        id: String, name: String, adminUp: Bool, interfaces: [RouterInterface], gateway: RouterGateway?,
        floatingIPs: [FloatingMapping], routes: [Route], forwardings: [PortForwardingMapping] = []
    ) {
        (self.id, self.name, self.adminUp, self.interfaces) = (id, name, adminUp, interfaces)
        (self.gateway, self.floatingIPs, self.routes) = (gateway, floatingIPs, routes)
        self.forwardings = forwardings
    }
}

/// A router's port on a network.
public struct RouterInterface: Codable, Sendable, Hashable {
    /// The port's UUID.
    public var portID: String
    /// The network it is on.
    public var networkID: String
    /// Its MAC address.
    public var mac: String
    /// Its addresses with prefix length: `10.0.0.1/24`.
    public var addresses: [String]
    /// What it advertises to IPv6 guests; nil for nothing.
    public var advertisement: RouterAdvertisement?
    /// What passes between its network and the router; nil for everything.
    public var firewall: LogicalFirewall?

    /// An interface.
    public init(
        portID: String, networkID: String, mac: String, addresses: [String], advertisement: RouterAdvertisement? = nil
    ) {
        (self.portID, self.networkID, self.mac, self.addresses) = (portID, networkID, mac, addresses)
        self.advertisement = advertisement
    }
}

/// A router's external gateway.
public struct RouterGateway: Codable, Sendable, Hashable {
    /// The gateway port on the external network.
    public var interface: RouterInterface
    /// The external networks' own gateway addresses: the default routes' next hops.
    public var nexthops: [String]
    /// The address behind which tenants hide, and the tenant ranges that do; nil when SNAT is off.
    public var snat: SourceNAT?
    /// The limits on what passes that has no floating IP: what leaves (egress) and what comes in. Nil for none.
    public var qos: PortQoS?
    /// The largest packet, in bytes, that every network of the router carries: to senders of larger ones it says so. Nil where
    /// all carry the same.
    public var mtu: Int?

    /// A gateway.
    public init(interface: RouterInterface, nexthops: [String], snat: SourceNAT?) {
        (self.interface, self.nexthops, self.snat) = (interface, nexthops, snat)
    }
}

/// Source address translation at a gateway.
public struct SourceNAT: Codable, Sendable, Hashable {
    /// The external address.
    public var externalIP: String
    /// The tenant ranges.
    public var ranges: [String]

    /// A translation.
    public init(externalIP: String, ranges: [String]) { (self.externalIP, self.ranges) = (externalIP, ranges) }
}

/// A floating IP in use.
public struct FloatingMapping: Codable, Sendable, Hashable {
    /// The floating IP's UUID.
    public var id: String
    /// The external address.
    public var externalIP: String
    /// The fixed address behind it.
    public var internalIP: String
    /// The port that has the fixed address.
    public var portID: String
    /// The MAC address with which the external address answers.
    public var mac: String
    /// The network of the external address.
    public var networkID: String?
    /// The limits on what its address sends (egress) and receives; nil for none.
    public var qos: PortQoS?

    /// A mapping.
    public init(id: String, externalIP: String, internalIP: String, portID: String, mac: String) {
        (self.id, self.externalIP, self.internalIP, self.portID, self.mac) = (id, externalIP, internalIP, portID, mac)
    }
}

/// A security group: what its members' ports may receive and send. What no rule admits is dropped; answers to
/// admitted traffic pass.
public struct LogicalSecurityGroup: Codable, Sendable, Hashable {
    /// The group's UUID.
    public var id: String
    /// Its name, for people who look into the engine.
    public var name: String
    /// Whether answers pass by connection tracking.
    public var stateful: Bool
    /// Its rules.
    public var rules: [LogicalRule]
    /// Which of its members' packets the hosts log; nil for none.
    public var logged: LoggedPackets?

    /// A group.
    public init(id: String, name: String, stateful: Bool, rules: [LogicalRule]) {
        (self.id, self.name, self.stateful, self.rules) = (id, name, stateful, rules)
    }
}

/// Which packets of a security group's members the hosts write to their logs.
public struct LoggedPackets: Codable, Sendable, Hashable {
    /// Whether the first packets of what the group's rules admit.
    public var admitted: Bool
    /// Whether what no rule of any of the members' groups admits.
    public var dropped: Bool

    /// An order to log.
    public init(admitted: Bool, dropped: Bool) { (self.admitted, self.dropped) = (admitted, dropped) }
}

/// A rule that admits traffic.
public struct LogicalRule: Codable, Sendable, Hashable {
    /// Which way, seen from the guest.
    public enum Direction: String, Codable, Sendable { case ingress, egress }
    /// The address family.
    public enum EtherType: String, Codable, Sendable { case ipv4 = "IPv4", ipv6 = "IPv6" }

    /// The rule's UUID.
    public var id: String
    /// Which way.
    public var direction: Direction
    /// The family.
    public var etherType: EtherType
    /// The IP protocol by number or by Neutron's name (`tcp`, `icmpv6` …); nil for any.
    public var ipProtocol: String?
    /// The first port, or ICMP type.
    public var portMin: Int?
    /// The last port, or ICMP code.
    public var portMax: Int?
    /// The other side's range; nil for anyone.
    public var remoteCIDR: String?
    /// The group whose members the other side must be among.
    public var remoteGroupID: String?

    /// A rule.
    public init(
        id: String, direction: Direction, etherType: EtherType, ipProtocol: String?, portMin: Int?, portMax: Int?,
        remoteCIDR: String?, remoteGroupID: String?
    ) {
        (self.id, self.direction, self.etherType, self.ipProtocol) = (id, direction, etherType, ipProtocol)
        (self.portMin, self.portMax, self.remoteCIDR, self.remoteGroupID) = (portMin, portMax, remoteCIDR, remoteGroupID)
    }
}
