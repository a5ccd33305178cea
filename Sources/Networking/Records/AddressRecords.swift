import CloudCore
import CloudStore
import NetworkMessages

/// The addresses that ports hold. The key (subnet, address) is unique in the schema, so that no fault of ours can give
/// an address out twice.
enum AddressRecords {
    /// A held address with its holder.
    struct Holder: Sendable, Hashable {
        var portID: String
        var address: String
        var deviceOwner: String
    }

    /// Gives an address to a port. A port's addresses are listed in the order they were given, which is that of time.
    static func insert(_ fixed: FixedIP, key: String, port: Port, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO ip_allocations (subnet_id, address_key, address, network_id, port_id, given_at)
            VALUES (\(fixed.subnetID), \(key), \(fixed.address), \(port.networkID), \(port.id), \(Timestamp.now))
            """)
    }

    /// Takes addresses from a port.
    static func delete(_ fixed: FixedIP, port: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            DELETE FROM ip_allocations
            WHERE subnet_id = \(fixed.subnetID) AND address = \(fixed.address) AND port_id = \(port)
            """)
    }

    /// Whether someone holds an address.
    static func isTaken(_ address: IPAddress, subnet: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM ip_allocations WHERE subnet_id = \(subnet) AND address_key = \(address.key)")
    }

    /// Where the search for a free address goes on: behind the last one given out, so that an address that was just
    /// given back rests a while.
    static func cursor(subnet: String, in reader: any Reader) throws -> IPAddress? {
        let key: String? = try reader.scalar("SELECT next_address FROM subnets WHERE id = \(subnet)")
        return key.flatMap { IPAddress(key: $0) }
    }

    /// Remembers the last address given out.
    static func setCursor(_ address: IPAddress, subnet: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE subnets SET next_address = \(address.key) WHERE id = \(subnet)")
    }

    /// The first taken addresses of a range in rising order.
    static func taken(_ range: AddressRange, subnet: String, limit: Int, in reader: any Reader) throws -> [IPAddress] {
        try reader.all(
            """
            SELECT address_key FROM ip_allocations WHERE subnet_id = \(subnet)
                AND address_key >= \(range.first.key) AND address_key <= \(range.last.key)
            ORDER BY address_key LIMIT \(limit)
            """
        ) { try $0[0] as String }.compactMap { IPAddress(key: $0) }
    }

    /// Who holds addresses of a subnet, except the ports Networking makes for itself.
    static func holders(subnet: String, limit: Int, in reader: any Reader) throws -> [Holder] {
        try reader.all(
            """
            SELECT p.id, a.address, p.device_owner FROM ip_allocations a JOIN ports p ON p.id = a.port_id
            WHERE a.subnet_id = \(subnet)
                AND NOT (p.device_owner = \(DeviceOwner.distributed) AND p.device_id = \(DeviceOwner.metadataDevice) || p.network_id)
            ORDER BY a.address_key LIMIT \(limit)
            """
        ) { Holder(portID: try $0[0], address: try $0[1], deviceOwner: try $0[2]) }
    }

    /// The router's port that holds an address of a subnet; nil when none does.
    static func routerPort(subnet: String, address: IPAddress, in reader: any Reader) throws -> String? {
        try reader.scalar(
            """
            SELECT p.id FROM ip_allocations a JOIN ports p ON p.id = a.port_id
            WHERE a.subnet_id = \(subnet) AND a.address_key = \(address.key) AND p.device_owner = \(DeviceOwner.routerInterface)
            """)
    }

    /// The ports' addresses by port, in the order they were given.
    static func all(ports: RowSelection, in reader: any Reader) throws -> [String: [FixedIP]] {
        try reader.grouped(
            ports, of: "ip_allocations", by: "port_id",
            { "SELECT port_id, subnet_id, address FROM \($0) ORDER BY given_at, address_key" }
        ) { (try $0[0], FixedIP(subnetID: try $0[1], address: try $0[2])) }
    }

    /// How many addresses of each subnet are held.
    static func counts(subnets: [String], in reader: any Reader) throws -> [String: Int] {
        try reader.grouped(
            subnets, { "SELECT subnet_id, COUNT(*) FROM ip_allocations WHERE subnet_id IN \(in: $0) GROUP BY subnet_id" }
        ) { (try $0[0], try $0[1] as Int) }.compactMapValues(\.first)
    }
}
