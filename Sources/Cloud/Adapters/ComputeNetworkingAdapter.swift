import CloudCore
import CloudStore
import Compute
import Networking

/// Networking as compute asks for it.
struct ComputeNetworkingAdapter: ComputeNetworking {
    let networking: Networking

    func plan(
        _ request: NetworkRequest, projectID: String, isAdmin: Bool, in reader: any Reader
    ) throws -> [PlannedPort] {
        let wanted: NetworksRequest = switch request {
        case .automatic: .automatic
        case .none: .none
        case .explicit(let entries):
            .explicit(entries.map { .init(networkID: $0.networkID, portID: $0.portID, fixedIP: $0.fixedIP) })
        }
        return try refusing {
            try networking.plan(wanted, projectID: projectID, isAdmin: isAdmin, in: reader).map {
                PlannedPort(networkID: $0.networkID, portID: $0.portID, fixedIP: $0.fixedIP)
            }
        }
    }

    func attach(_ plan: [PlannedPort], to owner: PortOwner, in transaction: any Transaction) throws -> [ServerPort] {
        let device = PortDevice(
            id: owner.serverID, owner: "compute:\(owner.availabilityZone)", projectID: owner.projectID,
            hostName: owner.hostName, securityGroupIDs: owner.securityGroupIDs, host: owner.host)
        let plans = plan.map { PortPlan(networkID: $0.networkID, portID: $0.portID, fixedIP: $0.fixedIP) }
        return try refusing { try networking.attach(plans, to: device, in: transaction).map(ServerPort.init) }
    }

    func detach(server id: String, in transaction: any Transaction) throws {
        try networking.detach(device: id, in: transaction)
    }

    func ports(servers: [String], in reader: any Reader) throws -> [String: [ServerPort]] {
        try networking.ports(devices: servers, in: reader).mapValues { $0.map(ServerPort.init) }
    }

    func settle(ports: [String], deadline: Timestamp) async throws {
        try await networking.settled(ports: ports, deadline: deadline)
    }

    func server(network id: String, address: String, in reader: any Reader) throws -> String? {
        try networking.device(network: id, address: address, in: reader)
    }

    func securityGroups(_ namesOrIDs: [String], projectID: String, in reader: any Reader) throws -> [String] {
        try refusing { try networking.securityGroups(namesOrIDs, projectID: projectID, in: reader) }
    }

    /// Turns networking's errors into compute's refusals.
    private func refusing<Answer>(_ body: () throws -> Answer) throws -> Answer {
        do {
            return try body()
        } catch let error as NetworkingError {
            throw NetworkRefusal(error.refusal, error.message)
        }
    }
}

extension NetworkingError {
    /// The kind of refusal that compute answers.
    fileprivate var refusal: NetworkRefusal.Kind {
        switch (kind, type) {
        case (_, "NetworkAmbiguous"): .ambiguous
        case (_, "IpAddressGenerationFailure"): .exhausted
        case (_, "OverQuota"): .quota
        case (.notFound, _): .notFound
        case (.forbidden, _): .forbidden
        case (.badRequest, _): .invalid
        case (.conflict, _), (.preconditionFailed, _), (.unavailable, _), (.notImplemented, _): .conflict
        }
    }
}

extension ServerPort {
    fileprivate init(_ port: DevicePort) {
        self.init(
            id: port.id, networkID: port.networkID, networkName: port.networkName, mac: port.mac, mtu: port.mtu,
            addresses: port.addresses.map {
                Address(
                    address: $0.address, subnetID: $0.subnetID, version: $0.version, cidr: $0.cidr, gateway: $0.gateway,
                    nameservers: $0.nameservers, floatingIPs: $0.floatingIPs)
            }, securityGroups: port.securityGroups)
    }
}
