import CloudCore
import CloudStore
import NetworkMessages

/// What a floating IP shall stand for.
struct FloatingTarget: Sendable, Hashable {
    var portID: String
    /// The address, where the port has several.
    var fixedAddress: String?
    /// The router to translate it, where several could.
    var routerID: String?
}

/// A floating IP as it is asked for.
struct FloatingIPDraft: Sendable {
    var projectID: String
    var networkID: String
    var subnetID: String?
    var address: String?
    var target: FloatingTarget?
    var description = ""
    var dnsName = ""
    var dnsDomain = ""
    var tags: [String] = []
    var qosPolicyID: String?
}

extension Operations {
    func createFloatingIP(
        _ draft: FloatingIPDraft, by caller: Caller, in transaction: any Transaction
    ) throws -> FloatingIP {
        try checkQuota(.floatingip, project: draft.projectID, in: transaction)
        let network = try NetworkRecords.find(draft.networkID, in: transaction).orThrow(.networkNotFound(draft.networkID))
        guard network.isExternal else { throw Self.refused("Network \(network.id) is not a valid external network") }
        let subnets = try SubnetRecords.all(network: network.id, in: transaction)
        guard subnets.contains(where: { $0.cidr.version == .v4 }) else {
            throw Self.refused("Network \(network.id) does not contain any IPv4 subnet")
        }
        let dns = try DNSRules.floating(draft.dnsName, draft.dnsDomain)
        let id = Identifier.uuid()
        let port = try createExternalPort(draft, id: id, on: network, in: transaction)
        guard let address = port.fixedIPs.first(where: { IPAddress($0.address)?.version == .v4 })?.address else {
            throw NetworkingError(
                .badRequest, "ExternalIpAddressExhausted", "Unable to find any IP address on external network \(network.id).")
        }
        var floatingIP = FloatingIP(
            id: id, projectID: draft.projectID, networkID: network.id, address: address, externalPortID: port.id,
            portID: nil, fixedAddress: nil, routerID: nil, dnsName: dns.name, dnsDomain: dns.domain,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        if let target = draft.target { try resolve(target, for: &floatingIP, by: caller, in: transaction) }
        try FloatingIPRecords.insert(floatingIP, in: transaction)
        try setQoSPolicy(draft.qosPolicyID, of: .floatingIP, id, by: caller, in: transaction)
        for tag in draft.tags { try TagRecords.add(tag, to: id, in: transaction) }
        if let router = floatingIP.routerID { try mark(.router, router, in: transaction) }
        return floatingIP
    }

    private static func refused(_ reason: String) -> NetworkingError { .badRequest("floatingip", reason) }

    /// The port that holds the external address belongs to no project: tenants never see it.
    private func createExternalPort(
        _ draft: FloatingIPDraft, id: String, on network: Network, in transaction: any Transaction
    ) throws -> Port {
        var request = AddressRequest(subnetID: draft.subnetID)
        if let text = draft.address {
            guard let address = IPAddress(text) else { throw NetworkingError.badBody("'\(text)' is not a valid IP address") }
            request.address = address
        }
        let asksNothing = request.subnetID == nil && request.address == nil
        let port = PortDraft(
            projectID: "", fixedIPs: asksNothing ? nil : [request], deviceID: id, deviceOwner: DeviceOwner.floatingIP)
        return try createPort(port, on: network, by: .service, in: transaction)
    }

    /// Changes what a floating IP stands for; nil for nothing any more.
    func associate(
        _ floatingIP: FloatingIP, with target: FloatingTarget?, description: String? = nil, by caller: Caller = .service,
        in transaction: any Transaction
    ) throws -> FloatingIP {
        var updated = floatingIP
        // Without a port of its own, its port forwardings keep it with their router.
        (updated.portID, updated.fixedAddress) = (nil, nil)
        if floatingIP.portID != nil { updated.routerID = nil }
        if let target {
            try checkNoForwardings(floatingIP, in: transaction)
            try resolve(target, for: &updated, was: floatingIP, by: caller, in: transaction)
        }
        return try store(updated, was: floatingIP, description: description, in: transaction)
    }

    /// Changes a floating IP's description alone.
    func describe(_ floatingIP: FloatingIP, _ description: String, in transaction: any Transaction) throws -> FloatingIP {
        try store(floatingIP, was: floatingIP, description: description, in: transaction)
    }

    func store(
        _ changed: FloatingIP, was old: FloatingIP, description: String?, in transaction: any Transaction
    ) throws -> FloatingIP {
        var updated = changed
        updated.standard.description = description ?? old.standard.description
        updated.standard = updated.standard.changed()
        try FloatingIPRecords.update(updated, in: transaction)
        for router in Set([old.routerID, updated.routerID].compactMap { $0 }) { try mark(.router, router, in: transaction) }
        return updated
    }

    func deleteFloatingIP(_ floatingIP: FloatingIP, in transaction: any Transaction) throws {
        try checkNoForwardings(floatingIP, in: transaction)
        try TagRecords.removeAll(from: floatingIP.id, in: transaction)
        try FloatingIPRecords.delete(floatingIP.id, in: transaction)
        try PortRecords.delete(floatingIP.externalPortID, in: transaction)
        if let router = floatingIP.routerID { try mark(.router, router, in: transaction) }
    }
}

extension Operations {
    /// Finds the address and the router that a target means, and sets them.
    private func resolve(
        _ target: FloatingTarget, for floatingIP: inout FloatingIP, was old: FloatingIP? = nil, by caller: Caller,
        in reader: any Reader
    ) throws {
        let port = try PortRecords.find(target.portID, in: reader).orThrow(.portNotFound(target.portID))
        guard caller.isAdmin || port.projectID == floatingIP.projectID else {
            throw Self.refused(
                "Cannot process floating IP association with Port \(port.id), since that port is owned by a different project")
        }
        guard !port.deviceOwner.hasPrefix("network:") else {
            throw Self.refused("Port \(port.id) is unable to be assigned a floating IP")
        }
        let fixed = try fixedIP(target, of: port)
        let router = try target.routerID.map { try requested(router: $0, to: floatingIP.networkID, by: caller, in: reader) }
            ?? router(to: floatingIP.networkID, from: fixed, port: port, in: reader)
        let isUnchanged = old?.portID == port.id && old?.fixedAddress == fixed.address
        guard try isUnchanged || !FloatingIPRecords.isAssociated(
            port: port.id, address: fixed.address, network: floatingIP.networkID, in: reader)
        else {
            throw NetworkingError(
                .conflict, "FloatingIPPortAlreadyAssociated",
                "Fixed IP \(fixed.address) of port \(port.id) has a floating IP of network \(floatingIP.networkID) already.")
        }
        (floatingIP.portID, floatingIP.fixedAddress, floatingIP.routerID) = (port.id, fixed.address, router)
    }

