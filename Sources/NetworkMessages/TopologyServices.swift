/// How a subnet's guests get their IPv6 addresses (Neutron's ipv6_ra_mode and ipv6_address_mode).
public enum IPv6AddressMode: String, Codable, Sendable, Hashable {
    /// They make them from the advertised prefix.
    case slaac
    /// By DHCPv6.
    case stateful
    /// They make them from the advertised prefix, and get the rest by DHCPv6.
    case stateless
}

/// What a router advertises on one of its interfaces (RFC 4861).
public struct RouterAdvertisement: Codable, Sendable, Hashable {
    /// How guests get their addresses.
    public var mode: IPv6AddressMode
    /// The largest packet in bytes.
    public var mtu: Int
    /// The resolvers to announce.
    public var nameservers: [String]

    /// An advertisement.
    public init(mode: IPv6AddressMode, mtu: Int, nameservers: [String] = []) {
        (self.mode, self.mtu, self.nameservers) = (mode, mtu, nameservers)
    }
}

/// One port of an external address that leads to a port of a guest.
public struct PortForwardingMapping: Codable, Sendable, Hashable {
    /// The forwarding's UUID, with a number where one forwarding covers a range of ports.
    public var id: String
    /// `tcp`, `udp` or `sctp`.
    public var ipProtocol: String
    /// The external address.
    public var externalIP: String
    /// The port there.
    public var externalPort: Int
    /// The guest's fixed address.
    public var internalIP: String
    /// The port there.
    public var internalPort: Int

    /// A mapping.
    public init(
        id: String, ipProtocol: String, externalIP: String, externalPort: Int, internalIP: String, internalPort: Int
    ) {
        (self.id, self.ipProtocol, self.externalIP, self.externalPort) = (id, ipProtocol, externalIP, externalPort)
        (self.internalIP, self.internalPort) = (internalIP, internalPort)
    }
}

/// The limits and marks on a port's traffic: the rules of its QoS policy.
public struct PortQoS: Codable, Sendable, Hashable {
    /// A limit on what passes.
    public struct Bandwidth: Codable, Sendable, Hashable {
        /// In kbit/s, at least 1.
        public var rate: Int
        /// What may pass at once beyond the rate, in kbit; 0 for what suits the rate.
        public var burst: Int

        /// A limit.
        public init(rate: Int, burst: Int = 0) { (self.rate, self.burst) = (rate, burst) }
    }

    /// A limit on how many packets pass.
    public struct PacketRate: Codable, Sendable, Hashable {
        /// In packets a second, at least 1.
        public var rate: Int
        /// How many may pass at once beyond the rate; 0 for what suits the rate.
        public var burst: Int

        /// A limit.
        public init(rate: Int, burst: Int = 0) { (self.rate, self.burst) = (rate, burst) }
    }

    /// The limit on how many packets the guest sends; nil for none.
    public var egressPackets: PacketRate?
    /// The limit on how many packets the guest receives; nil for none.
    public var ingressPackets: PacketRate?
    /// The limit on what the guest sends; nil for none.
    public var egress: Bandwidth?
    /// The limit on what the guest receives; nil for none.
    public var ingress: Bandwidth?
    /// The DSCP mark, 0 to 63, on what the guest sends; nil to leave it.
    public var dscp: Int?

    /// Limits and marks.
    public init(egress: Bandwidth? = nil, ingress: Bandwidth? = nil, dscp: Int? = nil) {
        (self.egress, self.ingress, self.dscp) = (egress, ingress, dscp)
    }

    /// Whether nothing is limited or marked.
    public var isEmpty: Bool {
        egress == nil && ingress == nil && dscp == nil && egressPackets == nil && ingressPackets == nil
    }
}

/// A network's place in tunnels between hosts that are not the engine's own.
public struct TunnelAttachment: Codable, Sendable, Hashable {
    /// What is on the wire.
    public enum Kind: String, Codable, Sendable, CaseIterable { case gre, vxlan }

    /// What is on the wire.
    public var kind: Kind
    /// The tunnel's key: GRE's 32 bits, VXLAN's 24.
    public var key: Int
    /// The 802.1Q tag, 1 to 4094, that stands for the network within a host; no two networks share one.
    public var tag: Int

