import CloudCore
import CloudStore

/// The networks' rows.
enum NetworkRecords {
    static let columns: SQL = """
        id, project_id, name, admin_state_up, external, is_default, network_type, physical_network, \
        segmentation_id, mtu, port_security_enabled, dns_domain, zone_hints, \
        description, created_at, updated_at, revision_number, vlan_transparent, qinq, pvlan
        """

    static let listing = Listing("networks", [
        "admin_state_up": .column("admin_state_up", .boolean), "shared": .shared(),
        "router:external": .column("external", .boolean, isSorted: false),
        "is_default": .column("is_default", .boolean, isSorted: false),
        "provider:network_type": .column("network_type", isSorted: false),
        "provider:physical_network": .column("physical_network", isSorted: false),
        "provider:segmentation_id": .column("segmentation_id", .integer, isSorted: false),
        "mtu": .column("mtu", .integer), "availability_zone_hints": .sorted(by: "COALESCE(zone_hints, '')"),
        "vlan_transparent": .column("vlan_transparent", .boolean, isSorted: false),
        "qinq": .column("qinq", .boolean, isSorted: false),
        "status": .custom(order: "COALESCE('ACTIVE', '')") { $0.contains("ACTIVE") ? "1 = 1" : "1 = 0" },
    ], isTagged: true)

    /// Networks as `network-ip-availabilities` has them.
    static let usageListing = Listing("networks", [
        "network_id": .column("id"), "network_name": .column("name", isSorted: false),
        "project_id": .column("project_id", isSorted: false), "tenant_id": .column("project_id", isSorted: false),
        "ip_version": .custom { values in
            let versions = values.compactMap { Int($0) }
            guard versions.count == values.count else { return nil }
            return "id IN (SELECT network_id FROM subnets WHERE ip_version IN \(in: versions))"
        },
    ], without: ["id", "name", "description", "revision_number", "updated_at"])

    static func network(_ row: borrowing Row) throws -> Network {
        let hints: StoredList<String> = try row[12]
        return Network(
            id: try row[0], projectID: try row[1], name: try row[2], isAdminUp: try row[3], isExternal: try row[4],
            isDefault: try row[5], segment: Segment(type: try row[6], physicalNetwork: try row[7], id: try row[8]),
            mtu: try row[9], hasPortSecurity: try row[10], dnsDomain: try row[11], zoneHints: hints.elements,
            isVLANTransparent: try row[17], isQinQ: try row[18], isPrivate: try row[19],
            standard: try StandardAttributes(row, at: 13))
    }

    static func insert(_ network: Network, in transaction: any Transaction) throws {
        let standard = network.standard
        try transaction.execute(
            """
            INSERT INTO networks (id, project_id, name, description, admin_state_up, external, is_default,
                network_type, physical_network, segmentation_id, segment_key, mtu, port_security_enabled, dns_domain,
                zone_hints, vlan_transparent, qinq, pvlan, created_at, updated_at, revision_number)
            VALUES (\(network.id), \(network.projectID), \(network.name), \(standard.description), \(network.isAdminUp),
                \(network.isExternal), \(network.isDefault), \(network.segment.type),
                \(network.segment.physicalNetwork), \(network.segment.id), \(network.segment.uniqueKey), \(network.mtu),
                \(network.hasPortSecurity), \(network.dnsDomain), \(StoredList(network.zoneHints)),
                \(network.isVLANTransparent), \(network.isQinQ), \(network.isPrivate), \(standard.createdAt), \(standard.updatedAt),
                \(standard.revision))
            """)
    }

