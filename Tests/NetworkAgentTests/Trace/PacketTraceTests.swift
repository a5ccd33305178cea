import Testing

@testable import NetworkAgent

/// What `ovn-trace --detailed` of OVN 23.03 says, and what is read from it.
@Suite struct PacketTraceTests {
    private static let rules = [
        PacketTrace.Rule(id: "out", owner: "securityGroup/g1", isForGuests: false, match: "inport == @pg_g1 && ip4"),
        PacketTrace.Rule(id: "in", owner: "securityGroup/g1", isForGuests: true, match: "outport == @pg_g1 && ip4 && tcp"),
        PacketTrace.Rule(id: "drop", owner: "plane/base", isForGuests: true, match: "outport == @altostack_drop && ip"),
    ]

    private static let sending = """
        # tcp,reg14=0x2,dl_src=fa:16:3e:00:00:01,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=22

        ingress(dp="net", inport="p1")
        ------------------------------
         0. ls_in_check_port_sec (northd.c:8432): 1, priority 50, uuid 6ec9f1ac
            reg0[15] = check_in_port_sec();
            next;
         8. ls_in_acl (northd.c:6445): reg0[7] == 1 && (inport == @pg_g1 && ip4), priority 2002, uuid 20660009
            reg0[1] = 1;
            next;

        """

    private func trace(_ text: String) -> PacketTrace { PacketTrace(text: text, rules: Self.rules) }

    @Test func aPacketThatRulesLetThroughIsDelivered() {
        let trace = trace(Self.sending + """
            egress(dp="net", inport="p1", outport="p2")
            -------------------------------------------
             4. ls_out_acl (northd.c:6445): reg0[7] == 1 && (outport == @pg_g1 && ip4 && tcp), priority 2002, uuid 9c1a215c
                reg0[1] = 1;
                next;
             9. ls_out_apply_port_sec (northd.c:5777): 1, priority 0, uuid 5fc47a48
                output;
                /* output to "p2", type "" */
            """)
        #expect(trace.outcome == .delivered(port: "p2"))
        #expect(trace.steps == [
            .entered(port: "p1"), .rule(Self.rules[0], passes: true), .rule(Self.rules[1], passes: true),
        ])
        #expect(Self.rules[1].group == "g1")
    }

    @Test func aPacketThatNoRuleLetsThroughIsDropped() {
        let trace = trace(Self.sending + """
            egress(dp="net", inport="p1", outport="p2")
            -------------------------------------------
             4. ls_out_acl (northd.c:6543): reg0[9] == 1 && (outport == @altostack_drop && ip), priority 2001, uuid e1de73cd
                drop;
            """)
        #expect(trace.outcome == .dropped)
        #expect(trace.steps.last == .rule(Self.rules[2], passes: false))
        #expect(Self.rules[2].group == nil)
    }

    @Test func aForgedAddressIsDroppedAtTheDoor() {
        let trace = trace("""
            ingress(dp="net", inport="p1")
            ------------------------------
             0. ls_in_check_port_sec (northd.c:8432): 1, priority 50, uuid 6ec9f1ac
                reg0[15] = check_in_port_sec();
                next;
             1. ls_in_apply_port_sec (northd.c:8435): reg0[15] == 1, priority 50, uuid f6225c78
                drop;
            """)
        #expect(trace.steps == [.entered(port: "p1"), .spoofed])
        #expect(trace.outcome == .dropped)
    }

    @Test func theWayOutIsRoutedAndTranslated() {
        let trace = trace("""
            ingress(dp="router", inport="lrp-1")
            ------------------------------------
            13. lr_in_ip_routing (northd.c:10388): ip4.dst == 172.24.4.0/24, priority 74, uuid c90f92e4
                ip.ttl--;
                next;

            egress(dp="router", inport="lrp-1", outport="lrp-2")
            ----------------------------------------------------
             3. lr_out_snat (northd.c:13958): ip && ip4.src == 10.10.0.0/24, priority 153, uuid 6b5087e9
                ct_snat_in_czone(172.24.4.10);
             6. lr_out_delivery (northd.c:12995): outport == "lrp-2", priority 100, uuid 065a383c
                output;
                /* output to "lrp-2", type "patch" */

            multicast(dp="outside", mcgroup="_MC_unknown")
            ----------------------------------------------

                egress(dp="outside", inport="p3", outport="localnet-1")
                --------------------------------------------------------
                     9. ls_out_apply_port_sec (northd.c:5777): 1, priority 0, uuid 5fc47a48
                        output;
                        /* output to "localnet-1", type "localnet" */
            """)
        #expect(trace.steps == [.entered(port: "lrp-1"), .routed(to: "172.24.4.0/24"), .translatedSource("172.24.4.10")])
        #expect(trace.outcome == .leftCloud)
    }

    @Test func aPacketWaitsWhileItsRouterAsks() {
        let trace = trace("""
            ingress(dp="router", inport="lrp-1")
            ------------------------------------
            21. lr_in_arp_request (northd.c:12929): eth.dst == 00:00:00:00:00:00 && ip4, priority 100, uuid 98a2614b
                arp { eth.dst = ff:ff:ff:ff:ff:ff; arp.spa = reg1; arp.tpa = reg0; arp.op = 1; output; };

            multicast(dp="outside", mcgroup="_MC_flood_l2")
            -----------------------------------------------
                /* output to "localnet-1", type "localnet" */
            """)
        #expect(trace.outcome == .waiting)
        #expect(trace.steps == [.entered(port: "lrp-1")])
    }

    @Test(arguments: [
        ("10.0.0.2", TracedPacket.Transport.icmp, "ip4.dst == 10.0.0.2 && ip.ttl == 64 && icmp4 && icmp4.type == 8"),
        ("fd00::2", .icmp, "ip6.dst == fd00::2 && ip.ttl == 64 && icmp6 && icmp6.type == 128"),
        ("10.0.0.2", .udp(53), "ip4.dst == 10.0.0.2 && ip.ttl == 64 && udp && udp.dst == 53"),
    ])
    func aPacketIsSaidInOVNsLanguage(destination: String, transport: TracedPacket.Transport, expected: String) {
        let source = destination.contains(":") ? "fd00::1" : "10.0.0.1"
        let packet = TracedPacket(
            port: "p\"1", sourceMAC: "a", destinationMAC: "b", source: source, destination: destination, transport: transport)
        #expect(packet.microflow.hasSuffix(expected))
        #expect(packet.microflow.hasPrefix("inport == \"p1\" && eth.src == a && eth.dst == b && "))
    }
}
