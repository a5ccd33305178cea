import CloudCore
import CloudStore
import NetworkMessages

/// How a request names a router's interface.
enum InterfaceReference: Sendable, Hashable {
    case subnet(String)
    case port(String)
    /// A port that must be on the subnet; for removal only.
    case both(port: String, subnet: String)
}

/// An interface that was added or removed, as the API answers it.
struct InterfaceInfo: Sendable, Hashable {
    var router: Router
    var port: Port
    /// The subnets added or removed.
    var subnetIDs: [String]
}

extension Operations {
    func addInterface(
        _ reference: InterfaceReference, to router: Router, by caller: Caller, in transaction: any Transaction
    ) throws -> InterfaceInfo {
        let info: InterfaceInfo =
            switch reference {
            case .subnet(let id): try addInterface(subnet: id, to: router, by: caller, in: transaction)
            case .port(let id): try addInterface(port: id, to: router, by: caller, in: transaction)
            case .both: throw NetworkingError.badRequest("router", "Cannot specify both subnet-id and port-id")
            }
        try touch(router, in: transaction)
        return info
    }

    private func touch(_ router: Router, in transaction: any Transaction) throws {
        var changed = router
        changed.standard = changed.standard.changed()
        try RouterRecords.update(changed, in: transaction)
        try mark(.router, router.id, in: transaction)
    }

    private func addInterface(
        subnet id: String, to router: Router, by caller: Caller, in transaction: any Transaction
    ) throws -> InterfaceInfo {
        let subnet = try SubnetRecords.find(id, in: transaction).orThrow(.subnetNotFound(id))
        guard let gateway = subnet.gateway else {
            throw NetworkingError.badRequest("router", "Subnet for router interface must have a gateway IP")
        }
        guard caller.isAdmin || subnet.projectID == caller.projectID else {
            throw NetworkingError.badRequest(
                "router", "Cannot add interface to router because subnet \(id) is not owned by project making the request")
        }
        try checkModes(subnet)
        try checkOverlap(of: router, with: [subnet], in: transaction)
        let request = AddressRequest(subnetID: subnet.id, address: gateway)
        if subnet.cidr.version == .v6, let port = try v6Interface(of: router, on: subnet.networkID, in: transaction) {
            let kept = port.fixedIPs.map { AddressRequest(subnetID: $0.subnetID, address: IPAddress($0.address)) }
            let updated = try updatePort(port, PortChange(fixedIPs: kept + [request]), by: .service, in: transaction)
            return InterfaceInfo(router: router, port: updated, subnetIDs: [subnet.id])
        }
        let network = try NetworkRecords.find(subnet.networkID, in: transaction).orThrow(.networkNotFound(subnet.networkID))
        let draft = PortDraft(
            projectID: router.projectID, fixedIPs: [request], deviceID: router.id, deviceOwner: DeviceOwner.routerInterface)
        let port = try createPort(draft, on: network, by: .service, in: transaction)
        return InterfaceInfo(router: router, port: port, subnetIDs: [subnet.id])
    }

    /// A subnet whose hosts address themselves needs router advertisements, which only its router can send.
    private func checkModes(_ subnet: Subnet) throws(NetworkingError) {
        guard subnet.cidr.version == .v6, subnet.raMode == nil,
            subnet.addressMode == .slaac || subnet.addressMode == .stateless
        else { return }
        throw .badRequest(
            "router",
            "IPv6 subnet \(subnet.id) configured to receive RAs from an external router cannot be added to Neutron Router.")
    }

    /// The router's interface on a network that has IPv6 addresses: one port holds them all.
    private func v6Interface(of router: Router, on network: String, in reader: any Reader) throws -> Port? {
        try PortRecords.all(device: router.id, owner: DeviceOwner.routerInterface, in: reader).first { port in
            port.networkID == network && port.fixedIPs.contains { IPAddress($0.address)?.version == .v6 }
        }
    }

