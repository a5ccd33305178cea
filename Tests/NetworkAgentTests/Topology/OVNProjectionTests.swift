import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct OVNProjectionTests {
    let sample = SampleTopology()
    let projection = OVNProjection(options: OVNProjectionOptions(gatewayChassis: ["host1"]))

    private func rows(_ entity: TopologyEntity) throws -> [String: OVNRow] {
        Dictionary(uniqueKeysWithValues: try projection.rows(of: entity).map { ($0.key.name, $0) })
    }

    @Test func everyRowNamesItsOwnerAndResource() throws {
        for entity in sample.entities {
            for row in try projection.rows(of: entity) {
                let labels = try #require(row.columns["external_ids"]?.stringMap)
                #expect(labels["altostack:owner"] == entity.key.owner)
                #expect(labels["altostack:row"] == row.key.name)
                #expect(labels["altostack:id"]?.isEmpty == false)
                #expect(labels["altostack:parent"] == row.parent?.text)
                #expect((row.table.parent == nil) == (row.parent == nil))
                #expect(Set(row.columns.keys).isSubset(of: row.table.columns))
            }
        }
    }

    @Test func rowKeysAreUnique() throws {
        let keys = try sample.entities.flatMap { try projection.rows(of: $0).map(\.key) } + projection.baseRows.map(\.key)
        #expect(Set(keys).count == keys.count)
    }

    @Test func aTenantNetworkIsASwitchWithDHCPAndMetadata() throws {
        let rows = try rows(.network(sample.tenant))
        #expect(Set(rows.keys) == ["switch", "metadata", "dhcp4/\(SampleTopology.id(11))"])
        #expect(rows["switch"]?.columns["name"] == .string(sample.tenant.id))
        #expect(rows["switch"]?.columns["other_config"]?.stringMap == ["mtu": "1442"])
        let metadata = rows["metadata"]?.columns
        #expect(metadata?["type"] == .string("localport"))
        #expect(metadata?["addresses"] == .string("fa:16:3e:00:01:02 10.0.0.2 fe80::a9fe:a9fe"))
        #expect(metadata?["external_ids"]?.stringMap["altostack:cidrs"] == "10.0.0.2/24")
        #expect(rows["dhcp4/\(SampleTopology.id(11))"]?.columns["options"]?.stringMap == [
            "server_id": "10.0.0.2", "server_mac": "fa:16:3e:00:01:02", "lease_time": "86400", "mtu": "1442",
            "router": "10.0.0.1", "domain_name": "\"openstacklocal\"", "dns_server": "{192.0.2.53}",
            "classless_static_route": "{169.254.169.254/32,10.0.0.2, 198.51.100.0/24,10.0.0.254, 0.0.0.0/0,10.0.0.1}",
        ])
    }

    @Test func aPhysicalNetworkHasALocalnetPort() throws {
        #expect(try rows(.network(sample.external))["localnet"]?.columns["tag"] == OVSDBValue.none)
        var network = sample.external
        network.physical?.vlan = 120
        let row = try rows(.network(network))["localnet"]
        #expect(row?.columns["type"] == .string("localnet"))
        #expect(row?.columns["options"]?.stringMap == ["network_name": "public"])
        #expect(row?.columns["addresses"] == .string("unknown"))
        #expect(row?.columns["tag"] == .integer(120))
        #expect(row?.columns["tag_request"] == .integer(120))
    }

    @Test func aNetworkTouchesEveryPhysicalNetworkOfItsSegments() throws {
        var network = sample.external
        network.furtherPhysical = [PhysicalAttachment(label: "rack2", vlan: 7)]
        let ports = try projection.rows(of: .network(network)).filter { $0.columns["type"] == .string("localnet") }
        #expect(ports.map { $0.columns["options"]?.stringMap["network_name"] } == [network.physical?.label, "rack2"])
        #expect(ports.map { $0.columns["tag"] } == [network.physical?.vlan.map(OVSDBValue.integer) ?? OVSDBValue.none, .integer(7)])
        #expect(Set(ports.map(\.key)).count == 2 && Set(ports.compactMap { $0.columns["name"]?.string }).count == 2)
    }

    @Test func aPortHasItsAddressesSecurityAndGroups() throws {
        var port = sample.first
        port.host = "host1"
        port.allowedPairs = [
            AddressPair(mac: port.mac, address: "10.0.0.200"), AddressPair(mac: "FA:16:3E:00:04:99", address: "10.9.0.0/16"),
        ]
        let row = try #require(try rows(.port(port))["port"])
        #expect(row.parent == OVNRowKey(owner: "network/\(sample.tenant.id)", name: "switch"))
        #expect(row.columns["name"] == .string(port.id))
        #expect(row.columns["enabled"] == .boolean(true))
        #expect(row.columns["addresses"] == .strings(["fa:16:3e:00:04:01 10.0.0.11", "fa:16:3e:00:04:99"]))
        #expect(row.columns["port_security"] == .strings([
            "fa:16:3e:00:04:01 10.0.0.11 10.0.0.200", "fa:16:3e:00:04:99 10.9.0.0/16",
        ]))
        #expect(row.columns["options"]?.stringMap == ["requested-chassis": "host1", "hostname": "\"guest-0041\""])
        #expect(row.groups == [OVNProjection.dropGroup, OVNProjection.groupKey(sample.group.id)])
        #expect(row.columns["external_ids"]?.stringMap["altostack:dhcp4"]
            == "network/\(sample.tenant.id)#dhcp4/\(SampleTopology.id(11))")
    }

    @Test func anIPv6GuestMayAnswerForItsLinkLocalAddress() throws {
        var port = sample.first
        port.fixedIPs = [FixedIP(subnetID: SampleTopology.id(11), address: "fd00::11")]
        port.allowedPairs = [AddressPair(mac: "fa:16:3e:00:04:99", address: "fe80::f816:3eff:fe00:499")]
        let row = try #require(try rows(.port(port))["port"])
        #expect(row.columns["port_security"] == .strings([
            "fa:16:3e:00:04:01 fd00::11 fe80::f816:3eff:fe00:401", "fa:16:3e:00:04:99 fe80::f816:3eff:fe00:499",
        ]))
    }

    @Test func aPortWithoutSecurityMaySendAndReceiveAnything() throws {
        var port = sample.first
        (port.portSecurity, port.adminUp, port.hostName) = (false, false, "not a name;")
        let row = try #require(try rows(.port(port))["port"])
        #expect(row.columns["addresses"] == .strings(["fa:16:3e:00:04:01 10.0.0.11", "unknown"]))
        #expect(row.columns["port_security"] == OVSDBValue.none)
        #expect(row.columns["enabled"] == .boolean(false))
        #expect(row.columns["options"]?.stringMap == [:])
        #expect(row.groups.isEmpty)
    }

    @Test func aRouterHasPortsOnBothSidesRoutesAndTranslations() throws {
        var router = sample.router
        router.routes = [Route(destination: "10.8.0.0/16", nexthop: "10.0.0.9")]
        let rows = try rows(.router(router))
        let (inside, outside) = (SampleTopology.id(51), SampleTopology.id(52))
        #expect(rows["interface/\(inside)"]?.columns["name"] == .string("lrp-\(inside)"))
        #expect(rows["interface/\(inside)"]?.columns["networks"] == .string("10.0.0.1/24"))
        let attachment = rows["attachment/\(outside)/\(sample.external.id)"]
        #expect(attachment?.columns["options"]?.stringMap["router-port"] == "lrp-\(outside)")
        #expect(attachment?.columns["options"]?.stringMap["nat-addresses"] == "router")
        #expect(attachment?.parent?.owner == "network/\(sample.external.id)")
        let chassis = rows["chassis/\(outside)/host1"]
        #expect(chassis?.parent?.name == "interface/\(outside)")
        #expect(chassis?.columns["chassis_name"] == .string("host1"))
        let gateway = rows["default/0.0.0.0/0/172.24.4.1"]
        #expect(gateway?.columns["output_port"] == .string("lrp-\(outside)"))
        #expect(rows["route/10.8.0.0/16/10.0.0.9"]?.columns["output_port"] == OVSDBValue.none)
        let snat = rows["snat/10.0.0.0/24"]?.columns
        #expect(snat?["type"] == .string("snat"))
        #expect(snat?["external_ip"] == .string("172.24.4.100"))
        let floating = rows["floating/\(SampleTopology.id(6))"]?.columns
        #expect(floating?["type"] == .string("dnat_and_snat"))
        #expect(floating?["logical_ip"] == .string("10.0.0.11"))
        #expect(floating?["logical_port"] == OVSDBValue.none)
    }

    @Test func aDistributedFloatingIPHasItsOwnMAC() throws {
        let projection = OVNProjection(options: OVNProjectionOptions(distributedFloatingIPs: true))
        let row = try projection.rows(of: .router(sample.router)).first { $0.key.name.hasPrefix("floating/") }
        #expect(row?.columns["external_mac"] == .string("fa:16:3e:00:06:01"))
        #expect(row?.columns["logical_port"] == .string(sample.first.id))
    }

    @Test func routersSpreadOverTheChassis() throws {
        let projection = OVNProjection(options: OVNProjectionOptions(gatewayChassis: ["a", "b", "c"]))
        var first: Set<String> = []
        for number in 0..<20 {
            var router = sample.router
            router.id = SampleTopology.id(number)
            let rows = try projection.rows(of: .router(router)).filter { $0.table == .gatewayChassis }
            #expect(Set(rows.compactMap { $0.columns["priority"]?.integer }) == [1, 2, 3])
            first.formUnion(rows.filter { $0.columns["priority"] == .integer(3) }.compactMap { $0.columns["chassis_name"]?.string })
        }
        #expect(first == ["a", "b", "c"])
    }

    @Test func aRouterIsWhereItWasPlaced() throws {
        let projection = OVNProjection(options: OVNProjectionOptions(gatewayChassis: ["a", "b", "c"]))
        func order(_ hosts: [String]) throws -> [String] {
            var router = sample.router
            router.gatewayHosts = hosts
            return try projection.rows(of: .router(router)).filter { $0.table == .gatewayChassis }
                .sorted { ($0.columns["priority"]?.integer ?? 0) > ($1.columns["priority"]?.integer ?? 0) }
                .compactMap { $0.columns["chassis_name"]?.string }
        }
        #expect(try order(["c", "a"]) == ["c", "a"])
        // Where none of the hosts is known, the others stand behind them.
        let strange = try order(["gone"])
        #expect(strange.first == "gone" && Set(strange) == ["gone", "a", "b", "c"])
        #expect(try order(["no name"]).count == 3)
    }

    @Test(arguments: [
        (SampleTopology.rule("r", .egress), "inport == @G && ip4"),
        (SampleTopology.rule("r", .ingress, .ipv6), "outport == @G && ip6"),
        (SampleTopology.rule("r", .ingress, ipProtocol: "tcp", ports: (22, 22)), "outport == @G && ip4 && tcp && tcp.dst == 22"),
        (
            SampleTopology.rule("r", .ingress, ipProtocol: "17", ports: (1, 65_535), cidr: "10.1.2.3/16"),
            "outport == @G && ip4 && ip4.src == 10.1.0.0/16 && udp && udp.dst >= 1 && udp.dst <= 65535"
        ),
        (SampleTopology.rule("r", .egress, ipProtocol: "tcp", cidr: "0.0.0.0/0"), "inport == @G && ip4 && tcp"),
        (
            SampleTopology.rule("r", .ingress, ipProtocol: "icmp", ports: (8, 0)),
            "outport == @G && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0"
        ),
        (SampleTopology.rule("r", .ingress, .ipv6, ipProtocol: "icmp", ports: (128, nil)), "outport == @G && ip6 && icmp6 && icmp6.type == 128"),
        (SampleTopology.rule("r", .egress, .ipv6, cidr: "2001:db8::1/64"), "inport == @G && ip6 && ip6.dst == 2001:db8::/64"),
        (SampleTopology.rule("r", .ingress, ipProtocol: "vrrp"), "outport == @G && ip4 && ip.proto == 112"),
        (SampleTopology.rule("r", .ingress, group: "ab-cd"), "outport == @G && ip4 && ip4.src == $pg_ab_cd_ip4"),
        (SampleTopology.rule("r", .egress, .ipv6, group: "ab-cd"), "inport == @G && ip6 && ip6.dst == $pg_ab_cd_ip6"),
    ])
    func rulesBecomeMatches(rule: LogicalRule, match: String) throws {
        var group = sample.group
        group.rules = [rule]
        let row = try rows(.securityGroup(group))["acl/r"]
        let name = "pg_" + group.id.replacing("-", with: "_")
        #expect(row?.columns["match"] == .string(match.replacing("@G", with: "@\(name)")))
        #expect(row?.columns["action"] == .string("allow-related"))
        #expect(row?.columns["direction"] == .string(rule.direction == .ingress ? "to-lport" : "from-lport"))
    }

    @Test func aStatelessGroupDoesNotTrack() throws {
        var group = sample.group
        group.stateful = false
        let rows = try rows(.securityGroup(group)).values.filter { $0.table == .acl }
        #expect(rows.allSatisfy { $0.columns["action"] == .string("allow-stateless") })
    }

    @Test func aGroupIsLoggedAsItIsAskedFor() throws {
        var group = sample.group
        group.rules = [SampleTopology.rule("r", .ingress)]
        let plain = try rows(.securityGroup(group))
        #expect(plain["acl/r"]?.columns["log"] == .boolean(false) && plain["drop/ingress"] == nil)
        group.logged = LoggedPackets(admitted: true, dropped: false)
        let admitted = try rows(.securityGroup(group))
        #expect(admitted["acl/r"]?.columns["log"] == .boolean(true) && admitted["acl/r"]?.columns["name"] == .string(group.id))
        #expect(admitted["drop/ingress"] == nil)
        group.logged = LoggedPackets(admitted: false, dropped: true)
        let dropped = try rows(.securityGroup(group))
        #expect(dropped["acl/r"]?.columns["log"] == .boolean(false))
        for row in ["drop/ingress", "drop/egress"] {
            #expect(dropped[row]?.columns["log"] == .boolean(true) && dropped[row]?.columns["action"] == .string("drop"))
            // Below what the rules admit, above what everybody loses.
            #expect(dropped[row]?.columns["priority"] == .integer(1001))
        }
    }

    @Test func noTextReachesTheEngineUnchecked() {
        var port = sample.first
        port.mac = "fa:16:3e:00:04:01 unknown"
        #expect(throws: TopologyError.self) { try projection.rows(of: .port(port)) }
        port = sample.first
        port.fixedIPs[0].address = "10.0.0.11 10.0.0.12"
        #expect(throws: TopologyError.self) { try projection.rows(of: .port(port)) }
        var group = sample.group
        group.rules = [SampleTopology.rule("r", .ingress, cidr: "10.0.0.0/8 || ip4")]
        #expect(throws: TopologyError.self) { try projection.rows(of: .securityGroup(group)) }
        group.rules = [SampleTopology.rule("r", .ingress, group: "x || ip4")]
        #expect(throws: TopologyError.self) { try projection.rows(of: .securityGroup(group)) }
        group.rules = [SampleTopology.rule("r", .ingress, ipProtocol: "tcp || ip4")]
        #expect(throws: TopologyError.self) { try projection.rows(of: .securityGroup(group)) }
    }

    @Test func whatRoutersNeedNotHaveIsLeftOut() throws {
        var router = sample.router
        router.interfaces[0].addresses = []
        router.gateway?.interface.addresses = []
        router.routes = [
            Route(destination: "10.9.9.0/24", nexthop: "10.0.0.9"), Route(destination: "10.9.9.9/255.255.255.0", nexthop: "10.0.0.9"),
        ]
        let rows = try projection.rows(of: .router(router))
        #expect(!rows.contains { $0.key.name == "interface/\(router.interfaces[0].portID)" })
        #expect(rows.filter { $0.table == .staticRoute }.map(\.columns["ip_prefix"]) == [.string("10.9.9.0/24")])
    }

    @Test func everyProtocolThatNeutronKnowsCanBeTold() throws {
        var group = sample.group
        group.rules = [SampleTopology.rule("r", .ingress, ipProtocol: "ip"), SampleTopology.rule("s", .ingress, ipProtocol: "hopopt")]
        let rows = try projection.rows(of: .securityGroup(group))
        let matches = ["acl/r", "acl/s"].map { name in rows.first { $0.key.name == name }?.columns["match"] }
        #expect(matches.allSatisfy { $0 != nil })
        #expect("\(matches[1]!)".contains("ip.proto == 0") && !"\(matches[0]!)".contains("ip.proto"))
    }
}

