import CloudCore
import CloudStore
import NetworkMessages

/// A router's way out as it is asked for.
struct GatewayDraft: Sendable, Hashable {
    var networkID: String
    /// Nil leaves as it is; a new gateway has it on.
    var isSNATEnabled: Bool?
    /// The addresses to have; nil for any.
    var fixedIPs: [AddressRequest]?
    /// The QoS policy to be under; nil leaves as it is.
    var qosPolicyID: String??
}

/// A router as it is asked for.
struct RouterDraft: Sendable {
    var projectID: String
    var name = ""
    var description = ""
    var isAdminUp = true
    var gateway: GatewayDraft?
    var zoneHints: [String] = []
    var tags: [String] = []
}

/// What an update of a router changes; nil leaves as it is.
struct RouterChange: Sendable {
    /// What becomes of the gateway.
    enum Gateway: Sendable, Hashable {
        case none
        case set(GatewayDraft)
    }

    var name: String?
    var description: String?
    var isAdminUp: Bool?
    var gateway: Gateway?
    var routes: [Route]?
}

extension Operations {
    /// The most extra routes a router may have (max_routes).
    static let routeLimit = 30

    func createRouter(_ draft: RouterDraft, by caller: Caller, in transaction: any Transaction) throws -> Router {
        try checkQuota(.router, project: draft.projectID, in: transaction)
        try checkZones(draft.zoneHints)
        var router = Router(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name, isAdminUp: draft.isAdminUp,
            isSNATEnabled: draft.gateway?.isSNATEnabled ?? true, gatewayPortID: nil, routes: [],
            zoneHints: draft.zoneHints, standard: StandardAttributes(description: draft.description, createdAt: .now))
        try RouterRecords.insert(router, in: transaction)
        if let gateway = draft.gateway {
            router.gatewayPortID = try openGateway(of: router, gateway, in: transaction)
            try RouterRecords.update(router, in: transaction)
        }
        for tag in draft.tags { try TagRecords.add(tag, to: router.id, in: transaction) }
        try mark(.router, router.id, in: transaction)
        return router
    }

    func updateRouter(_ router: Router, _ change: RouterChange, in transaction: any Transaction) throws -> Router {
        var updated = router
        updated.name = change.name ?? router.name
        updated.standard.description = change.description ?? router.standard.description
        updated.isAdminUp = change.isAdminUp ?? router.isAdminUp
        if let gateway = change.gateway { try settleGateway(of: &updated, gateway, in: transaction) }
        if let routes = change.routes { updated.routes = try canonical(routes) }
        if change.routes != nil || change.gateway != nil { try checkRoutes(updated.routes, of: updated, in: transaction) }
        updated.standard = updated.standard.changed()
        try RouterRecords.update(updated, in: transaction)
        try mark(.router, router.id, in: transaction)
        return updated
    }

    func deleteRouter(_ router: Router, in transaction: any Transaction) throws {
        let interfaces = try PortRecords.all(device: router.id, owner: DeviceOwner.routerInterface, in: transaction)
        guard interfaces.isEmpty else { throw NetworkingError.routerInUse(router.id, "still has ports") }
        guard try !FloatingIPRecords.needs(router: router.id, subnets: nil, in: transaction) else {
            throw NetworkingError.routerInUse(router.id, "still has floating IPs")
        }
        try TagRecords.removeAll(from: router.id, in: transaction)
        try RouterRecords.delete(router.id, in: transaction)
        if let port = router.gatewayPortID { try PortRecords.delete(port, in: transaction) }
        try mark(.router, router.id, in: transaction)
    }
}

// The gateway.
extension Operations {
    private func settleGateway(
        of router: inout Router, _ change: RouterChange.Gateway, in transaction: any Transaction
    ) throws {
        let current = try router.gatewayPortID.flatMap { try PortRecords.find($0, in: transaction) }
        guard case .set(let gateway) = change else {
            if let current { try closeGateway(of: &router, current, in: transaction) }
            return
        }
        router.isSNATEnabled = gateway.isSNATEnabled ?? (current == nil ? true : router.isSNATEnabled)
        if let current, current.networkID == gateway.networkID {
            guard let requests = gateway.fixedIPs else { return }
            try checkGatewayAddresses(requests, on: try externalNetwork(gateway.networkID, in: transaction), in: transaction)
            _ = try updatePort(current, PortChange(fixedIPs: requests), by: .service, in: transaction)
            return
        }
        if let current { try closeGateway(of: &router, current, in: transaction) }
        router.gatewayPortID = try openGateway(of: router, gateway, in: transaction)
    }

    private func closeGateway(of router: inout Router, _ port: Port, in transaction: any Transaction) throws {
        guard try !FloatingIPRecords.needs(router: router.id, subnets: nil, in: transaction) else {
            throw NetworkingError(
                .conflict, "RouterExternalGatewayInUseByFloatingIp",
                "The gateway of router \(router.id) to network \(port.networkID) is needed by one or more floating IPs.")
        }
        router.gatewayPortID = nil
        try RouterRecords.update(router, in: transaction)
        try PortRecords.delete(port.id, in: transaction)
    }

