import CloudCore
import CloudStore

/// Ports as a trace looks for them.
enum TraceRecords {
    /// The ports that people mean by a text: a port's id, name or address, a server's id or host name. Those that Networking
    /// keeps for itself are not meant.
    static func ports(meantBy text: String, in reader: any Reader) throws -> [Port] {
        let ids: [String] = try reader.all(
            """
            SELECT id FROM ports WHERE (id = \(text) OR name = \(text) OR device_id = \(text) OR dns_name = \(text)
                OR id IN (SELECT port_id FROM ip_allocations WHERE address = \(text)))
                AND device_owner NOT LIKE 'network:%' ORDER BY created_at, id LIMIT 20
            """
        ) { try $0[0] }
        let ports = try PortRecords.find(ids, in: reader)
        return ids.compactMap { ports[$0] }
    }

    /// The port that has an address on a network; nil when none has.
    static func holder(of address: String, network: String, in reader: any Reader) throws -> Port? {
        let id: String? = try reader.scalar(
            "SELECT port_id FROM ip_allocations WHERE address = \(address) AND network_id = \(network)")
        return try id.flatMap { try PortRecords.find($0, in: reader) }
    }
}