    static func update(_ network: Network, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE networks SET name = \(network.name), description = \(network.standard.description),
                admin_state_up = \(network.isAdminUp), external = \(network.isExternal),
                is_default = \(network.isDefault), network_type = \(network.segment.type),
                physical_network = \(network.segment.physicalNetwork), segmentation_id = \(network.segment.id),
                segment_key = \(network.segment.uniqueKey), mtu = \(network.mtu),
                port_security_enabled = \(network.hasPortSecurity), dns_domain = \(network.dnsDomain), pvlan = \(network.isPrivate),
                updated_at = \(network.standard.updatedAt), revision_number = \(network.standard.revision)
            WHERE id = \(network.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM networks WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> Network? {
        guard var network = try reader.first("SELECT \(columns) FROM networks WHERE id = \(id)", network) else { return nil }
        network.sharing = try SharingRecords.sharing(of: id, in: reader)
        return network
    }

    /// The networks with these ids, by id.
    static func find(_ ids: some Sequence<String>, in reader: any Reader) throws -> [String: Network] {
        let networks = try reader.grouped(Array(ids), { "SELECT \(columns) FROM networks WHERE id IN \(in: $0)" }) { row in
            let network = try network(row)
            return (network.id, network)
        }.compactMap(\.value.first)
        return Dictionary(uniqueKeysWithValues: try complete(networks, in: reader).map { ($0.id, $0) })
    }

    static func list(
        _ request: ListRequest, _ visibility: Visibility, by listing: Listing = NetworkRecords.listing, in reader: any Reader
    ) throws -> [Network] {
        let condition = visibility.condition([.shared, .external])
        return try complete(try reader.page(columns, listing, request, visibility: condition, network), in: reader)
    }

    /// The external network that is used where none is named; nil when there is none.
    static func defaultExternal(in reader: any Reader) throws -> Network? {
        try complete(
            try reader.all(
                "SELECT \(columns) FROM networks WHERE external = \(true) AND is_default = \(true) ORDER BY id LIMIT 1", network),
            in: reader
        ).first
    }

    /// Adds whom the networks are open to, in one query for all.
    private static func complete(_ networks: [Network], in reader: any Reader) throws -> [Network] {
        guard !networks.isEmpty else { return [] }
        let sharing = try SharingRecords.sharing(of: networks.map(\.id), in: reader)
        return networks.map { network in
            var network = network
            network.sharing = sharing[network.id] ?? .none
            return network
        }
    }

    /// Every network, for the complete topology.
    static func all(in reader: any Reader) throws -> [Network] {
        try reader.all("SELECT \(columns) FROM networks ORDER BY id", network)
    }

    /// The domains of networks that have one, by network, as they are written in names: without the dot at the end.
    static func domains(_ ids: Set<String>, in reader: any Reader) throws -> [String: String] {
        try reader.grouped(ids.sorted(), { "SELECT id, dns_domain FROM networks WHERE id IN \(in: $0) AND dns_domain <> ''" }) { row in
            let domain: String = try row[1]
            return (try row[0] as String, domain.hasSuffix(".") ? String(domain.dropLast()) : domain)
        }.compactMapValues(\.first)
    }

    /// The networks a server of a project gets when it names none: the project's own, else those shared with it.
    static func available(project: String, in reader: any Reader) throws -> [Network] {
        let own = try reader.all(
            "SELECT \(columns) FROM networks WHERE project_id = \(project) AND external = \(false) ORDER BY created_at, id", network)
        let shared = try reader.all(
            """
            SELECT \(columns) FROM networks
            WHERE id IN \(SharingRecords.objects(openTo: project, [.shared])) AND project_id <> \(project)
            ORDER BY created_at, id
            """, network)
        return try complete(own + shared, in: reader)
    }

    /// The part of a condition that names the networks whose children a caller may find.
    static func idsVisible(to project: String?, external: Bool) -> SQL {
        let open = SharingRecords.objects(openTo: project, external ? [.shared, .external] : [.shared])
        guard let project else { return open }
        return "(SELECT id FROM networks WHERE project_id = \(project) OR id IN \(open))"
    }

    /// The ids of the networks' subnets by network, in the order they were made.
    static func subnetIDs(_ networks: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            networks, { "SELECT network_id, id FROM subnets WHERE network_id IN \(in: $0) ORDER BY created_at, id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// Counts one more change of a network whose children changed.
    static func touch(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE networks SET revision_number = revision_number + 1, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }
}