    private func fixedIP(_ target: FloatingTarget, of port: Port) throws(NetworkingError) -> FixedIP {
        if let text = target.fixedAddress {
            guard let address = IPAddress(text), address.version == .v4 else {
                throw Self.refused("Cannot process floating IP association with \(text), since that is not an IPv4 address")
            }
            guard let fixed = port.fixedIPs.first(where: { $0.address == address.description }) else {
                throw Self.refused("Port \(port.id) does not have fixed ip \(address)")
            }
            return fixed
        }
        let candidates = port.fixedIPs.filter { IPAddress($0.address)?.version == .v4 }
        guard let first = candidates.first else {
            throw Self.refused("Cannot add floating IP to port \(port.id) that has no fixed IPv4 addresses")
        }
        guard candidates.count == 1 else {
            throw Self.refused(
                "Port \(port.id) has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a"
                    + " floating IP")
        }
        return first
    }

    private func requested(router id: String, to network: String, by caller: Caller, in reader: any Reader) throws -> String {
        let router = try RouterRecords.find(id, in: reader).orThrow(.routerNotFound(id))
        guard caller.isAdmin || router.projectID == caller.projectID else { throw NetworkingError.routerNotFound(id) }
        let gateways = try PortRecords.all(device: id, owner: DeviceOwner.routerGateway, in: reader)
        guard gateways.contains(where: { $0.networkID == network }) else {
            throw NetworkingError(.conflict, "Conflict", "Router \(id) has no external gateway on network \(network).")
        }
        return id
    }

    /// The router that translates addresses of a network for a port's address.
    func router(to network: String, from fixed: FixedIP, port: Port, in reader: any Reader) throws -> String {
        let subnet = try SubnetRecords.find(fixed.subnetID, in: reader).orThrow(.subnetNotFound(fixed.subnetID))
        let routers = try RouterRecords.routers(
            from: subnet.id, gateway: subnet.gateway?.description, to: network, in: reader)
        return try routers.first.orThrow(
            NetworkingError(
                .notFound, "ExternalGatewayForFloatingIPNotFound",
                "External network \(network) is not reachable from subnet \(subnet.id): port \(port.id) cannot be associated"
                    + " with a floating IP."))
    }
}
