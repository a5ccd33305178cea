import CloudStore
import NetworkMessages

// Private networks, whose ports have roles (upstream's extension `pvlan`).
extension Operations {
    func checkPrivate(_ network: Network) throws(NetworkingError) {
        guard network.isPrivate, !network.hasPortSecurity else { return }
        throw NetworkingError(
            .badRequest, "PVLANNetworkPortSecurityDisabled",
            "PVLAN cannot be enabled on network \(network.id): its port security is off.")
    }

    /// Makes a network private, which makes its ports promiscuous, or no longer, which ends their roles.
    func setPrivate(_ network: inout Network, _ isPrivate: Bool, in transaction: any Transaction) throws {
        let wasPrivate = network.isPrivate
        network.isPrivate = isPrivate
        try checkPrivate(network)
        guard isPrivate != wasPrivate else { return }
        if isPrivate, let open = try PrivateRoleRecords.unsecured(network: network.id, in: transaction) {
            throw NetworkingError(
                .badRequest, "PVLANPortSecurityDisabled", "Port \(open) cannot be in a PVLAN: its port security is off.")
        }
        for port in try PrivateRoleRecords.restricted(networks: [network.id], in: transaction)[network.id] ?? [] {
            try mark(.port, port.id, in: transaction)
        }
        try PrivateRoleRecords.setAll(network: network.id, isPrivate ? .promiscuous : nil, in: transaction)
    }

    func setRole(of port: inout Port, _ change: PortChange, in reader: any Reader) throws {
        let request = change.privateRole
        guard port.extras.privateRole != nil || request.type != nil || request.community != nil else { return }
        guard let network = try NetworkRecords.find(port.networkID, in: reader) else { return }
        port.extras.privateRole = try request.role(of: port, replacing: port.extras.privateRole, on: network)
    }

    /// Marks the network of a port that is, or was, kept apart from others: the network knows who is.
    func markPrivate(_ port: Port, _ updated: Port? = nil, in transaction: any Transaction) throws {
        let isKeptApart = [port, updated].contains { $0?.extras.privateRole?.isolation != nil }
        if let updated, updated.extras.privateRole == port.extras.privateRole, updated.mac == port.mac,
            updated.allowedPairs == port.allowedPairs, updated.deviceOwner == port.deviceOwner { return }
        if isKeptApart { try mark(.network, port.networkID, in: transaction) }
    }
}
