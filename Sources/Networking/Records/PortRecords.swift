import CloudCore
import CloudStore
import NetworkMessages

/// The ports' rows, with their addresses and groups.
enum PortRecords {
    static let columns: SQL = """
        id, network_id, project_id, name, admin_state_up, mac_address, status, device_id, device_owner, \
        port_security_enabled, allowed_pairs, host, binding_profile, vnic_type, dns_name, \
        made_for_device, description, created_at, updated_at, revision_number, \
        extra_dhcp_opts, hints, device_profile, numa_affinity_policy, propagate_uplink_status, trusted, dns_domain, \
        qos_policy_id, pvlan_type, pvlan_community
        """

    static let listing = Listing("ports", [
        "network_id": .column("network_id"), "admin_state_up": .column("admin_state_up", .boolean),
        "mac_address": .init(order: "mac_address") { values, _ in
            "mac_address IN \(in: values.map { MACAddress($0)?.description ?? $0 })"
        },
        "status": .column("status"), "device_id": .column("device_id"), "device_owner": .column("device_owner"),
        "binding:host_id": .column("host", isSorted: false),
        "security_groups": .custom { groups in
            "id IN (SELECT port_id FROM port_security_groups WHERE security_group_id IN \(in: groups))"
        },
        "pvlan_type": .column("pvlan_type", isSorted: false), "fixed_ips": .custom(addressCondition),
    ], isTagged: true)

    /// `ip_address=10.0.0.5`, `subnet_id=…`, `ip_address_substr=0.5`: kinds must all hold, values of a kind any.
    private static func addressCondition(_ values: [String]) -> SQL? {
        var (addresses, subnets, parts): ([String], [String], [String]) = ([], [], [])
        for value in values {
            let pair = value.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { return nil }
            switch pair[0] {
            case "ip_address": addresses.append(IPAddress(pair[1])?.description ?? pair[1])
            case "subnet_id": subnets.append(pair[1])
            case "ip_address_substr": parts.append(pair[1])
            default: return nil
            }
        }
        var conditions: [SQL] = []
        if !addresses.isEmpty { conditions.append("address IN \(in: addresses)") }
        if !subnets.isEmpty { conditions.append("subnet_id IN \(in: subnets)") }
        if !parts.isEmpty {
            let patterns: [SQL] = parts.map { part in
                let escaped = part.map { "\\%_".contains($0) ? "\\\($0)" : String($0) }.joined()
                return "address LIKE \("%\(escaped)%") ESCAPE '\\'"
            }
            conditions.append("(\(patterns.joined(separator: " OR ")))")
        }
        return conditions.map { "id IN (SELECT port_id FROM ip_allocations WHERE \($0))" }.joined(separator: " AND ")
    }

    static func port(_ row: borrowing Row) throws -> Port {
        let (pairs, profile): (StoredList<AddressPair>, String) = (try row[10], try row[12])
        let object = profile == "{}" ? JSON.object([:]) : (try? JSON(parsing: profile)) ?? .object([:])
        return Port(
            id: try row[0], networkID: try row[1], projectID: try row[2], name: try row[3], isAdminUp: try row[4],
            mac: try row[5], status: try row[6], deviceID: try row[7], deviceOwner: try row[8], hasPortSecurity: try row[9],
            allowedPairs: pairs.elements,
            binding: PortBinding(host: try row[11], profile: object, vnicType: try row[13]),
            dnsName: try row[14], isMadeForDevice: try row[15], extras: try extras(row, at: 20),
            standard: try StandardAttributes(row, at: 16))
    }

    private static func extras(_ row: borrowing Row, at column: Int) throws -> PortExtras {
        let options: StoredList<DHCPOption> = try row[column]
        return PortExtras(
            dhcpOptions: options.elements, hints: try row[column + 1], deviceProfile: try row[column + 2],
            numaAffinityPolicy: try row[column + 3], propagatesUplinkStatus: try row[column + 4],
            isTrusted: try row[column + 5], dnsDomain: try row[column + 6], qosPolicyID: try row[column + 7],
            privateRole: PrivateRole(type: try row[column + 8], community: try row[column + 9]))
    }

