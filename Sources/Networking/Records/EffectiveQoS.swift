import CloudStore

/// The QoS rules that hold for resources, for the projection to the data plane. A constant number of queries for however
/// many resources; those without rules are left out.
enum EffectiveQoS {
    /// The rules of ports by port: those of the port's own policy, else of its network's. A network's policy does not
    /// hold for the network's own devices, except for gateways.
    static func rules(ports: [Port], in reader: any Reader) throws -> [String: [QoSRule]] {
        let networks = try QoSBindingRecords.policies(.network, Set(ports.map(\.networkID)), in: reader)
        let policies = ports.compactMap { port -> (String, String)? in
            let inherits = !port.deviceOwner.hasPrefix("network:") || port.deviceOwner == DeviceOwner.routerGateway
            return (port.extras.qosPolicyID ?? (inherits ? networks[port.networkID] : nil)).map { (port.id, $0) }
        }
        return try rules(policies, in: reader)
    }

    /// The rules of networks by network.
    static func rules(networks ids: [String], in reader: any Reader) throws -> [String: [QoSRule]] {
        try rules(QoSBindingRecords.policies(.network, ids, in: reader).map { ($0.key, $0.value) }, in: reader)
    }

    /// The rules of floating IPs by floating IP: those of its own policy, else of the external network's.
    static func rules(floatingIPs: [FloatingIP], in reader: any Reader) throws -> [String: [QoSRule]] {
        let own = try QoSBindingRecords.policies(.floatingIP, floatingIPs.map(\.id), in: reader)
        let networks = try QoSBindingRecords.policies(.network, Set(floatingIPs.map(\.networkID)), in: reader)
        let policies = floatingIPs.compactMap { floatingIP in
            (own[floatingIP.id] ?? networks[floatingIP.networkID]).map { (floatingIP.id, $0) }
        }
        return try rules(policies, in: reader)
    }

    /// The rules of routers' gateways by router: those of its own policy, else of the external network's.
    /// - Parameter gateways: the gateways' ports.
    static func rules(gateways: [Port], in reader: any Reader) throws -> [String: [QoSRule]] {
        let own = try QoSBindingRecords.policies(.router, gateways.map(\.deviceID), in: reader)
        let networks = try QoSBindingRecords.policies(.network, Set(gateways.map(\.networkID)), in: reader)
        let policies = gateways.compactMap { port in
            (own[port.deviceID] ?? networks[port.networkID]).map { (port.deviceID, $0) }
        }
        return try rules(policies, in: reader)
    }

    private static func rules(_ policies: [(String, String)], in reader: any Reader) throws -> [String: [QoSRule]] {
        guard !policies.isEmpty else { return [:] }
        let rules = try QoSRuleRecords.all(policies: Array(Set(policies.map(\.1))), in: reader)
        return Dictionary(policies.compactMap { id, policy in rules[policy].map { (id, $0) } }) { first, _ in first }
    }
}
