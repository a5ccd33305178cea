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

    /// A firewall; one that is down admits nothing.
    static func firewall(_ firewall: EffectiveFirewall) -> LogicalFirewall {
        guard firewall.isAdminUp else { return LogicalFirewall(ingress: [], egress: []) }
        return LogicalFirewall(ingress: firewall.ingress.map(filter), egress: firewall.egress.map(filter))
    }

    private static func filter(_ rule: FirewallRule) -> FirewallFilter {
        FirewallFilter(
            etherType: rule.ipVersion == 6 ? .ipv6 : .ipv4, ipProtocol: rule.ipProtocol, source: rule.source,
            destination: rule.destination, sourcePorts: rule.sourcePort.flatMap(PortForwarding.range),
            destinationPorts: rule.destinationPort.flatMap(PortForwarding.range), admits: rule.action == .allow)
    }
}
