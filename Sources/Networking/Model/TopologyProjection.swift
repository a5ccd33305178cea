import NetworkMessages

/// A network with everything its entity in the topology is made of.
struct NetworkTopology: Sendable {
    var network: Network
    var subnets: [Subnet]
    /// The port through which guests reach the metadata service.
    var metadataPort: Port?
    /// The tag of a GRE or VXLAN network on the hosts' tunnel bridges.
    var tunnelTag: Int?
    /// The ports of a private network that may not talk to all others.
    var restricted: [PrivateRoleRecords.Restricted] = []
    /// All its segments, in their order.
    var segments: [NetworkSegment] = []
}

/// A router with everything its entity in the topology is made of.
struct RouterTopology: Sendable {
    /// A port of the router with the subnets it has addresses on.
    struct Attachment: Sendable {
        var port: Port
        var subnets: [Subnet]
        /// The largest packet of the port's network, in bytes.
        var mtu = 1500
        /// What guards an interface, if anything does.
        var firewall: EffectiveFirewall?
    }

    /// A floating IP with what is known of the port behind it.
    struct Floating: Sendable {
        var floatingIP: FloatingIP
        /// The MAC address of the port that holds the external address.
        var externalMAC: String
        /// Its ports that lead to ports of guests.
        var forwardings: [PortForwarding] = []
        /// The rules of its traffic.
        var rules: [QoSRule] = []
    }

    var router: Router
    var interfaces: [Attachment]
    /// Its gateways, the first one first.
    var gateways: [Attachment]
    /// The rules of what passes the gateways.
    var gatewayRules: [QoSRule] = []
    var floatingIPs: [Floating]
    /// The hosts of the agents it is placed on, the highest priority first.
    var gatewayHosts: [String] = []
}

/// Derives what the data plane should look like from the API's resources. Pure: the same resources, the same entities.
enum TopologyProjection {
    static func entity(_ topology: NetworkTopology) -> TopologyEntity {
        let network = topology.network
        var logical = LogicalNetwork(
            id: network.id, name: network.name, mtu: network.mtu, physical: physical(network.segment),
            subnets: topology.subnets.map(subnet), metadataPort: topology.metadataPort.map { metadata($0, topology.subnets) },
            tunnel: tunnel(network.segment, topology.tunnelTag))
        (logical.carriesTags, logical.hasOuterTag) = (network.isVLANTransparent || network.isQinQ, network.isQinQ)
        logical.furtherPhysical = furtherPhysical(topology.segments)
        if network.isPrivate { logical.separation = separation(topology.restricted) }
        return .network(logical)
    }

    private static func separation(_ ports: [PrivateRoleRecords.Restricted]) -> PortSeparation {
        var separation = PortSeparation(isolated: [], communities: [:])
        for port in ports {
            switch port.isolation {
            case .isolated: separation.isolated += port.macs
            case .community(let name): separation.communities[name, default: []] += port.macs
            }
        }
        return separation
    }

    /// Where a network leaves the host in tunnels of its own; nil for Geneve, which is the engine's own business.
    private static func tunnel(_ segment: Segment, _ tag: Int?) -> TunnelAttachment? {
        guard let key = segment.id, let tag else { return nil }
        switch segment.type {
        case .gre: return TunnelAttachment(kind: .gre, key: key, tag: tag)
        case .vxlan: return TunnelAttachment(kind: .vxlan, key: key, tag: tag)
        case .local, .flat, .vlan, .geneve: return nil
        }
    }

    private static func physical(_ segment: Segment) -> PhysicalAttachment? {
        segment.physicalNetwork.map { PhysicalAttachment(label: $0, vlan: segment.type == .vlan ? segment.id : nil) }
    }

