import CloudCore
import CloudStore
import Compute
import NetworkMessages
import Networking

/// Networking as compute asks for it.
struct ComputeNetworkingAdapter: ComputeNetworking {
    let networking: Networking

    func plan(_ request: NetworkRequest, for caller: NetworkCaller, in reader: any Reader) throws -> [PlannedPort] {
        let wanted: NetworksRequest = switch request {
        case .automatic: .automatic
        case .none: .none
        case .explicit(let entries):
            .explicit(entries.map { .init(networkID: $0.networkID, portID: $0.portID, fixedIP: $0.fixedIP) })
        }
        // There is a plan for each entry, in their order.
        var tags: [String?] = []
        if case .explicit(let entries) = request { tags = entries.map(\.tag) }
        return try refusing {
            let plans = try networking.plan(
                wanted, projectID: caller.projectID, isAdmin: caller.isAdmin, mayUseExternal: caller.mayUseExternal, in: reader)
            return plans.enumerated().map { index, plan in
                PlannedPort(
                    networkID: plan.networkID, portID: plan.portID, fixedIP: plan.fixedIP,
                    tag: index < tags.count ? tags[index] : nil)
            }
        }
    }

    func attach(_ plan: [PlannedPort], to owner: PortOwner, in transaction: any Transaction) throws -> [ServerPort] {
        try refusing {
            try networking.attach(plan.map(PortPlan.init), to: PortDevice(owner), in: transaction).map(ServerPort.init)
        }
    }

    func resourceRequests(ports: [String], in reader: any Reader) throws -> [PortResourceRequest] {
        try networking.resourceRequests(ports: ports, in: reader).map {
            PortResourceRequest(id: $0.id, resources: $0.resources, requiredTraits: $0.requiredTraits)
        }
    }

    func allocate(_ providers: [String: String], server: String, in transaction: any Transaction) throws -> [String: String] {
        try refusing { try networking.allocate(providers, device: server, in: transaction) }
    }

    func autoAllocate(projectID: String, in transaction: any Transaction) throws -> String {
        try refusing { try networking.autoAllocatedNetwork(projectID: projectID, in: transaction) }
    }

    func servers(withAddressesContaining parts: [String], projectID: String?, in reader: any Reader) throws -> [String] {
        try networking.devices(withAddressesContaining: parts, projectID: projectID, in: reader)
    }

    func attachOne(_ plan: PlannedPort, to owner: PortOwner, in transaction: any Transaction) throws -> ServerPort {
        try refusing {
            let id = try networking.attachOne(PortPlan(plan), to: PortDevice(owner), in: transaction)
            let ports = try networking.ports(devices: [owner.serverID], in: transaction)[owner.serverID] ?? []
            guard let port = ports.first(where: { $0.id == id }) else {
                throw NetworkRefusal(.notFound, "Port id \(id) could not be found.")
            }
            return ServerPort(port)
        }
    }

    func detach(port id: String, server: String, in transaction: any Transaction) throws {
        try networking.detach(port: id, device: server, in: transaction)
    }

    func rebind(server id: String, host: String, in transaction: any Transaction) throws {
        try refusing { try networking.rebind(device: id, host: host, in: transaction) }
    }

    func addAddress(network id: String, server: String, in transaction: any Transaction) throws {
        try refusing { try networking.addAddress(network: id, device: server, in: transaction) }
    }

    func removeAddress(_ address: String, server: String, in transaction: any Transaction) throws -> Bool {
        try refusing { try networking.removeAddress(address, device: server, in: transaction) }
    }

    func setSecurityGroup(
        _ nameOrID: String, isMember: Bool, server: String, projectID: String, in transaction: any Transaction
    ) throws {
        try refusing {
            for id in try networking.securityGroups([nameOrID], projectID: projectID, in: transaction) {
                try networking.changeSecurityGroups(device: server, in: transaction) { groups in
                    groups.removeAll { $0 == id }
                    if isMember { groups.append(id) }
                }
            }
        }
    }

    func associate(
        floatingIP address: String, projectID: String, server: String, fixedAddress: String, in transaction: any Transaction
    ) throws {
        try refusing {
            try networking.lead(
                floatingIP: address, projectID: projectID, toDevice: server, fixedAddress: fixedAddress, in: transaction)
        }
    }

    func disassociate(
        floatingIP address: String, projectID: String, server: String, in transaction: any Transaction
    ) throws -> Bool {
        try refusing {
            try networking.leadAway(floatingIP: address, projectID: projectID, fromDevice: server, in: transaction)
        }
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

    func server(network id: String, address: String, in reader: any Reader) throws -> (id: String, projectID: String)? {
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
            addresses: port.addresses.map(Address.init), securityGroups: port.securityGroups, isActive: port.isActive,
            host: port.host, hasPortSecurity: port.hasPortSecurity)
    }
}

extension ServerPort.Address {
    fileprivate init(_ address: DevicePort.Address) {
        self.init(
            address: address.address, subnetID: address.subnetID, version: address.version, cidr: address.cidr,
            gateway: address.gateway, nameservers: address.nameservers, floatingIPs: address.floatingIPs,
            configuration: Configuration(
                isDHCPEnabled: address.isDHCPEnabled, ipv6Mode: address.addressMode,
                routes: address.hostRoutes.map { Configuration.Route(destination: $0.destination, nextHop: $0.nexthop) }))
    }
}

extension PortDevice {
    fileprivate init(_ owner: PortOwner) {
        self.init(
            id: owner.serverID, owner: "compute:\(owner.availabilityZone)", projectID: owner.projectID,
            hostName: owner.hostName, securityGroupIDs: owner.securityGroupIDs, host: owner.host)
    }
}

extension PortPlan {
    fileprivate init(_ plan: PlannedPort) {
        self.init(networkID: plan.networkID, portID: plan.portID, fixedIP: plan.fixedIP)
    }
}