    /// Inserts the row; addresses and groups follow by their own records.
    static func insert(_ port: Port, in transaction: any Transaction) throws {
        let (standard, extras) = (port.standard, port.extras)
        try transaction.execute(
            """
            INSERT INTO ports (id, network_id, project_id, name, description, admin_state_up, mac_address, status,
                device_id, device_owner, port_security_enabled, allowed_pairs, host, binding_profile, vnic_type, dns_name,
                made_for_device, created_at, updated_at, revision_number, extra_dhcp_opts, hints, device_profile,
                numa_affinity_policy, propagate_uplink_status, trusted, dns_domain, qos_policy_id,
                pvlan_type, pvlan_community)
            VALUES (\(port.id), \(port.networkID), \(port.projectID), \(port.name), \(standard.description),
                \(port.isAdminUp), \(port.mac), \(port.status), \(port.deviceID), \(port.deviceOwner),
                \(port.hasPortSecurity), \(StoredList(port.allowedPairs)), \(port.binding.host), \(port.binding.profile),
                \(port.binding.vnicType), \(port.dnsName), \(port.isMadeForDevice),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision),
                \(StoredList(extras.dhcpOptions)), \(extras.hints), \(extras.deviceProfile), \(extras.numaAffinityPolicy),
                \(extras.propagatesUplinkStatus), \(extras.isTrusted), \(extras.dnsDomain), \(extras.qosPolicyID),
                \(extras.privateRole?.type), \(extras.privateRole?.community))
            """)
    }

    static func update(_ port: Port, in transaction: any Transaction) throws {
        let extras = port.extras
        try transaction.execute(
            """
            UPDATE ports SET project_id = \(port.projectID), name = \(port.name), description = \(port.standard.description),
                admin_state_up = \(port.isAdminUp), mac_address = \(port.mac), status = \(port.status),
                device_id = \(port.deviceID), device_owner = \(port.deviceOwner),
                port_security_enabled = \(port.hasPortSecurity), allowed_pairs = \(StoredList(port.allowedPairs)),
                host = \(port.binding.host), binding_profile = \(port.binding.profile), vnic_type = \(port.binding.vnicType),
                dns_name = \(port.dnsName), made_for_device = \(port.isMadeForDevice),
                extra_dhcp_opts = \(StoredList(extras.dhcpOptions)), hints = \(extras.hints),
                device_profile = \(extras.deviceProfile), numa_affinity_policy = \(extras.numaAffinityPolicy),
                propagate_uplink_status = \(extras.propagatesUplinkStatus), trusted = \(extras.isTrusted),
                dns_domain = \(extras.dnsDomain), qos_policy_id = \(extras.qosPolicyID),
                pvlan_type = \(extras.privateRole?.type), pvlan_community = \(extras.privateRole?.community),
                updated_at = \(port.standard.updatedAt), revision_number = \(port.standard.revision)
            WHERE id = \(port.id)
            """)
    }