    /// The places of a network's further segments. Two on the same physical network would be one bridge between them there: the
    /// first of them counts. A network that begins as a tunnel stays one, or hosts without the physical network would lose it.
    private static func furtherPhysical(_ segments: [NetworkSegment]) -> [PhysicalAttachment] {
        guard segments.first?.segment.physicalNetwork != nil else { return [] }
        var labels: Set<String> = []
        return segments.compactMap { segment in
            guard let place = physical(segment.segment), labels.insert(place.label).inserted, segment.index > 0 else { return nil }
            return place
        }
    }

    private static func subnet(_ subnet: Subnet) -> LogicalSubnet {
        LogicalSubnet(
            id: subnet.id, cidr: subnet.cidr.description, gateway: subnet.gateway?.description, dhcp: subnet.isDHCPEnabled,
            nameservers: subnet.nameservers, hostRoutes: subnet.hostRoutes, addressMode: subnet.addressMode.map(mode))
    }

    private static func mode(_ mode: IPv6Mode) -> IPv6AddressMode {
        switch mode {
        case .slaac: .slaac
        case .stateful: .stateful
        case .stateless: .stateless
        }
    }

    /// What a router tells the guests of an interface; nil where no subnet asks a router of ours to.
    private static func advertisement(_ attachment: RouterTopology.Attachment) -> RouterAdvertisement? {
        let subnets = attachment.subnets.filter { $0.raMode != nil }
        guard let first = subnets.first?.raMode else { return nil }
        return RouterAdvertisement(mode: mode(first), mtu: attachment.mtu, nameservers: subnets.flatMap(\.nameservers))
    }

    private static func metadata(_ port: Port, _ subnets: [Subnet]) -> MetadataPort {
        MetadataPort(id: port.id, mac: port.mac, addresses: addresses(port, subnets.filter(\.isDHCPEnabled)))
    }

    /// A port's addresses on the given subnets, with prefix length.
    private static func addresses(_ port: Port, _ subnets: [Subnet]) -> [String] {
        port.fixedIPs.compactMap { fixed in
            subnets.first { $0.id == fixed.subnetID }.map { "\(fixed.address)/\($0.cidr.prefixLength)" }
        }
    }

    /// A guest's port; `network` is its network where it has DHCP options of its own, `domain` its network's where it has a name.
    static func entity(
        _ port: Port, carrier: PortCarrier? = nil, network: LogicalNetwork? = nil, qos: PortQoS? = nil,
        firewall: EffectiveFirewall? = nil, virtual: VirtualAddress? = nil, domain: String? = nil
    ) -> TopologyEntity {
        var logical = LogicalPort(
            id: port.id, networkID: port.networkID, mac: port.mac, fixedIPs: port.fixedIPs, adminUp: port.isAdminUp,
            portSecurity: port.hasPortSecurity, allowedPairs: port.allowedPairs,
            securityGroupIDs: port.hasPortSecurity ? port.securityGroupIDs : [],
            hostName: port.dnsName.isEmpty ? nil : port.dnsName,
            host: port.binding.host.isEmpty ? nil : port.binding.host, qos: qos, carrier: carrier,
            dhcp: network.flatMap { dhcp(port.extras.dhcpOptions, $0) })
        logical.firewall = firewall.map(Self.firewall)
        logical.isolation = port.extras.privateRole?.isolation
        (logical.virtualAddress, logical.domain) = (virtual, domain)
        return .port(logical)
    }

    private static func dhcp(_ options: [DHCPOption], _ network: LogicalNetwork) -> PortDHCP? {
        guard !options.isEmpty else { return nil }
        let told = options.compactMap { option in
            option.value.map { PortDHCP.Option(name: option.name, value: $0, ipVersion: option.ipVersion) }
        }
        return PortDHCP(options: told, network: network)
    }

    static func entity(_ topology: RouterTopology) -> TopologyEntity {
        var router = LogicalRouter(
            id: topology.router.id, name: topology.router.name, adminUp: topology.router.isAdminUp,
            interfaces: topology.interfaces.map(interface), gateway: nil,
            floatingIPs: topology.floatingIPs.compactMap(mapping), routes: topology.router.routes,
            forwardings: topology.floatingIPs.flatMap { forwardings($0.forwardings, of: $0.floatingIP) })
        let gateways = gateways(topology)
        router.gatewayHosts = topology.gatewayHosts
        router.gateway = gateways.first
        router.furtherGateways = Array(gateways.dropFirst())
        router.watchesNexthops = topology.router.defaultRoute.isBFD
        return .router(router)
    }

