import CloudStore

// What the projection to the data plane asks of ports.
extension PortRecords {
    /// The ids of the networks' ports that have DHCP options of their own, which hold their subnets' options too.
    static func withDHCPOptions(networks: [String], in reader: any Reader) throws -> [String] {
        var ids: [String] = []
        for batch in batches(networks) {
            ids += try reader.all(
                "SELECT id FROM ports WHERE network_id IN \(in: batch) AND extra_dhcp_opts <> '[]'") { try $0[0] as String }
        }
        return ids
    }
}