    /// Notes what a host says of a port; answers whether that was news.
    static func setStatus(_ id: String, host: String, _ status: PortStatus, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "UPDATE ports SET status = \(status) WHERE id = \(id) AND host = \(host) AND status <> \(status)") > 0
    }

    /// Deletes the row; its addresses and group memberships go with it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM ports WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> Port? {
        try complete(try reader.all("SELECT \(columns) FROM ports WHERE id = \(id)", port), in: reader).first
    }

    /// The ports with these ids, by id.
    static func find(_ ids: some Sequence<String>, in reader: any Reader) throws -> [String: Port] {
        let ports = try reader.grouped(Array(ids), { "SELECT \(columns) FROM ports WHERE id IN \(in: $0)" }) { row in
            let port = try port(row)
            return (port.id, port)
        }.compactMapValues(\.first)
        return Dictionary(uniqueKeysWithValues: try complete(Array(ports.values), in: reader).map { ($0.id, $0) })
    }

    /// A page of ports, and how to find them again for what belongs to them.
    static func list(
        _ request: ListRequest, _ visibility: Visibility, in reader: any Reader
    ) throws -> (ports: [Port], selection: RowSelection) {
        let ports = try reader.page(columns, listing, request, visibility: visible(visibility), port)
        let selection: RowSelection =
            ports.count <= 128
            ? .ids(ports.map(\.id))
            : .query("SELECT id AS selected_id FROM ports\(try listing.page(request, visibility: visible(visibility)))")
        return (try complete(consume ports, selection, in: reader), selection)
    }

    /// A device's ports of an owner (all owners when nil) in the order they were made.
    static func all(device: String, owner: String? = nil, in reader: any Reader) throws -> [Port] {
        let condition: SQL = owner.map { " AND device_owner = \($0)" } ?? ""
        return try complete(
            try reader.all(
                "SELECT \(columns) FROM ports WHERE device_id = \(device)\(condition) ORDER BY created_at, id", port), in: reader)
    }

    /// The devices' ports of an owner (all owners when nil) by device, in the order they were made.
    static func all(devices: [String], owner: String? = nil, in reader: any Reader) throws -> [String: [Port]] {
        let condition: SQL = owner.map { " AND device_owner = \($0)" } ?? ""
        var ports: [Port] = []
        for batch in batches(devices) {
            ports += try reader.all(
                "SELECT \(columns) FROM ports WHERE device_id IN \(in: batch)\(condition) ORDER BY created_at, id", port)
        }
        return Dictionary(grouping: try complete(ports, in: reader), by: \.deviceID)
    }

    /// The ports whose entity stands for itself in the topology, a page at a time: those behind an id.
    static func guestPorts(
        network: String? = nil, after id: String, limit: Int, in reader: any Reader
    ) throws -> [Port] {
        let condition: SQL = network.map { " AND network_id = \($0)" } ?? ""
        return try complete(
            try reader.all(
                """
                SELECT \(columns) FROM ports WHERE id > \(id)\(condition)
                    AND device_owner NOT IN \(in: DeviceOwner.infrastructure.sorted())
                ORDER BY id LIMIT \(limit)
                """, port), in: reader)
    }

    /// The servers' ports bound to a host.
    static func bound(host: String, in reader: any Reader) throws -> [Port] {
        try reader.all(
            "SELECT \(columns) FROM ports WHERE host = \(host) AND device_owner LIKE 'compute:%' ORDER BY id", port)
    }

    /// The automatic ports of networks by network: the metadata ports.
    static func automatic(networks: [String], in reader: any Reader) throws -> [String: Port] {
        var ports: [Port] = []
        for batch in batches(networks) {
            ports += try reader.all(
                """
                SELECT \(columns) FROM ports
                WHERE network_id IN \(in: batch) AND device_owner = \(DeviceOwner.distributed)
                    AND device_id = \(DeviceOwner.metadataDevice) || network_id
                """, port)
        }
        return Dictionary(try complete(ports, in: reader).map { ($0.networkID, $0) }) { first, _ in first }
    }

    /// The ids of a network's ports that someone uses, at most `limit`.
    static func inUse(network: String, limit: Int, in reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT id FROM ports WHERE network_id = \(network)
                AND NOT (device_owner = \(DeviceOwner.distributed) AND device_id = \(DeviceOwner.metadataDevice) || network_id)
            ORDER BY id LIMIT \(limit)
            """
        ) { try $0[0] }
    }

    /// Whether a network has a port of an owner.
    static func exists(network: String, owner: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM ports WHERE network_id = \(network) AND device_owner = \(owner) LIMIT 1")
    }

    /// The projects that have ports or subnets on a network, Networking's own ports left out.
    static func projects(network: String, in reader: any Reader) throws -> Set<String> {
        Set(try reader.all(
            """
            SELECT project_id FROM ports WHERE network_id = \(network) AND device_owner NOT LIKE 'network:%'
            UNION SELECT project_id FROM subnets WHERE network_id = \(network)
            """
        ) { try $0[0] as String })
    }

    /// The MAC addresses of ports by port.
    static func macs(_ ids: [String], in reader: any Reader) throws -> [String: String] {
        try reader.grouped(ids, { "SELECT id, mac_address FROM ports WHERE id IN \(in: $0)" }) {
            (try $0[0], try $0[1] as String)
        }.compactMapValues(\.first)
    }

    /// Whether a port of the network has the MAC address.
    static func isTaken(mac: String, network: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM ports WHERE network_id = \(network) AND mac_address = \(mac)")
    }

    /// The device of the port that holds an address on a network; nil when none does.
    static func device(network: String, address: String, in reader: any Reader) throws -> (id: String, projectID: String)? {
        try reader.all(
            """
            SELECT p.device_id, p.project_id FROM ip_allocations a JOIN ports p ON p.id = a.port_id
            WHERE a.address = \(address) AND a.network_id = \(network) AND p.device_owner NOT LIKE 'network:%'
            """, claim
        ).first
    }

    private static func claim(_ row: borrowing Row) throws -> (id: String, projectID: String) { (try row[0], try row[1]) }

    /// The device of the port that has a MAC address on a network; nil when none has.
    static func device(network: String, mac: String, in reader: any Reader) throws -> (id: String, projectID: String)? {
        try reader.all(
            """
            SELECT device_id, project_id FROM ports
            WHERE network_id = \(network) AND mac_address = \(mac) AND device_owner NOT LIKE 'network:%'
            """, claim
        ).first
    }

    /// Adds the addresses and groups, a constant number of queries for however many ports.
    private static func complete(
        _ ports: consuming [Port], _ selection: RowSelection? = nil, in reader: any Reader
    ) throws -> [Port] {
        guard !ports.isEmpty else { return [] }
        let selection = selection ?? .ids(ports.map(\.id))
        let addresses = try AddressRecords.all(ports: selection, in: reader)
        let groups = try SecurityGroupRecords.memberships(ports: selection, in: reader)
        // In place: a port is large, and to map would copy each.
        for position in ports.indices {
            ports[position].fixedIPs = addresses[ports[position].id] ?? []
            ports[position].securityGroupIDs = groups[ports[position].id] ?? []
        }
        return ports
    }

    private static func visible(_ visibility: Visibility) -> SQL? {
        switch visibility {
        case .everything: nil
        case .project(let project):
            "project_id = \(project) OR network_id IN (SELECT id FROM networks WHERE project_id = \(project))"
        case .sharedOnly: "1 = 0"
        }
    }
}
