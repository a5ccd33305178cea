import CloudCore
import CloudStore
import NetworkMessages

/// The subnets' rows.
enum SubnetRecords {
    static let columns: SQL = """
        id, network_id, project_id, name, cidr, gateway_ip, pools, enable_dhcp, dns_nameservers, host_routes, \
        service_types, ipv6_ra_mode, ipv6_address_mode, description, created_at, updated_at, revision_number, \
        dns_publish_fixed_ip, subnetpool_id, segment_id
        """

    static let listing = Listing("subnets", [
        "network_id": .column("network_id"), "ip_version": .column("ip_version", .integer),
        "cidr": .column("cidr"), "gateway_ip": .column("gateway_ip"), "enable_dhcp": .column("enable_dhcp", .boolean),
        "subnetpool_id": .column("subnetpool_id"), "segment_id": .column("segment_id"),
        "ipv6_ra_mode": .column("ipv6_ra_mode"), "ipv6_address_mode": .column("ipv6_address_mode"),
        "shared": .shared("network_id"),
        "router:external": .custom { values in
            let flags = values.compactMap { LenientBoolean($0)?.value }
            guard flags.count == values.count else { return nil }
            return "network_id IN (SELECT id FROM networks WHERE external IN \(in: flags))"
        },
    ], isTagged: true)

    static func subnet(_ row: borrowing Row) throws -> Subnet {
        let (pools, nameservers): (StoredList<AddressRange>, StoredList<String>) = (try row[6], try row[8])
        let (routes, types): (StoredList<Route>, StoredList<String>) = (try row[9], try row[10])
        return Subnet(
            id: try row[0], networkID: try row[1], projectID: try row[2], name: try row[3], cidr: try row[4],
            gateway: try row[5], pools: pools.elements, isDHCPEnabled: try row[7], nameservers: nameservers.elements,
            hostRoutes: routes.elements, serviceTypes: types.elements, raMode: try row[11], addressMode: try row[12],
            publishesFixedIPs: try row[17], poolID: try row[18], segmentID: try row[19],
            standard: try StandardAttributes(row, at: 13))
    }

    static func insert(_ subnet: Subnet, in transaction: any Transaction) throws {
        let standard = subnet.standard
        try transaction.execute(
            """
            INSERT INTO subnets (id, network_id, project_id, name, description, ip_version, cidr, gateway_ip, pools,
                enable_dhcp, dns_nameservers, host_routes, service_types, ipv6_ra_mode, ipv6_address_mode, next_address,
                created_at, updated_at, revision_number, dns_publish_fixed_ip,
                subnetpool_id, segment_id)
            VALUES (\(subnet.id), \(subnet.networkID), \(subnet.projectID), \(subnet.name), \(standard.description),
                \(subnet.cidr.version.rawValue), \(subnet.cidr), \(subnet.gateway), \(StoredList(subnet.pools)),
                \(subnet.isDHCPEnabled), \(StoredList(subnet.nameservers)), \(StoredList(subnet.hostRoutes)),
                \(StoredList(subnet.serviceTypes)), \(subnet.raMode), \(subnet.addressMode), \(""),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision), \(subnet.publishesFixedIPs),
                \(subnet.poolID), \(subnet.segmentID))
            """)
    }

    static func update(_ subnet: Subnet, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE subnets SET name = \(subnet.name), description = \(subnet.standard.description),
                gateway_ip = \(subnet.gateway), pools = \(StoredList(subnet.pools)), enable_dhcp = \(subnet.isDHCPEnabled),
                dns_nameservers = \(StoredList(subnet.nameservers)), host_routes = \(StoredList(subnet.hostRoutes)),
                service_types = \(StoredList(subnet.serviceTypes)), dns_publish_fixed_ip = \(subnet.publishesFixedIPs),
                subnetpool_id = \(subnet.poolID),
                updated_at = \(subnet.standard.updatedAt), revision_number = \(subnet.standard.revision)
            WHERE id = \(subnet.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM subnets WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> Subnet? {
        try reader.first("SELECT \(columns) FROM subnets WHERE id = \(id)", subnet)
    }

    /// The subnets with these ids, by id.
    static func find(_ ids: some Sequence<String>, in reader: any Reader) throws -> [String: Subnet] {
        try reader.grouped(Array(ids), { "SELECT \(columns) FROM subnets WHERE id IN \(in: $0)" }) { row in
            let subnet = try subnet(row)
            return (subnet.id, subnet)
        }.compactMapValues(\.first)
    }

    /// A network's subnets in the order they were made.
    static func all(network: String, in reader: any Reader) throws -> [Subnet] {
        try reader.all("SELECT \(columns) FROM subnets WHERE network_id = \(network) ORDER BY created_at, id", subnet)
    }

    /// The subnets cut from a pool.
    static func all(pool: String, in reader: any Reader) throws -> [Subnet] {
        try reader.all("SELECT \(columns) FROM subnets WHERE subnetpool_id = \(pool) ORDER BY id", subnet)
    }

    /// The networks' subnets by network, in the order they were made.
    static func all(networks: [String], in reader: any Reader) throws -> [String: [Subnet]] {
        try reader.grouped(
            networks, { "SELECT \(columns) FROM subnets WHERE network_id IN \(in: $0) ORDER BY created_at, id" }
        ) { row in
            let subnet = try subnet(row)
            return (subnet.networkID, subnet)
        }
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [Subnet] {
        try reader.page(columns, listing, request, visibility: visible(visibility), subnet)
    }

    private static func visible(_ visibility: Visibility) -> SQL? {
        switch visibility {
        case .everything: nil
        case .project(let project):
            "project_id = \(project) OR network_id IN \(NetworkRecords.idsVisible(to: project, external: true))"
        case .sharedOnly: "network_id IN \(NetworkRecords.idsVisible(to: nil, external: true))"
        }
    }
}
