import CloudCore
import CloudStore
import NetworkMessages

/// What an update of a subnet changes; nil leaves as it is.
struct SubnetChange: Sendable {
    var name: String?
    var description: String?
    var gateway: SubnetDraft.Gateway?
    var pools: [AddressRange]?
    var isDHCPEnabled: Bool?
    var nameservers: [String]?
    var hostRoutes: [Route]?
    var serviceTypes: [String]?
    var publishesFixedIPs: Bool?
}

extension Operations {
    func createSubnet(
        _ draft: SubnetDraft, on network: Network, from pool: SubnetPool? = nil, tags: [String] = [],
        in transaction: any Transaction
    ) throws -> Subnet {
        let project = draft.projectID ?? network.projectID
        try SubnetRules.check(draft)
        try checkQuota(.subnet, project: project, in: transaction)
        let siblings = try SubnetRecords.all(network: network.id, in: transaction)
        try checkOverlap(draft.cidr, siblings, network)
        try checkAffinity(of: network, siblings, to: pool, draft.cidr.version, in: transaction)
        try checkSegment(draft.segmentID, of: network, siblings, in: transaction)
        try checkMTU(network.mtu, of: network.id, for: draft.cidr.version)
        let gateway = SubnetRules.gateway(of: draft)
        let pools = draft.pools ?? SubnetRules.defaultPools(draft.cidr, gateway: gateway)
        try SubnetRules.check(pools, in: draft.cidr, gateway: draft.pools == nil ? nil : gateway)
        let subnet = Subnet(
            id: Identifier.uuid(), networkID: network.id, projectID: project, name: draft.name, cidr: draft.cidr,
            gateway: gateway, pools: pools, isDHCPEnabled: draft.isDHCPEnabled, nameservers: draft.nameservers,
            hostRoutes: draft.hostRoutes, serviceTypes: draft.serviceTypes, raMode: draft.raMode,
            addressMode: draft.addressMode, publishesFixedIPs: draft.publishesFixedIPs, poolID: pool?.id,
            segmentID: draft.segmentID,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        try SubnetRecords.insert(subnet, in: transaction)
        for tag in tags { try TagRecords.add(tag, to: subnet.id, in: transaction) }
        try settleMetadataPort(of: network, in: transaction)
        if subnet.isAutoAddressed { try addressPorts(on: subnet, in: transaction) }
        try subnetChanged(subnet, in: transaction)
        return subnet
    }

    func updateSubnet(_ subnet: Subnet, _ change: SubnetChange, in transaction: any Transaction) throws -> Subnet {
        var updated = subnet
        updated.name = change.name ?? subnet.name
        updated.standard.description = change.description ?? subnet.standard.description
        updated.isDHCPEnabled = change.isDHCPEnabled ?? subnet.isDHCPEnabled
        updated.nameservers = change.nameservers ?? subnet.nameservers
        updated.hostRoutes = change.hostRoutes ?? subnet.hostRoutes
        updated.serviceTypes = change.serviceTypes ?? subnet.serviceTypes
        updated.publishesFixedIPs = change.publishesFixedIPs ?? subnet.publishesFixedIPs
        updated.pools = change.pools ?? subnet.pools
        try SubnetRules.checkServices(
            nameservers: updated.nameservers, hostRoutes: updated.hostRoutes, version: subnet.cidr.version)
        try checkDHCP(from: subnet, to: updated)
        if let gateway = change.gateway { updated.gateway = try newGateway(gateway, of: subnet, in: transaction) }
        if change.pools != nil || updated.gateway != subnet.gateway {
            try SubnetRules.check(updated.pools, in: subnet.cidr, gateway: updated.gateway)
        }
        updated.standard = updated.standard.changed()
        try SubnetRecords.update(updated, in: transaction)
        if updated.isDHCPEnabled != subnet.isDHCPEnabled, let network = try NetworkRecords.find(subnet.networkID, in: transaction) {
            try settleMetadataPort(of: network, in: transaction)
        }
        try subnetChanged(updated, in: transaction)
        return updated
    }

    func deleteSubnet(_ subnet: Subnet, in transaction: any Transaction) throws {
        let holders = try AddressRecords.holders(subnet: subnet.id, limit: 100_000, in: transaction)
        let blocking = subnet.isAutoAddressed ? holders.filter { $0.deviceOwner == DeviceOwner.routerInterface } : holders
        guard blocking.isEmpty else {
            let named = blocking.prefix(10).map { "\($0.address) of port \($0.portID)" }.joined(separator: ", ")
            throw NetworkingError.subnetInUse(subnet.id, "one or more ports have an address from it: \(named)")
        }
        for holder in holders {
            try AddressRecords.delete(FixedIP(subnetID: subnet.id, address: holder.address), port: holder.portID, in: transaction)
            if let port = try PortRecords.find(holder.portID, in: transaction) { try mark(port, in: transaction) }
        }
        try subnetChanged(subnet, in: transaction)
        let metadata = try PortRecords.automatic(networks: [subnet.networkID], in: transaction)[subnet.networkID]
        for fixed in metadata?.fixedIPs ?? [] where fixed.subnetID == subnet.id {
            try AddressRecords.delete(fixed, port: metadata?.id ?? "", in: transaction)
        }
        try TagRecords.removeAll(from: subnet.id, in: transaction)
        try SubnetRecords.delete(subnet.id, in: transaction)
        if let network = try NetworkRecords.find(subnet.networkID, in: transaction) {
            try settleMetadataPort(of: network, in: transaction)
        }
    }

    /// Marks what a subnet is part of: its network and the routers that meet it.
    private func subnetChanged(_ subnet: Subnet, in transaction: any Transaction) throws {
        try NetworkRecords.touch(subnet.networkID, in: transaction)
        try mark(.network, subnet.networkID, in: transaction)
        for router in try RouterRecords.routers(touching: subnet.id, network: subnet.networkID, in: transaction) {
            try mark(.router, router, in: transaction)
        }
    }
}

// Neutron's rules that need the tables.
extension Operations {
    private func checkOverlap(_ cidr: CIDR, _ siblings: [Subnet], _ network: Network) throws(NetworkingError) {
        guard siblings.contains(where: { $0.cidr.overlaps(cidr) }) else { return }
        throw .invalidInput("Requested subnet with cidr: \(cidr) for network: \(network.id) overlaps with another subnet")
    }

