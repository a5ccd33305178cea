import CloudCore
import CloudStore
import NetworkMessages

/// The routers' rows. A router's interfaces are the ports whose device it is.
enum RouterRecords {
    static let columns: SQL = """
        id, project_id, name, admin_state_up, enable_snat, gateway_port_id, routes, zone_hints, \
        default_route_ecmp, default_route_bfd, flavor_id, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("routers", [
        "admin_state_up": .column("admin_state_up", .boolean),
        "status": .sorted(by: "COALESCE('ACTIVE', '')"), "flavor_id": .sorted(by: "COALESCE(flavor_id, '')"),
        "enable_snat": .column("enable_snat", .boolean),
    ], isTagged: true)

    static func router(_ row: borrowing Row) throws -> Router {
        let (routes, hints): (StoredList<Route>, StoredList<String>) = (try row[6], try row[7])
        return Router(
            id: try row[0], projectID: try row[1], name: try row[2], isAdminUp: try row[3], isSNATEnabled: try row[4],
            gatewayPortID: try row[5], routes: routes.elements, zoneHints: hints.elements,
            defaultRoute: DefaultRouteOptions(isECMP: try row[8], isBFD: try row[9]), flavorID: try row[10],
            standard: try StandardAttributes(row, at: 11))
    }

    static func insert(_ router: Router, in transaction: any Transaction) throws {
        let standard = router.standard
        try transaction.execute(
            """
            INSERT INTO routers (id, project_id, name, description, admin_state_up, enable_snat, gateway_port_id, routes,
                zone_hints, default_route_ecmp, default_route_bfd, flavor_id, created_at, updated_at, revision_number)
            VALUES (\(router.id), \(router.projectID), \(router.name), \(standard.description), \(router.isAdminUp),
                \(router.isSNATEnabled), \(router.gatewayPortID), \(StoredList(router.routes)),
                \(StoredList(router.zoneHints)), \(router.defaultRoute.isECMP), \(router.defaultRoute.isBFD),
                \(router.flavorID), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ router: Router, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE routers SET name = \(router.name), description = \(router.standard.description),
                admin_state_up = \(router.isAdminUp), enable_snat = \(router.isSNATEnabled),
                gateway_port_id = \(router.gatewayPortID), routes = \(StoredList(router.routes)),
                default_route_ecmp = \(router.defaultRoute.isECMP), default_route_bfd = \(router.defaultRoute.isBFD),
                updated_at = \(router.standard.updatedAt), revision_number = \(router.standard.revision)
            WHERE id = \(router.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM routers WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> Router? {
        try reader.first("SELECT \(columns) FROM routers WHERE id = \(id)", router)
    }

    /// The routers with these ids.
    static func find(_ ids: [String], in reader: any Reader) throws -> [Router] {
        try reader.grouped(ids, { "SELECT \(columns) FROM routers WHERE id IN \(in: $0)" }) { row in
            let router = try router(row)
            return (router.id, router)
        }.compactMap(\.value.first)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [Router] {
        try reader.page(columns, listing, request, visibility: visible(visibility), router)
    }

    private static func visible(_ visibility: Visibility) -> SQL? {
        switch visibility {
        case .everything: nil
        case .project(let project): "project_id = \(project)"
        case .sharedOnly: "1 = 0"
        }
    }

    /// Every router's id, for the complete topology.
    static func allIDs(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT id FROM routers ORDER BY id") { try $0[0] }
    }

    /// The routers with an interface on a subnet, or with a gateway on its network.
    static func routers(touching subnet: String, network: String, in reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT DISTINCT p.device_id FROM ports p JOIN ip_allocations a ON a.port_id = p.id
            WHERE a.subnet_id = \(subnet) AND p.device_owner = \(DeviceOwner.routerInterface)
            UNION SELECT device_id FROM ports WHERE network_id = \(network) AND device_owner = \(DeviceOwner.routerGateway)
            """
        ) { try $0[0] }
    }

    /// The routers that lead from a subnet to an external network, those at the subnet's own gateway first.
    static func routers(
        from subnet: String, gateway: String?, to network: String, in reader: any Reader
    ) throws -> [String] {
        try reader.all(
            """
            SELECT p.device_id FROM ports p JOIN ip_allocations a ON a.port_id = p.id
                JOIN ports g ON g.device_id = p.device_id AND g.device_owner = \(DeviceOwner.routerGateway)
            WHERE a.subnet_id = \(subnet) AND p.device_owner = \(DeviceOwner.routerInterface)
                AND g.network_id = \(network)
            ORDER BY CASE WHEN a.address = \(gateway ?? "") THEN 0 ELSE 1 END, p.created_at, p.id
            """
        ) { try $0[0] }
    }
}

/// The floating IPs' rows.
enum FloatingIPRecords {
    static let columns: SQL = """
        id, project_id, floating_network_id, floating_ip_address, floating_port_id, fixed_port_id, fixed_ip_address, \
        router_id, dns_name, dns_domain, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("floating_ips", [
        "floating_network_id": .column("floating_network_id"), "floating_ip_address": .column("floating_ip_address"),
        "port_id": .column("fixed_port_id", isSorted: false), "fixed_ip_address": .column("fixed_ip_address"),
        "router_id": .column("router_id"),
        "status": .custom(order: "CASE WHEN router_id IS NULL THEN 'DOWN' ELSE 'ACTIVE' END") { values in
            let conditions: [SQL] = values.map {
                $0 == "ACTIVE" ? "router_id IS NOT NULL" : $0 == "DOWN" ? "router_id IS NULL" : "1 = 0"
            }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ], without: ["name"], isTagged: true)

    static func floatingIP(_ row: borrowing Row) throws -> FloatingIP {
        FloatingIP(
            id: try row[0], projectID: try row[1], networkID: try row[2], address: try row[3], externalPortID: try row[4],
            portID: try row[5], fixedAddress: try row[6], routerID: try row[7], dnsName: try row[8], dnsDomain: try row[9],
            standard: try StandardAttributes(row, at: 10))
    }

    static func insert(_ floatingIP: FloatingIP, in transaction: any Transaction) throws {
        let standard = floatingIP.standard
        try transaction.execute(
            """
            INSERT INTO floating_ips (id, project_id, floating_network_id, floating_ip_address, floating_port_id,
                fixed_port_id, fixed_ip_address, router_id, dns_name, dns_domain, description,
                created_at, updated_at, revision_number)
            VALUES (\(floatingIP.id), \(floatingIP.projectID), \(floatingIP.networkID), \(floatingIP.address),
                \(floatingIP.externalPortID), \(floatingIP.portID), \(floatingIP.fixedAddress), \(floatingIP.routerID),
                \(floatingIP.dnsName), \(floatingIP.dnsDomain), \(standard.description),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ floatingIP: FloatingIP, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE floating_ips SET fixed_port_id = \(floatingIP.portID), fixed_ip_address = \(floatingIP.fixedAddress),
                router_id = \(floatingIP.routerID), description = \(floatingIP.standard.description),
                updated_at = \(floatingIP.standard.updatedAt), revision_number = \(floatingIP.standard.revision)
            WHERE id = \(floatingIP.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM floating_ips WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> FloatingIP? {
        try reader.first("SELECT \(columns) FROM floating_ips WHERE id = \(id)", floatingIP)
    }

    /// A project's floating IP by its address.
    static func find(address: String, project: String, in reader: any Reader) throws -> FloatingIP? {
        try reader.first(
            "SELECT \(columns) FROM floating_ips WHERE floating_ip_address = \(address) AND project_id = \(project)", floatingIP)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [FloatingIP] {
        try reader.page(columns, listing, request, visibility: visible(visibility), floatingIP)
    }

    private static func visible(_ visibility: Visibility) -> SQL? {
        switch visibility {
        case .everything: nil
        case .project(let project): "project_id = \(project)"
        case .sharedOnly: "1 = 0"
        }
    }

    /// The floating IPs that routers translate, by router.
    static func all(routers: [String], in reader: any Reader) throws -> [String: [FloatingIP]] {
        try reader.grouped(
            routers, { "SELECT \(columns) FROM floating_ips WHERE router_id IN \(in: $0) ORDER BY id" }
        ) { row in
            let floatingIP = try floatingIP(row)
            return (floatingIP.routerID ?? "", floatingIP)
        }
    }

    /// The floating IPs of a network that stand for nothing.
    static func unassociated(network: String, in reader: any Reader) throws -> [FloatingIP] {
        try reader.all(
            "SELECT \(columns) FROM floating_ips WHERE floating_network_id = \(network) AND fixed_port_id IS NULL ORDER BY id",
            floatingIP)
    }

    /// The floating IPs that stand for addresses of ports, by port.
    static func all(ports: [String], in reader: any Reader) throws -> [String: [FloatingIP]] {
        try reader.grouped(
            ports, { "SELECT \(columns) FROM floating_ips WHERE fixed_port_id IN \(in: $0) ORDER BY created_at, id" }
        ) { row in
            let floatingIP = try floatingIP(row)
            return (floatingIP.portID ?? "", floatingIP)
        }
    }

    /// Whether a fixed address has a floating IP of a network already.
    static func isAssociated(
        port: String, address: String, network: String, in reader: any Reader
    ) throws -> Bool {
        try reader.exists(
            """
            SELECT 1 FROM floating_ips WHERE fixed_port_id = \(port) AND fixed_ip_address = \(address)
                AND floating_network_id = \(network)
            """)
    }

    /// Whether a router is needed by a floating IP of a network.
    static func needs(router: String, network: String, in reader: any Reader) throws -> Bool {
        try reader.exists(
            "SELECT 1 FROM floating_ips WHERE router_id = \(router) AND floating_network_id = \(network) LIMIT 1")
    }

    /// Whether a router is needed by a floating IP of an address on one of the subnets (on any when nil).
    static func needs(router: String, subnets: [String]?, in reader: any Reader) throws -> Bool {
        guard let subnets else {
            return try reader.exists("SELECT 1 FROM floating_ips WHERE router_id = \(router) LIMIT 1")
        }
        return try reader.exists(
            """
            SELECT 1 FROM floating_ips f JOIN ip_allocations a ON a.port_id = f.fixed_port_id AND a.address = f.fixed_ip_address
            WHERE f.router_id = \(router) AND a.subnet_id IN \(in: subnets) LIMIT 1
            """)
    }
}
