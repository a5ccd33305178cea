import CloudCore
import CloudStore
import NetworkMessages

/// Devices' ports as their owners show them: only what those need, in three queries for any number of devices. Compute reads them
/// with every server that it shows.
enum DevicePortRecords {
    /// The ports by device, in the order they were made.
    static func all(devices: [String], in reader: any Reader) throws -> [String: [DevicePort]] {
        var found: [(device: String, port: DevicePort)] = []
        for batch in batches(devices) {
            found += try reader.all(
                """
                SELECT p.device_id, p.id, p.network_id, n.name, p.mac_address, n.mtu, p.status, p.host,
                    p.port_security_enabled
                FROM ports p JOIN networks n ON n.id = p.network_id WHERE p.device_id IN \(in: batch) ORDER BY p.created_at, p.id
                """, port)
        }
        let ids = found.map { $0.port.id }
        let (addresses, groups) = (try addresses(ids, in: reader), try groups(ids, in: reader))
        var ports: [String: [DevicePort]] = [:]
        for (device, var port) in found {
            (port.addresses, port.securityGroups) = (addresses[port.id] ?? [], groups[port.id] ?? [])
            ports[device, default: []].append(port)
        }
        return ports
    }

    private static func port(_ row: borrowing Row) throws -> (device: String, port: DevicePort) {
        let status: String = try row[6]
        let port = DevicePort(
            id: try row[1], networkID: try row[2], networkName: try row[3], mac: try row[4], mtu: try row[5],
            isActive: status == PortStatus.active.rawValue, host: try row[7], addresses: [], securityGroups: [],
            hasPortSecurity: try row[8])
        return (try row[0], port)
    }

    /// The devices of compute's ports with an address that contains one of these texts.
    static func devices(withAddressesContaining parts: [String], projectID: String?, in reader: any Reader) throws -> [String] {
        let patterns: [SQL] = parts.map { part in
            let escaped = part.map { "\\%_".contains($0) ? "\\\($0)" : String($0) }.joined()
            return "a.address LIKE \("%\(escaped)%") ESCAPE '\\'"
        }
        let owner: SQL = projectID.map { " AND p.project_id = \($0)" } ?? ""
        return try reader.all(
            """
            SELECT DISTINCT p.device_id FROM ports p JOIN ip_allocations a ON a.port_id = p.id
            WHERE p.device_owner LIKE 'compute:%' AND (\(patterns.joined(separator: " OR ")))\(owner)
            """
        ) { try $0[0] }
    }

    private static func addresses(_ ports: [String], in reader: any Reader) throws -> [String: [DevicePort.Address]] {
        // A subnet's lists are read once, however many of its addresses are asked for.
        var lists: [String: (nameservers: [String], routes: [Route])] = [:]
        var addresses: [String: [DevicePort.Address]] = [:]
        for batch in batches(ports) {
            try reader.forEach(
                """
                SELECT a.port_id, a.address, s.id, s.cidr, s.gateway_ip, s.dns_nameservers, f.floating_ip_address, s.enable_dhcp,
                    s.ipv6_address_mode, s.host_routes
                FROM ip_allocations a JOIN subnets s ON s.id = a.subnet_id
                LEFT JOIN floating_ips f ON f.fixed_port_id = a.port_id AND f.fixed_ip_address = a.address
                WHERE a.port_id IN \(in: batch) ORDER BY a.given_at, a.address_key, f.created_at, f.id
                """
            ) { row in
                let (port, address, subnet): (String, String, String) = (try row[0], try row[1], try row[2])
                let floating: String? = try row[6]
                if let floating, let last = addresses[port]?.indices.last, addresses[port]?[last].address == address {
                    addresses[port]?[last].floatingIPs.append(floating)
                    return
                }
                let cidr: String = try row[3]
                let list = try lists[subnet] ?? ((row[5] as StoredList<String>).elements, (row[9] as StoredList<Route>).elements)
                lists[subnet] = list
                addresses[port, default: []].append(
                    DevicePort.Address(
                        address: address, version: cidr.contains(":") ? 6 : 4, subnetID: subnet, cidr: cidr, gateway: try row[4],
                        nameservers: list.nameservers, floatingIPs: floating.map { [$0] } ?? [], isDHCPEnabled: try row[7],
                        addressMode: try row[8], hostRoutes: list.routes))
            }
        }
        return addresses
    }

    private static func groups(_ ports: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            ports,
            {
                """
                SELECT m.port_id, g.name FROM port_security_groups m JOIN security_groups g ON g.id = m.security_group_id
                WHERE m.port_id IN \(in: $0) ORDER BY m.port_id, m.security_group_id
                """
            }
        ) { (try $0[0] as String, try $0[1] as String) }
    }
}
