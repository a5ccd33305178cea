import NetworkMessages
import Testing

@testable import NetworkAgent

/// The meters and flows that limit packet rates.
@Suite(.timeLimit(.minutes(1))) struct PacketMetersTests {
    private func limited(_ text: String, number: Int, key: Int = 3) throws -> PacketMeters.Limited {
        let limits = try #require(PacketLimits(text: text))
        return PacketMeters.Limited(port: .init(id: "port-\(number)", limits: limits, key: key, datapath: 7), number: number)
    }

    @Test func eachDirectionHasAMeter() throws {
        let meters = PacketMeters([try limited("egress/1000/0 ingress/2000/50", number: 5), try limited("ingress/3000/0", number: 6)])
        #expect(meters.meters == [
            "meter=50000,pktps,burst,bands=type=drop,rate=1000,burst_size=100",
            "meter=50001,pktps,burst,bands=type=drop,rate=2000,burst_size=50",
            "meter=50003,pktps,burst,bands=type=drop,rate=3000,burst_size=300",
        ])
        #expect(meters.flows.count == 4 && meters.flows[0] == "delete \(PacketMeters.cookie)/-1")
        #expect(meters.flows[1].contains("in_port=5,reg15=0,actions=meter:50000,set_field:1->reg15,resubmit(,0)"))
        #expect(meters.flows[2].contains("table=65,priority=190,reg15=3,metadata=7,actions=meter:50001,output:5"))
        #expect(PacketMeters([]).meters.isEmpty)
    }

    @Test func limitsTravelAsText() throws {
        var qos = PortQoS()
        #expect(PacketLimits(qos) == nil)
        qos.egressPackets = .init(rate: 4_000, burst: 10)
        let limits = try #require(PacketLimits(qos))
        #expect(limits.text == "egress/4000/10" && PacketLimits(text: limits.text) == limits)
        for wrong in ["", "egress", "egress/0/1", "egress/1/x", "sideways/1/1"] { #expect(PacketLimits(text: wrong) == nil) }
    }
}
