import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct TunnelBridgeTests {
    private func bridge(_ kinds: TunnelAttachment.Kind..., peers: [String]) throws -> TunnelBridge {
        var tunnels: [TunnelBridge.Tunnel] = []
        for peer in peers {
            for kind in TunnelAttachment.Kind.allCases where kinds.contains(kind) {
                tunnels.append(.init(kind: kind, peer: try NetworkAddress(peer), number: 10 * (tunnels.count + 1)))
            }
        }
        let networks = kinds.enumerated().map { position, kind in
            TunnelBridge.Network(
                attachment: TunnelAttachment(kind: kind, key: 1000 + position, tag: position + 1), patch: position + 1)
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
        let inward = try #require(flows.first { $0.hasPrefix("table=0,priority=10,in_port=10,tun_id=1000,") })
        #expect(inward.contains("set_field:4097->vlan_vid") && inward.hasSuffix("output:1"))
        #expect(flows.contains("table=20,priority=1,dl_vlan=1,actions=strip_vlan,set_field:1000->tun_id,output:10"))
    }

    @Test func aNetworkUsesTunnelsOfItsKindOnly() throws {
        let flows = try bridge(.gre, .vxlan, peers: ["10.99.0.2", "10.99.0.3"]).flows
        #expect(flows.contains("table=20,priority=1,dl_vlan=1,actions=strip_vlan,set_field:1000->tun_id,output:10,output:30"))
        #expect(flows.contains("table=20,priority=1,dl_vlan=2,actions=strip_vlan,set_field:1001->tun_id,output:20,output:40"))
    }

    @Test func nothingGoesFromTunnelToTunnel() throws {
        let flows = try bridge(.gre, peers: ["10.99.0.2", "10.99.0.3"]).flows
        for flow in flows where flow.contains("in_port=10,") || flow.contains("in_port=20,") { #expect(flow.hasSuffix("output:1")) }
        #expect(flows.contains("table=0,priority=0,actions=drop"))
    }

    @Test func aTunnelWithoutANumberWaits() throws {
        var waiting = try bridge(.gre, peers: ["10.99.0.2"])
        waiting.tunnels[0].number = nil
        #expect(!waiting.flows.contains { $0.contains("tun_id") })
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
