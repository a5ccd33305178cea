import NetworkMessages

// What stands beside a router's interfaces and translations.
extension TopologyProjection {
    /// The protocols whose ports the engine can forward; others are kept in the API only.
    private static let forwardable: Set = ["tcp", "udp", "sctp"]

    /// The forwarded ports of a floating IP, one by one.
    static func forwardings(_ forwardings: [PortForwarding], of floatingIP: FloatingIP) -> [PortForwardingMapping] {
        forwardings.filter { forwardable.contains($0.ipProtocol) }.sorted { $0.id < $1.id }.flatMap { forwarding in
            forwarding.external.enumerated().map { position, external in
                PortForwardingMapping(
                    id: forwarding.external.count == 1 ? forwarding.id : "\(forwarding.id)/\(external)",
                    ipProtocol: forwarding.ipProtocol, externalIP: floatingIP.address, externalPort: external,
                    internalIP: forwarding.address,
                    internalPort: min(forwarding.internal.lowerBound + position, forwarding.internal.upperBound))
            }
        }
    }

    /// A router's gateways with the default routes that hold. Only with ECMP is there more than one a family; the first
    /// gateway's is the one otherwise.
    static func gateways(_ topology: RouterTopology) -> [RouterGateway] {
        var routed: Set<IPAddress.Version> = []
        let sizes = Set((topology.interfaces + topology.gateways).map(\.mtu))
        return topology.gateways.enumerated().map { position, gateway in
            let nexthops = gateway.subnets.compactMap(\.gateway).filter { nexthop in
                let isFirst = routed.insert(nexthop.version).inserted
                return isFirst || topology.router.defaultRoute.isECMP
            }
            // Out there it is a guest among others: what is advertised is the outside's business.
            var outside = interface(gateway)
            (outside.advertisement, outside.firewall) = (nil, nil)
            var seen: Set<String> = []
            var logical = RouterGateway(
                interface: outside, nexthops: nexthops.map(\.description).filter { seen.insert($0).inserted },
                snat: snat(topology, gateway))
            // Upstream's policies are those of the first gateway's address.
            logical.qos = position == 0 ? qos(topology.gatewayRules) : nil
            logical.mtu = sizes.count > 1 ? sizes.min() : nil
            return logical
        }
    }

    private static func snat(_ topology: RouterTopology, _ gateway: RouterTopology.Attachment) -> SourceNAT? {
        let external = gateway.port.fixedIPs.first { IPAddress($0.address)?.version == .v4 }
        guard topology.router.isSNATEnabled, let external else { return nil }
        let ranges = Set(topology.interfaces.flatMap(\.subnets).map(\.cidr).filter { $0.version == .v4 }.map(\.description))
        return ranges.isEmpty ? nil : SourceNAT(externalIP: external.address, ranges: ranges.sorted())
    }

    /// A firewall for the data plane; one that is down lets nothing through.
    static func firewall(_ firewall: EffectiveFirewall) -> LogicalFirewall {
        guard firewall.isAdminUp else { return LogicalFirewall(ingress: [], egress: []) }
        return LogicalFirewall(ingress: firewall.ingress.map(filter), egress: firewall.egress.map(filter))
    }

    private static func filter(_ rule: FirewallRule) -> LogicalFirewall.Filter {
        let action: LogicalFirewall.Filter.Action =
            switch rule.action {
            case .allow: .allow
            case .deny: .deny
            case .reject: .reject
            }
        return LogicalFirewall.Filter(
            id: rule.id, etherType: rule.ipVersion == 6 ? .ipv6 : .ipv4, ipProtocol: rule.ipProtocol, source: rule.source,
            destination: rule.destination, sourcePorts: rule.sourcePort.flatMap(PortForwarding.range),
            destinationPorts: rule.destinationPort.flatMap(PortForwarding.range), action: action)
    }
}
