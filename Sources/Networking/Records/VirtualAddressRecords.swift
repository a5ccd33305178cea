import CloudStore
import NetworkMessages

/// Addresses that a port holds for others to carry in turns: a port on no host, whose address other ports of its network have
/// among their allowed pairs (VRRP, a load balancer's pair).
enum VirtualAddressRecords {
    /// The ports among these whose address others carry, by id. A port has one such address: the first.
    static func addresses(of ports: [Port], in reader: any Reader) throws -> [String: VirtualAddress] {
        let free = ports.filter { $0.binding.host.isEmpty && !$0.fixedIPs.isEmpty }
        let carriers = try carriers(networks: Set(free.map(\.networkID)), in: reader)
        var virtual: [String: VirtualAddress] = [:]
        for port in free {
            for fixed in port.fixedIPs where virtual[port.id] == nil {
                let parents = carriers[port.networkID]?.filter { $0.id != port.id && $0.addresses.contains(fixed.address) } ?? []
                if !parents.isEmpty { virtual[port.id] = VirtualAddress(address: fixed.address, parents: parents.map(\.id)) }
            }
        }
        return virtual
    }

    /// The networks' ports with allowed pairs by network, in the order of their ids, with the single addresses among the pairs.
    private static func carriers(
        networks: Set<String>, in reader: any Reader
    ) throws -> [String: [(id: String, addresses: Set<String>)]] {
        try reader.grouped(networks.sorted(), {
            """
            SELECT network_id, id, allowed_pairs FROM ports
            WHERE network_id IN \(in: $0) AND allowed_pairs <> '[]' AND device_owner NOT LIKE 'network:%' ORDER BY id
            """
        }) { row in
            let pairs: StoredList<AddressPair> = try row[2]
            return (try row[0] as String, (id: try row[1] as String, addresses: addresses(of: pairs.elements)))
        }
    }

    /// The single addresses among allowed pairs, as ports' addresses are written.
    private static func addresses(of pairs: [AddressPair]) -> Set<String> {
        Set(pairs.compactMap { pair in
            guard let range = CIDR(pair.address), range.first == range.last else { return nil }
            return range.first.description
        })
    }

    /// Marks the ports whose addresses another port of the network begins or ceases to carry.
    static func mark(
        network: String, from old: [AddressPair], to new: [AddressPair], in transaction: any Transaction
    ) throws {
        let changed = addresses(of: old).symmetricDifference(addresses(of: new))
        guard !changed.isEmpty else { return }
        try TopologyChangeRecords.mark(
            .port,
            select: """
                SELECT a.port_id AS id FROM ip_allocations a JOIN ports p ON p.id = a.port_id
                WHERE a.address IN \(in: changed.sorted()) AND a.network_id = \(network) AND p.host = \("")
                    AND p.device_owner NOT LIKE 'network:%'
                """, in: transaction)
    }
}