    private func addInterface(
        port id: String, to router: Router, by caller: Caller, in transaction: any Transaction
    ) throws -> InterfaceInfo {
        let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
        guard port.deviceID.isEmpty else {
            throw NetworkingError.portInUse(port.id, network: port.networkID, device: port.deviceID)
        }
        guard !port.fixedIPs.isEmpty else {
            throw NetworkingError.badRequest("router", "Router port must have at least one fixed IP")
        }
        let found = try SubnetRecords.find(port.fixedIPs.map(\.subnetID), in: transaction)
        let subnets = port.fixedIPs.compactMap { found[$0.subnetID] }
        for subnet in subnets { try checkModes(subnet) }
        guard subnets.filter({ $0.cidr.version == .v4 }).count <= 1 else {
            throw NetworkingError.badRequest("router", "Cannot have multiple IPv4 subnets on router port")
        }
        try checkOverlap(of: router, with: subnets, in: transaction)
        try checkPools(port, found, by: caller)
        var attached = port
        (attached.deviceID, attached.deviceOwner, attached.status) = (router.id, DeviceOwner.routerInterface, .active)
        (attached.hasPortSecurity, attached.securityGroupIDs) = (false, [])
        attached.standard = attached.standard.changed()
        try PortRecords.update(attached, in: transaction)
        try SecurityGroupRecords.leave(port: port.id, in: transaction)
        // The port's own entity goes; the router's takes it over.
        try mark(port, in: transaction)
        return InterfaceInfo(router: router, port: attached, subnetIDs: subnets.map(\.id))
    }

    /// Outside a subnet's pools only its owner may place a router.
    private func checkPools(_ port: Port, _ subnets: [String: Subnet], by caller: Caller) throws(NetworkingError) {
        guard !caller.isAdmin else { return }
        for fixed in port.fixedIPs {
            guard let subnet = subnets[fixed.subnetID], let address = IPAddress(fixed.address),
                subnet.projectID != caller.projectID, !subnet.pools.contains(where: { $0.contains(address) })
            else { continue }
            throw .badRequest(
                "router",
                "Cannot add interface to router because specified port \(port.id) has an IP address out of the allocation"
                    + " pool of subnet \(subnet.id), which is not owned by the project making the request")
        }
    }
}

// Removal.
extension Operations {
    func removeInterface(
        _ reference: InterfaceReference, from router: Router, in transaction: any Transaction
    ) throws -> InterfaceInfo {
        let interfaces = try PortRecords.all(device: router.id, owner: DeviceOwner.routerInterface, in: transaction)
        let port: Port
        let removed: [String]
        switch reference {
        case .subnet(let id):
            guard try SubnetRecords.find(id, in: transaction) != nil else { throw NetworkingError.subnetNotFound(id) }
            port = try interfaces.first { $0.fixedIPs.contains { $0.subnetID == id } }.orThrow(
                .notFound("RouterInterfaceNotFoundForSubnet", "Interface of router \(router.id) on subnet", id))
            removed = [id]
        case .port(let id):
            port = try interface(id, of: router, among: interfaces)
            removed = port.fixedIPs.map(\.subnetID)
        case .both(let id, let subnet):
            port = try interface(id, of: router, among: interfaces)
            guard port.fixedIPs.contains(where: { $0.subnetID == subnet }) else {
                throw NetworkingError(
                    .badRequest, "SubnetMismatchForPort", "Subnet on port \(id) does not match the requested subnet \(subnet).")
            }
            removed = port.fixedIPs.map(\.subnetID)
        }
        try checkUnused(removed, of: router, in: transaction)
        let rest = port.fixedIPs.filter { !removed.contains($0.subnetID) }
        if rest.isEmpty {
            try removePort(port, in: transaction)
        } else {
            let kept = rest.map { AddressRequest(subnetID: $0.subnetID, address: IPAddress($0.address)) }
            _ = try updatePort(port, PortChange(fixedIPs: kept), by: .service, in: transaction)
        }
        try touch(router, in: transaction)
        return InterfaceInfo(router: router, port: port, subnetIDs: removed)
    }

    private func interface(_ id: String, of router: Router, among interfaces: [Port]) throws(NetworkingError) -> Port {
        guard let port = interfaces.first(where: { $0.id == id }) else {
            throw .notFound("RouterInterfaceNotFound", "Interface of router \(router.id) with id", id)
        }
        return port
    }

    private func checkUnused(_ subnets: [String], of router: Router, in reader: any Reader) throws {
        let isNeeded = try FloatingIPRecords.needs(router: router.id, subnets: subnets, in: reader)
            || PortForwardingRecords.needs(router: router.id, subnets: subnets, in: reader)
        guard !isNeeded else {
            throw NetworkingError(
                .conflict, "RouterInterfaceInUseByFloatingIP",
                "The interface of router \(router.id) on subnet \(subnets.first ?? "") is needed by one or more floating IPs.")
        }
        let ranges = try SubnetRecords.find(subnets, in: reader).values.map(\.cidr)
        for route in router.routes {
            guard let nexthop = IPAddress(route.nexthop), ranges.contains(where: { $0.contains(nexthop) }) else { continue }
            throw NetworkingError(
                .conflict, "RouterInterfaceInUseByRoute",
                "The interface of router \(router.id) on subnet \(subnets.first ?? "") is needed by one or more routes.")
        }
    }
}