    /// An attachment.
    public init(kind: Kind, key: Int, tag: Int) { (self.kind, self.key, self.tag) = (kind, key, tag) }
}

/// A trunk's hold on a port: its packets travel through another port's interface, told apart by a tag.
public struct PortCarrier: Codable, Sendable, Hashable {
    /// The port at whose interface the packets come and go.
    public var parentID: String
    /// The 802.1Q tag there, 1 to 4094.
    public var tag: Int

    /// A carrier.
    public init(parentID: String, tag: Int) { (self.parentID, self.tag) = (parentID, tag) }
}

/// DHCP options of one port beside those of its subnets.
public struct PortDHCP: Codable, Sendable, Hashable {
    /// An option.
    public struct Option: Codable, Sendable, Hashable {
        /// Its name as Neutron's users know it, such as `bootfile-name`, or its number.
        public var name: String
        /// What the guest is told.
        public var value: String
        /// 4 or 6: of which DHCP it is.
        public var ipVersion: Int

        /// An option.
        public init(name: String, value: String, ipVersion: Int) {
            (self.name, self.value, self.ipVersion) = (name, value, ipVersion)
        }
    }

    /// The options, of which later ones replace the subnets'.
    public var options: [Option]
    /// The port's network, whose subnets the options add to.
    public var network: LogicalNetwork

    /// Options on a network.
    public init(options: [Option], network: LogicalNetwork) { (self.options, self.network) = (options, network) }
}

/// What passes at a router's interface or a guest's port: the first filter that fits decides, and what fits none is
/// dropped. Answers to what was let through pass.
public struct LogicalFirewall: Codable, Sendable, Hashable {
    /// What becomes of traffic of a kind.
    public struct Filter: Codable, Sendable, Hashable {
        /// What becomes of it.
        public enum Action: String, Codable, Sendable { case allow, deny, reject }

        /// The rule's UUID.
        public var id: String
        /// The family.
        public var etherType: LogicalRule.EtherType
        /// The protocol by number or Neutron's name; nil for any.
        public var ipProtocol: String?
        /// Where it comes from, a range; nil for anywhere.
        public var source: String?
        /// Where it goes, a range; nil for anywhere.
        public var destination: String?
        /// The ports it comes from; nil for any.
        public var sourcePorts: ClosedRange<Int>?
        /// The ports it goes to; nil for any.
        public var destinationPorts: ClosedRange<Int>?
        /// What becomes of it.
        public var action: Action

        /// A filter.
        public init(
            id: String, etherType: LogicalRule.EtherType, ipProtocol: String? = nil, source: String? = nil,
            destination: String? = nil, sourcePorts: ClosedRange<Int>? = nil, destinationPorts: ClosedRange<Int>? = nil,
            action: Action
        ) {
            (self.id, self.etherType, self.ipProtocol, self.action) = (id, etherType, ipProtocol, action)
            (self.source, self.destination) = (source, destination)
            (self.sourcePorts, self.destinationPorts) = (sourcePorts, destinationPorts)
        }
    }

    /// What may enter the network or the guest, first things first.
    public var ingress: [Filter]
    /// What may leave it.
    public var egress: [Filter]

    /// A firewall.
    public init(ingress: [Filter], egress: [Filter]) { (self.ingress, self.egress) = (ingress, egress) }
}

/// What keeps a port apart from others of its network. Ports without any are reached by all, and reach all.
public enum PortIsolation: Codable, Sendable, Hashable {
    /// It exchanges packets with no port that is kept apart.
    case isolated
    /// Of the ports that are kept apart, it exchanges packets only with those of a community of this name: letters, digits,
    /// dots and underscores, no digit first.
    case community(String)
}

/// The ports of a network that are kept apart, as the addresses that they may send from.
public struct PortSeparation: Codable, Sendable, Hashable {
    /// The MAC addresses of isolated ports.
    public var isolated: [String]
    /// The MAC addresses of each community's ports, by its name.
    public var communities: [String: [String]]

    /// A separation.
    public init(isolated: [String], communities: [String: [String]]) {
        (self.isolated, self.communities) = (isolated, communities)
    }
}