    private func checkDHCP(from subnet: Subnet, to updated: Subnet) throws(NetworkingError) {
        if updated.isDHCPEnabled, !subnet.isDHCPEnabled { try SubnetRules.checkDHCP(subnet.cidr) }
        guard !updated.isDHCPEnabled, subnet.isDHCPEnabled, subnet.raMode != nil || subnet.addressMode != nil else { return }
        throw .invalidInput("Cannot disable enable_dhcp with ipv6 attributes set")
    }

    private func newGateway(
        _ gateway: SubnetDraft.Gateway, of subnet: Subnet, in reader: any Reader
    ) throws -> IPAddress? {
        let address: IPAddress? =
            switch gateway {
            case .none: nil
            case .address(let address): address
            case .automatic: subnet.gateway
            }
        guard address != subnet.gateway else { return address }
        try SubnetRules.checkGateway(address, in: subnet.cidr)
        if let current = subnet.gateway, let port = try AddressRecords.routerPort(subnet: subnet.id, address: current, in: reader) {
            throw NetworkingError(
                .conflict, "GatewayIpInUse", "Current gateway ip \(current) is in use by port \(port) already.")
        }
        return address
    }
}

// The ports that Networking keeps for itself.
extension Operations {
    /// Gives a network that has a DHCP subnet its metadata port, with an address on each such subnet that has one left,
    /// and takes the port from a network that has none.
    func settleMetadataPort(of network: Network, in transaction: any Transaction) throws {
        let subnets = try SubnetRecords.all(network: network.id, in: transaction).filter(\.isDHCPEnabled)
        let existing = try PortRecords.automatic(networks: [network.id], in: transaction)[network.id]
        guard !subnets.isEmpty else {
            if let existing { try PortRecords.delete(existing.id, in: transaction) }
            return
        }
        let port = try existing ?? insertMetadataPort(on: network, in: transaction)
        for fixed in port.fixedIPs where !subnets.contains(where: { $0.id == fixed.subnetID }) {
            try AddressRecords.delete(fixed, port: port.id, in: transaction)
        }
        for subnet in subnets where !port.fixedIPs.contains(where: { $0.subnetID == subnet.id }) {
            // A full subnet's guests still reach the metadata service by the port's other addresses.
            do throws(any Error) {
                if subnet.isAutoAddressed {
                    _ = try allocateAutomatic([subnet], for: port, having: [], in: transaction)
                } else {
                    _ = try allocateAny([subnet], for: port, in: transaction)
                }
            } catch let error as NetworkingError where error.type == "IpAddressGenerationFailure" {
                continue
            }
        }
    }

    private func insertMetadataPort(on network: Network, in transaction: any Transaction) throws -> Port {
        var port = Port(
            id: Identifier.uuid(), networkID: network.id, projectID: network.projectID, name: "", isAdminUp: true,
            mac: try freeMAC(on: network.id, in: transaction), status: .active, deviceID: DeviceOwner.metadataDevice + network.id,
            deviceOwner: DeviceOwner.distributed, hasPortSecurity: false, allowedPairs: [], binding: PortBinding(),
            dnsName: "", standard: StandardAttributes(createdAt: .now))
        if network.isPrivate { port.extras.privateRole = .promiscuous }
        try PortRecords.insert(port, in: transaction)
        return port
    }

    /// Gives the network's ports the addresses they make for themselves on a new subnet.
    private func addressPorts(on subnet: Subnet, in transaction: any Transaction) throws {
        var after = ""
        while true {
            let ports = try PortRecords.guestPorts(network: subnet.networkID, after: after, limit: 500, in: transaction)
            guard let last = ports.last else { return }
            for port in ports where !port.fixedIPs.isEmpty {
                _ = try allocateAutomatic([subnet], for: port, having: port.fixedIPs, in: transaction)
                try mark(port, in: transaction)
            }
            after = last.id
        }
    }

    /// A MAC address that no port of the network has.
    func freeMAC(on network: String, in reader: any Reader) throws -> String {
        for _ in 0..<16 {
            let mac = MACAddress.generated().description
            if try !PortRecords.isTaken(mac: mac, network: network, in: reader) { return mac }
        }
        throw NetworkingError(
            .unavailable, "HostMacAddressGenerationFailure", "No MAC address could be found for network \(network).")
    }
}