    static func interface(_ attachment: RouterTopology.Attachment) -> RouterInterface {
        var interface = RouterInterface(
            portID: attachment.port.id, networkID: attachment.port.networkID, mac: attachment.port.mac,
            addresses: addresses(attachment.port, attachment.subnets), advertisement: advertisement(attachment))
        interface.firewall = attachment.firewall.map(firewall)
        return interface
    }

    private static func mapping(_ floating: RouterTopology.Floating) -> FloatingMapping? {
        guard let portID = floating.floatingIP.portID, let fixed = floating.floatingIP.fixedAddress else { return nil }
        var mapping = FloatingMapping(
            id: floating.floatingIP.id, externalIP: floating.floatingIP.address, internalIP: fixed, portID: portID,
            mac: floating.externalMAC)
        mapping.networkID = floating.floatingIP.networkID
        mapping.qos = qos(floating.rules)
        return mapping
    }

    /// A security group; `addresses` are the ranges of the address groups that its rules name.
    static func entity(
        _ group: SecurityGroup, rules: [SecurityGroupRule], addresses: [String: [String]] = [:], events: [PacketLog.Event] = []
    ) -> TopologyEntity {
        var logical = LogicalSecurityGroup(
            id: group.id, name: group.name, stateful: group.isStateful,
            rules: rules.flatMap { self.logical($0, addresses) }.sorted { $0.id < $1.id })
        if !events.isEmpty {
            logical.logged = LoggedPackets(admitted: events.contains { $0 != .drop }, dropped: events.contains { $0 != .accept })
        }
        return .securityGroup(logical)
    }

    /// A rule, or one for each range of its address group that is of its family: none for a group without any.
    private static func logical(_ rule: SecurityGroupRule, _ addresses: [String: [String]]) -> [LogicalRule] {
        guard let id = rule.remoteAddressGroupID else { return [self.rule(rule)] }
        let ranges = (addresses[id] ?? []).compactMap { CIDR($0) }
        return ranges.filter { ($0.version == .v4) == (rule.etherType == .ipv4) }.map { range in
            var logical = self.rule(rule)
            logical.id += "/\(range)"
            logical.remoteCIDR = range.description
            return logical
        }
    }

    private static func rule(_ rule: SecurityGroupRule) -> LogicalRule {
        LogicalRule(
            id: rule.id, direction: rule.direction, etherType: rule.etherType, ipProtocol: rule.ipProtocol,
            portMin: rule.portMin, portMax: rule.portMax,
            remoteCIDR: rule.remoteCIDR.flatMap { CIDR($0)?.description }, remoteGroupID: rule.remoteGroupID)
    }
}

extension TopologyProjection {
    /// What a policy's rules mean for a port's traffic; nil for none that the engine enforces.
    static func qos(_ rules: [QoSRule]) -> PortQoS? {
        func limit(_ direction: QoSDirection) -> PortQoS.Bandwidth? {
            rules.first { $0.type == .bandwidthLimit && $0.direction == direction }.map { .init(rate: $0.value, burst: $0.burst) }
        }
        func packets(_ direction: QoSDirection) -> PortQoS.PacketRate? {
            rules.first { $0.type == .packetRateLimit && $0.direction == direction }
                .map { .init(rate: $0.value * 1_000, burst: $0.burst * 1_000) }
        }
        var qos = PortQoS(
            egress: limit(.egress), ingress: limit(.ingress), dscp: rules.first { $0.type == .dscpMarking }?.value)
        (qos.egressPackets, qos.ingressPackets) = (packets(.egress), packets(.ingress))
        return qos.isEmpty ? nil : qos
    }
}
