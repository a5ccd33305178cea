import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct TunnelBridgeTests {
    private func bridge(_ kinds: TunnelAttachment.Kind..., peers: [String]) throws -> TunnelBridge {
        let tunnels = try peers.flatMap { peer in
            try Set(kinds).map { TunnelBridge.Tunnel(kind: $0, peer: try NetworkAddress(peer)) }
        }
        let networks = kinds.enumerated().map { position, kind in
            TunnelBridge.Network(
                attachment: TunnelAttachment(kind: kind, key: 1000 + position, tag: position + 1), patch: "patch\(position)")
        }
        return TunnelBridge(networks: networks, tunnels: tunnels)
    }

    @Test func portsAreNamedByKindAndPeer() throws {
        #expect(TunnelBridge.Tunnel(kind: .gre, peer: try NetworkAddress("10.99.0.2")).port == "gre-0a630002")
        let name = TunnelBridge.Tunnel(kind: .vxlan, peer: try NetworkAddress("2001:db8::1")).port
        #expect(name.count <= 15 && name.hasPrefix("vxlan-"))
    }

    @Test func tagsAndKeysAreSwapped() throws {
        let flows = try bridge(.vxlan, peers: ["10.99.0.2"]).flows
        #expect(flows.contains { $0.hasPrefix("table=0,priority=10,in_port=\"vxlan-0a630002\",tun_id=1000,") && $0.contains("set_field:4097->vlan_vid") && $0.hasSuffix("output:\"patch0\"") })
        #expect(flows.contains("table=20,priority=1,dl_vlan=1,actions=strip_vlan,set_field:1000->tun_id,output:\"vxlan-0a630002\""))
    }

    @Test func aNetworkUsesTunnelsOfItsKindOnly() throws {
        let flows = try bridge(.gre, .vxlan, peers: ["10.99.0.2", "10.99.0.3"]).flows
        #expect(flows.contains("table=20,priority=1,dl_vlan=1,actions=strip_vlan,set_field:1000->tun_id,output:\"gre-0a630002\",output:\"gre-0a630003\""))
        #expect(flows.filter { $0.contains("tun_id=1001,") }.allSatisfy { $0.contains("in_port=\"vxlan-") })
    }

    @Test func nothingGoesFromTunnelToTunnel() throws {
        let flows = try bridge(.gre, peers: ["10.99.0.2", "10.99.0.3"]).flows
        for flow in flows where flow.contains("in_port=\"gre-") { #expect(!flow.contains("output:\"gre-")) }
        #expect(flows.contains("table=0,priority=0,actions=drop"))
    }

    @Test func aTunnelledNetworkLeavesWithItsTag() throws {
        var network = SampleTopology().tenant
        network.tunnel = TunnelAttachment(kind: .gre, key: 70_000, tag: 12)
        let row = try #require(try OVNProjection().rows(of: .network(network)).first { $0.key.name == "localnet" })
        #expect(row.columns["tag"] == .integer(12))
        #expect(row.columns["options"]?.stringMap == ["network_name": TunnelBridge.label])
        #expect(row.columns["external_ids"]?.stringMap["altostack:tunnel"] == "gre/70000")
    }
}
