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
}
