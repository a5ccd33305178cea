import CloudCore
import CloudStore

/// The port forwardings' rows.
enum PortForwardingRecords {
    private static let columns: SQL = """
        id, floatingip_id, internal_port_id, internal_ip_address, protocol, external_first, external_last, \
        internal_first, internal_last, description
        """

    static let listing = Listing("port_forwardings", [
        "protocol": .column("protocol"), "internal_port_id": .column("internal_port_id"),
        "external_port": .custom { values in
            let ports = values.compactMap { Int($0) }
            return ports.count == values.count ? "external_first = external_last AND external_first IN \(in: ports)" : nil
        },
        "external_port_range": .custom { values in
            let ranges = values.compactMap(PortForwarding.range)
            guard ranges.count == values.count else { return nil }
            let conditions: [SQL] = ranges.map {
                "external_first = \($0.lowerBound) AND external_last = \($0.upperBound)"
            }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ], without: ["name", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func forwarding(_ row: borrowing Row) throws -> PortForwarding {
        PortForwarding(
            id: try row[0], floatingIPID: try row[1], portID: try row[2], address: try row[3], ipProtocol: try row[4],
            external: try range(row[5], row[6]), internal: try range(row[7], row[8]), description: try row[9])
    }

    /// What was stored in order comes back in order.
    private static func range(_ first: Int, _ last: Int) -> ClosedRange<Int> { first...max(first, last) }

    static func insert(_ forwarding: PortForwarding, in transaction: any Transaction) throws {
        let (external, inner) = (forwarding.external, forwarding.internal)
        try transaction.execute(
            """
            INSERT INTO port_forwardings (id, floatingip_id, internal_port_id, internal_ip_address, protocol,
                external_first, external_last, internal_first, internal_last, description)
            VALUES (\(forwarding.id), \(forwarding.floatingIPID), \(forwarding.portID), \(forwarding.address),
                \(forwarding.ipProtocol), \(external.lowerBound), \(external.upperBound), \(inner.lowerBound),
                \(inner.upperBound), \(forwarding.description))
            """)
    }

    static func update(_ forwarding: PortForwarding, in transaction: any Transaction) throws {
        let (external, inner) = (forwarding.external, forwarding.internal)
        try transaction.execute(
            """
            UPDATE port_forwardings SET internal_port_id = \(forwarding.portID),
                internal_ip_address = \(forwarding.address), protocol = \(forwarding.ipProtocol),
                external_first = \(external.lowerBound), external_last = \(external.upperBound),
                internal_first = \(inner.lowerBound), internal_last = \(inner.upperBound),
                description = \(forwarding.description)
            WHERE id = \(forwarding.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM port_forwardings WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> PortForwarding? {
        try reader.first("SELECT \(columns) FROM port_forwardings WHERE id = \(id)", forwarding)
    }

    /// One page of a floating IP's port forwardings.
    static func list(_ request: ListRequest, floatingIP: String, in reader: any Reader) throws -> [PortForwarding] {
        try reader.page(columns, listing, request, visibility: "floatingip_id = \(floatingIP)", forwarding)
    }

    /// The port forwardings of floating IPs by floating IP.
    static func all(floatingIPs: [String], in reader: any Reader) throws -> [String: [PortForwarding]] {
        try reader.grouped(
            floatingIPs, { "SELECT \(columns) FROM port_forwardings WHERE floatingip_id IN \(in: $0) ORDER BY id" }
        ) { row in
            let forwarding = try forwarding(row)
            return (forwarding.floatingIPID, forwarding)
        }
    }

    /// The port forwardings to a port.
    static func all(port: String, in reader: any Reader) throws -> [PortForwarding] {
        try reader.all("SELECT \(columns) FROM port_forwardings WHERE internal_port_id = \(port) ORDER BY id", forwarding)
    }

    /// Whether a router is needed by a port forwarding to an address on one of the subnets.
    static func needs(router: String, subnets: [String], in reader: any Reader) throws -> Bool {
        try reader.exists(
            """
            SELECT 1 FROM port_forwardings p JOIN floating_ips f ON f.id = p.floatingip_id
                JOIN ip_allocations a ON a.port_id = p.internal_port_id AND a.address = p.internal_ip_address
            WHERE f.router_id = \(router) AND a.subnet_id IN \(in: subnets) LIMIT 1
            """)
    }
}

/// The conntrack helpers' rows.
enum ConntrackHelperRecords {
    private static let columns: SQL = "id, router_id, protocol, port, helper"

    static let listing = Listing("conntrack_helpers", [
        "protocol": .column("protocol"), "port": .column("port", .integer), "helper": .column("helper"),
    ], without: ["name", "description", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func helper(_ row: borrowing Row) throws -> ConntrackHelper {
        ConntrackHelper(id: try row[0], routerID: try row[1], ipProtocol: try row[2], port: try row[3], helper: try row[4])
    }

    static func insert(_ helper: ConntrackHelper, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO conntrack_helpers (id, router_id, protocol, port, helper)
            VALUES (\(helper.id), \(helper.routerID), \(helper.ipProtocol), \(helper.port), \(helper.helper))
            """)
    }

    static func update(_ helper: ConntrackHelper, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE conntrack_helpers SET protocol = \(helper.ipProtocol), port = \(helper.port), helper = \(helper.helper)
            WHERE id = \(helper.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM conntrack_helpers WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> ConntrackHelper? {
        try reader.first("SELECT \(columns) FROM conntrack_helpers WHERE id = \(id)", helper)
    }

    /// One page of a router's helpers.
    static func list(_ request: ListRequest, router: String, in reader: any Reader) throws -> [ConntrackHelper] {
        try reader.page(columns, listing, request, visibility: "router_id = \(router)", helper)
    }

    /// The helpers of routers by router.
    static func all(routers: [String], in reader: any Reader) throws -> [String: [ConntrackHelper]] {
        try reader.grouped(
            routers, { "SELECT \(columns) FROM conntrack_helpers WHERE router_id IN \(in: $0) ORDER BY id" }
        ) { row in
            let helper = try helper(row)
            return (helper.routerID, helper)
        }
    }
}
