import CloudCore
import CloudStore

/// The bindings of ports to hosts other than the one where they are plugged.
enum PortBindingRecords {
    private static func inactive(_ row: borrowing Row) throws -> InactiveBinding {
        InactiveBinding(
            portID: try row[0], binding: PortBinding(host: try row[1], profile: try row[2], vnicType: try row[3]),
            isBound: try row[4])
    }

    /// A port's inactive bindings, by host.
    static func all(port id: String, in reader: any Reader) throws -> [InactiveBinding] {
        try reader.all(
            "SELECT port_id, host, profile, vnic_type, is_bound FROM port_bindings WHERE port_id = \(id) ORDER BY host", inactive)
    }

    /// Stores a binding in place of the one to the same host, if there is one.
    static func put(_ binding: InactiveBinding, in transaction: any Transaction) throws {
        let value = binding.binding
        try transaction.execute(
            """
            INSERT INTO port_bindings (port_id, host, profile, vnic_type, is_bound)
            VALUES (\(binding.portID), \(value.host), \(value.profile), \(value.vnicType), \(binding.isBound))
            ON CONFLICT (port_id, host) DO UPDATE SET profile = excluded.profile, vnic_type = excluded.vnic_type,
                is_bound = excluded.is_bound
            """)
    }

    static func delete(port id: String, host: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM port_bindings WHERE port_id = \(id) AND host = \(host)")
    }
}
