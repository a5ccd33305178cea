import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct TrafficRegionTests {
    private typealias Filter = LogicalFirewall.Filter

    /// A packet, and whether the filters let it through when they are asked one after the other.
    private struct Packet {
        var source: NetworkAddress
        var destination: NetworkAddress
        var number: Int
        var sourcePort: Int
        var destinationPort: Int

        func fits(_ filter: Filter) throws -> Bool {
            try [(filter.source, source), (filter.destination, destination)].allSatisfy { range, address in
                try range.map { try NetworkPrefix($0).contains(address) } ?? true
            } && filter.ipProtocol.map { IPProtocol.number($0, etherType: .ipv4) == number } ?? true
                && filter.sourcePorts?.contains(sourcePort) ?? true && filter.destinationPorts?.contains(destinationPort) ?? true
        }

        func passes(_ filters: [Filter]) throws -> Bool { try filters.first(where: fits)?.action == .allow }

        func isIn(_ region: TrafficRegion) -> Bool {
            func isIn(_ addresses: TrafficRegion.Addresses, _ address: NetworkAddress) -> Bool {
                addresses.range?.contains(address) ?? true && !addresses.without.contains { $0.contains(address) }
            }
            return isIn(region.source, source) && isIn(region.destination, destination) && region.protocols.contains(number)
                && region.sourcePorts.contains { $0.contains(sourcePort) }
                && region.destinationPorts.contains { $0.contains(destinationPort) }
        }
    }

    private func filter(
        _ action: Filter.Action, _ ipProtocol: String? = nil, from source: String? = nil, to destination: String? = nil,
        ports: ClosedRange<Int>? = nil
    ) -> Filter {
        Filter(
            id: "", etherType: .ipv4, ipProtocol: ipProtocol, source: source, destination: destination, destinationPorts: ports,
            action: action)
    }

    private func packets() throws -> [Packet] {
        let addresses = try ["10.0.0.5", "10.0.0.200", "10.0.1.5", "192.0.2.1"].map { try NetworkAddress($0) }
        return addresses.flatMap { source in
            addresses.flatMap { destination in
                [1, 6, 17].flatMap { number in
                    [22, 80, 85, 443].map {
                        Packet(source: source, destination: destination, number: number, sourcePort: 1_000, destinationPort: $0)
                    }
                }
            }
        }
    }

    @Test func regionsDropWhatFiltersDoNotLetThrough() throws {
        let lists: [[Filter]] = [
            [], [filter(.allow)], [filter(.deny, "icmp"), filter(.allow)],
            [filter(.allow, "tcp", ports: 80...90), filter(.allow, "icmp")],
            [
                filter(.deny, "tcp", from: "10.0.0.0/25", ports: 22...22), filter(.allow, "tcp", from: "10.0.0.0/24", ports: 20...80),
                filter(.reject, from: "10.0.0.0/16", to: "10.0.1.0/24"), filter(.allow, "udp"), filter(.allow, to: "192.0.2.0/24"),
            ],
        ]
        for filters in lists {
            let dropped = try TrafficRegion.dropped(by: filters)
            for packet in try packets() {
                let regions = dropped.filter { packet.isIn($0.region) }
                #expect(regions.isEmpty == (try packet.passes(filters)))
                // No traffic stands in two regions: what is rejected is not dropped as well.
                #expect(regions.count <= 1)
            }
        }
    }

    @Test func aRejectedRegionIsKnown() throws {
        let dropped = try TrafficRegion.dropped(by: [filter(.reject, "tcp", ports: 25...25), filter(.allow)])
        #expect(dropped.map(\.isRejected) == [true])
        #expect(dropped.first?.region.terms("ip4") == ["tcp", "tcp.dst == 25"])
    }

    @Test func regionsAreToldInTheEnginesWords() throws {
        let dropped = try TrafficRegion.dropped(by: [filter(.allow, "tcp", from: "10.0.0.0/24", ports: 80...90)])
        let terms = dropped.map { $0.region.terms("ip4") }
        #expect(terms.count == 3)
        #expect(terms[0] == ["ip4.src != {10.0.0.0/24}"])
        #expect(terms[1].first == "ip4.src == 10.0.0.0/24" && terms[1].last?.hasPrefix("ip.proto == {0, 1, 2, 3, 4, 5, 7,") == true)
        #expect(terms[2] == [
            "ip4.src == 10.0.0.0/24", "tcp", "((tcp.dst >= 0 && tcp.dst <= 79) || (tcp.dst >= 91 && tcp.dst <= 65535))",
        ])
    }

    @Test func aFirewallKeepsWhatLeavesInOrderAndDropsTheRest() throws {
        let interface = RouterInterface(portID: "a-b", networkID: "n", mac: "fa:16:3e:00:00:01", addresses: ["10.0.0.1/24"])
        let firewall = LogicalFirewall(ingress: [filter(.allow)], egress: [filter(.deny, "tcp"), filter(.allow)])
        let projection = OVNProjection()
        let owner = TopologyKey(kind: .router, id: "r")
        let rows = try projection.rows(of: firewall, try projection.scope(of: interface, owner: owner))
        let rules = rows.filter { $0.table == .acl }
        #expect(rows.first?.columns["name"] == .string("fw_a_b"))
        // What may come in is not named: security groups decide. IPv6 has no filter, so it is dropped.
        #expect(rules.filter { $0.columns["direction"] == .string("to-lport") }.map { $0.columns["match"] } == [
            .string("eth.src == fa:16:3e:00:00:01 && ip6")
        ])
        let leaving = rules.filter { $0.columns["direction"] == .string("from-lport") }
            .sorted { ($0.columns["priority"]?.integer ?? 0) > ($1.columns["priority"]?.integer ?? 0) }
        #expect(leaving.map { $0.columns["action"]?.string } == ["allow-related", "drop", "allow-related", "drop"])
        #expect(leaving.first?.columns["match"] == .string("eth.dst == fa:16:3e:00:00:01 && ip4.dst == 10.0.0.1"))
    }
}
