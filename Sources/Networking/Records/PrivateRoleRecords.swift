import CloudStore
import NetworkMessages

/// The roles of ports on private networks, as they stand in the ports' rows.
enum PrivateRoleRecords {
    /// A port that may not talk to all others.
    struct Restricted: Sendable {
        var id: String
        var isolation: PortIsolation
        /// The MAC addresses that it may send from.
        var macs: [String]
    }

    /// The ports of networks that may not talk to all others, by network.
    static func restricted(networks: [String], in reader: any Reader) throws -> [String: [Restricted]] {
        try reader.grouped(
            networks,
            {
                """
                SELECT network_id, id, pvlan_type, pvlan_community, mac_address, allowed_pairs FROM ports
                WHERE network_id IN \(in: $0) AND pvlan_type IN ('isolated', 'community')
                    AND device_owner NOT IN \(in: DeviceOwner.infrastructure.sorted())
                ORDER BY id
                """
            }
        ) { row in
            let pairs: StoredList<AddressPair> = try row[5]
            let isolation = PrivateRole(type: try row[2], community: try row[3])?.isolation ?? .isolated
            let macs = Set([try row[4] as String] + pairs.elements.map(\.mac)).sorted()
            return (try row[0], Restricted(id: try row[1], isolation: isolation, macs: macs))
        }
    }

    /// A port of a network that is nobody's but a project's and has no port security; nil when there is none.
    static func unsecured(network: String, in reader: any Reader) throws -> String? {
        try reader.scalar(
            """
            SELECT id FROM ports WHERE network_id = \(network) AND port_security_enabled = \(false)
                AND device_owner NOT LIKE 'network:%' ORDER BY id LIMIT 1
            """)
    }

    /// Gives every port of a network a role, or takes them away.
    static func setAll(network: String, _ role: PrivateRole?, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE ports SET pvlan_type = \(role?.type), pvlan_community = \(role?.community) WHERE network_id = \(network)")
    }
}
