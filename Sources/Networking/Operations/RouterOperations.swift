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
    var defaultRoute = DefaultRouteOptions()
    var isHighlyAvailable: Bool?
    var flavorID: String?
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
    var isECMP: Bool?
    var isBFD: Bool?
    var isHighlyAvailable: Bool?
}

extension Operations {
    /// OVN's routers are always highly available: there is no other kind to ask for.
    private static func checkAvailability(_ flag: Bool?) throws(NetworkingError) {
        guard flag == false else { return }
        throw .invalidInput("Provider ovn does not support ha=False")
    }

    func createRouter(_ draft: RouterDraft, by caller: Caller, in transaction: any Transaction) throws -> Router {
        try Self.checkAvailability(draft.isHighlyAvailable)
        if let flavor = draft.flavorID { _ = try provider(flavor: flavor, in: transaction) }
        try checkQuota(.router, project: draft.projectID, in: transaction)
        try checkZones(draft.zoneHints)
        var router = Router(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name, isAdminUp: draft.isAdminUp,
            isSNATEnabled: draft.gateway?.isSNATEnabled ?? true, gatewayPortID: nil, routes: [],
            zoneHints: draft.zoneHints, defaultRoute: draft.defaultRoute, flavorID: draft.flavorID, standard: StandardAttributes(description: draft.description, createdAt: .now))
        try RouterRecords.insert(router, in: transaction)
        if let gateway = draft.gateway {
            router.gatewayPortID = try openGateway(of: router, gateway, in: transaction)
            try RouterRecords.update(router, in: transaction)
            try place(router: router.id, in: transaction)
        }
        for tag in draft.tags { try TagRecords.add(tag, to: router.id, in: transaction) }
        try mark(.router, router.id, in: transaction)
        return router
    }

    func updateRouter(_ router: Router, _ change: RouterChange, in transaction: any Transaction) throws -> Router {
        try Self.checkAvailability(change.isHighlyAvailable)
        var updated = router
        updated.name = change.name ?? router.name
        updated.standard.description = change.description ?? router.standard.description
        updated.isAdminUp = change.isAdminUp ?? router.isAdminUp
        updated.defaultRoute.isECMP = change.isECMP ?? router.defaultRoute.isECMP
        updated.defaultRoute.isBFD = change.isBFD ?? router.defaultRoute.isBFD
        if let gateway = change.gateway { try settleGateway(of: &updated, gateway, in: transaction) }
        if let routes = change.routes { updated.routes = try canonical(routes, of: updated, in: transaction) }
        if change.routes != nil || change.gateway != nil { try checkRoutes(updated.routes, of: updated, in: transaction) }
        return try store(updated, in: transaction)
    }

    /// Writes a router that has changed, and places or frees its gateway.
    func store(_ router: Router, in transaction: any Transaction) throws -> Router {
        var updated = router
        updated.standard = updated.standard.changed()
        try RouterRecords.update(updated, in: transaction)
        if updated.gatewayPortID == nil {
            try RouterAgentRecords.delete(router: router.id, in: transaction)
        } else {
            try place(router: router.id, in: transaction)
        }
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
        let gateways = try gatewayPorts(of: router, in: transaction)
        try RouterRecords.delete(router.id, in: transaction)
        for port in gateways { try PortRecords.delete(port.id, in: transaction) }
        try mark(.router, router.id, in: transaction)
    }
}

// Extra routes.
extension Operations {
    private func canonical(_ routes: [Route], of router: Router, in reader: any Reader) throws -> [Route] {
        let own = try QuotaRecords.limit(.routerRoute, project: router.projectID, in: reader)
        let limit = own ?? options.quotas[QuotaResource.routerRoute.rawValue] ?? -1
        guard limit < 0 || routes.count <= limit else { throw NetworkingError.overQuota(QuotaResource.routerRoute.rawValue) }
        var seen = Set<Route>()
        for route in routes {
            guard let destination = CIDR(route.destination), let nexthop = IPAddress(route.nexthop) else {
                throw NetworkingError.invalidRoutes("destination \(route.destination) and nexthop \(route.nexthop) must be a range and an address")
            }
            guard destination.version == nexthop.version else { throw NetworkingError.invalidRoutes("destination and nexthop differ in family") }
            guard seen.insert(route).inserted else { throw NetworkingError.invalidRoutes("a route is given twice") }
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