@Suite(.timeLimit(.minutes(1))) struct NetworkPrefixTests {
    @Test(arguments: [
        ("10.1.2.3/24", "10.1.2.0/24"), ("10.1.2.3", "10.1.2.3/32"), ("10.1.2.3/0", "0.0.0.0/0"), ("10.1.2.255/25", "10.1.2.128/25"),
        ("2001:DB8::ffff/112", "2001:db8::/112"), ("2001:db8::1/65", "2001:db8::/65"), ("10.1.2.3/255.255.254.0", "10.1.2.0/23"),
        ("10.1.2.3/0.0.0.0", "0.0.0.0/0"), ("10.1.2.3/255.255.255.255", "10.1.2.3/32"),
    ])
    func hostBitsAreCleared(text: String, cidr: String) throws {
        #expect(try NetworkPrefix(text).cidr == cidr)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8", "::1/129", "10.0.0.0/ 8", "host", "10.0.0.0/255.0.255.0", "::1/255.0.0.0"])
    func nonsenseIsRefused(text: String) {
        #expect(throws: TopologyError.self) { try NetworkPrefix(text) }
    }

    @Test func membership() throws {
        let prefix = try NetworkPrefix("10.0.0.0/23")
        #expect(prefix.contains(try NetworkAddress("10.0.1.255")))
        #expect(!prefix.contains(try NetworkAddress("10.0.2.0")))
        #expect(!prefix.contains(try NetworkAddress("::1")))
    }
}