    private func externalNetwork(_ id: String, in reader: any Reader) throws -> Network {
        let network = try NetworkRecords.find(id, in: reader).orThrow(.networkNotFound(id))
        guard network.isExternal else {
            throw NetworkingError.badRequest("router", "Network \(id) is not an external network")
        }
        return network
    }

    private func checkGatewayAddresses(
        _ requests: [AddressRequest], on network: Network, in reader: any Reader
    ) throws {
        let gateways = try SubnetRecords.all(network: network.id, in: reader).compactMap(\.gateway)
        for address in requests.compactMap(\.address) where gateways.contains(address) {
            throw NetworkingError.badRequest("router", "External IP \(address) is the same as the gateway IP")
        }
    }

    /// Makes the gateway port, which belongs to no project.
    private func openGateway(of router: Router, _ gateway: GatewayDraft, in transaction: any Transaction) throws -> String {
        let network = try externalNetwork(gateway.networkID, in: transaction)
        try checkGatewayAddresses(gateway.fixedIPs ?? [], on: network, in: transaction)
        let subnets = try SubnetRecords.all(network: network.id, in: transaction)
        try checkOverlap(of: router, with: subnets, in: transaction)
        let draft = PortDraft(
            projectID: "", fixedIPs: gateway.fixedIPs, deviceID: router.id, deviceOwner: DeviceOwner.routerGateway)
        return try createPort(draft, on: network, by: .service, in: transaction).id
    }

    /// Refuses subnets that the router meets already, or that overlap one it meets.
    func checkOverlap(of router: Router, with subnets: [Subnet], ignoring port: String? = nil, in reader: any Reader) throws {
        var met = Set<String>()
        for attached in try PortRecords.all(device: router.id, in: reader) where attached.id != port {
            if attached.deviceOwner == DeviceOwner.routerGateway {
                met.formUnion(try SubnetRecords.all(network: attached.networkID, in: reader).map(\.id))
            } else {
                met.formUnion(attached.fixedIPs.map(\.subnetID))
            }
        }
        for existing in try SubnetRecords.find(met, in: reader).values {
            for subnet in subnets {
                guard subnet.id != existing.id else {
                    throw NetworkingError.badRequest("router", "Router already has a port on subnet \(subnet.id)")
                }
                guard !subnet.cidr.overlaps(existing.cidr) else {
                    throw NetworkingError.badRequest(
                        "router",
                        "Cidr \(subnet.cidr) of subnet \(subnet.id) overlaps with cidr \(existing.cidr) of subnet \(existing.id)")
                }
            }
        }
    }
}

// Extra routes.
extension Operations {
    private func canonical(_ routes: [Route]) throws(NetworkingError) -> [Route] {
        guard routes.count <= Self.routeLimit else {
            throw NetworkingError(
                .badRequest, "RoutesExhausted", "The number of routes exceeds the maximum \(Self.routeLimit).")
        }
        var seen = Set<Route>()
        for route in routes {
            guard let destination = CIDR(route.destination), let nexthop = IPAddress(route.nexthop) else {
                throw .invalidRoutes("destination \(route.destination) and nexthop \(route.nexthop) must be a range and an address")
            }
            guard destination.version == nexthop.version else { throw .invalidRoutes("destination and nexthop differ in family") }
            guard seen.insert(route).inserted else { throw .invalidRoutes("a route is given twice") }
        }
        return routes
    }

    /// Every next hop must be a neighbour of the router and not the router itself.
    func checkRoutes(_ routes: [Route], of router: Router, in reader: any Reader) throws {
        guard !routes.isEmpty else { return }
        let ports = try PortRecords.all(device: router.id, in: reader)
        let own = Set(ports.flatMap(\.fixedIPs).map(\.address))
        var ids = Set(ports.flatMap(\.fixedIPs).map(\.subnetID))
        for gateway in ports where gateway.deviceOwner == DeviceOwner.routerGateway {
            ids.formUnion(try SubnetRecords.all(network: gateway.networkID, in: reader).map(\.id))
        }
        let ranges = try SubnetRecords.find(ids, in: reader).values.map(\.cidr)
        for route in routes {
            guard let nexthop = IPAddress(route.nexthop), ranges.contains(where: { $0.contains(nexthop) }) else {
                throw NetworkingError.invalidRoutes("the nexthop \(route.nexthop) is not connected with router")
            }
            guard !own.contains(nexthop.description) else {
                throw NetworkingError.invalidRoutes("the nexthop \(route.nexthop) is used by router")
            }
        }
    }
}

extension NetworkingError {
    fileprivate static func invalidRoutes(_ reason: String) -> NetworkingError {
        NetworkingError(.badRequest, "InvalidRoutes", "Invalid format for routes: \(reason).")
    }
}
