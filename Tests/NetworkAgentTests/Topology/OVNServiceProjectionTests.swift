import NetworkMessages
import Testing

@testable import NetworkAgent

/// What stands beside a port's, a router's and a network's own rows.
@Suite(.timeLimit(.minutes(1))) struct OVNServiceProjectionTests {
    let sample = SampleTopology()
    let projection = OVNProjection()

    private func rows(_ entity: TopologyEntity) throws -> [String: OVNRow] {
        Dictionary(uniqueKeysWithValues: try projection.rows(of: entity).map { ($0.key.name, $0) })
    }

    private func network(_ mode: IPv6AddressMode?) throws -> [String: OVNRow] {
        var network = sample.tenant
        network.subnets = [
            LogicalSubnet(
                id: SampleTopology.id(13), cidr: "fd00::/64", gateway: "fd00::1", dhcp: true,
                nameservers: ["2001:db8::53", "192.0.2.53"], hostRoutes: [], addressMode: mode)
        ]
        return try rows(.network(network))
    }

    @Test func statefulSubnetsHaveDHCPv6() throws {
        let options = try network(.stateful)["dhcp6/\(SampleTopology.id(13))"]?.columns
        #expect(options?["cidr"] == .string("fd00::/64"))
        #expect(options?["options"]?.stringMap == [
            "server_id": "fa:16:3e:00:01:02", "domain_search": "\"openstacklocal\"", "dns_server": "{2001:db8::53}",
        ])
    }

    @Test func subnetsOfNoSaidModeAnswerThoseWhoAsk() throws {
        let options = try network(nil)["dhcp6/\(SampleTopology.id(13))"]?.columns["options"]?.stringMap
        #expect(options?["server_id"] == "fa:16:3e:00:01:02" && options?["dhcpv6_stateless"] == nil)
    }

    @Test func statelessSubnetsGiveNoAddresses() throws {
        #expect(try network(.stateless)["dhcp6/\(SampleTopology.id(13))"]?.columns["options"]?.stringMap["dhcpv6_stateless"] == "true")
    }

    @Test func selfAddressingSubnetsDoWithoutDHCPv6() throws {
        #expect(try network(.slaac).keys.allSatisfy { !$0.hasPrefix("dhcp6") })
    }

    @Test(arguments: [
        (IPv6AddressMode.slaac, "slaac"), (.stateful, "dhcpv6_stateful"), (.stateless, "dhcpv6_stateless"),
    ])
    func routersAdvertise(mode: IPv6AddressMode, word: String) throws {
        var router = sample.router
        router.interfaces[0].advertisement = RouterAdvertisement(mode: mode, mtu: 1442, nameservers: ["192.0.2.53", "2001:db8::53"])
        let row = try rows(.router(router))["interface/\(SampleTopology.id(51))"]
        #expect(row?.columns["ipv6_ra_configs"]?.stringMap == [
            "address_mode": word, "mtu": "1442", "send_periodic": "true", "rdnss": "2001:db8::53",
        ])
    }

    @Test func routersKeepQuietUnlessAsked() throws {
        let row = try rows(.router(sample.router))["interface/\(SampleTopology.id(51))"]
        #expect(row?.columns["ipv6_ra_configs"]?.stringMap == [:])
    }

    @Test func aPortsNameIsKnownInItsNetwork() throws {
        var port = sample.first
        port.hostName = "Web"
        let row = try #require(try rows(.port(port))["dns"])
        #expect(row.parent == OVNProjection.switchKey(sample.tenant.id))
        #expect(row.columns["records"]?.stringMap == [
            "web": "10.0.0.11", "web.openstacklocal": "10.0.0.11", "11.0.0.10.in-addr.arpa": "web.openstacklocal",
        ])
        port.domain = "Lab.Example"
        #expect(try rows(.port(port))["dns"]?.columns["records"]?.stringMap["web.lab.example"] == "10.0.0.11")
        port.hostName = nil
        #expect(try rows(.port(port))["dns"] == nil)
    }

    @Test func anAddressThatMovesIsCarriedByOtherPorts() throws {
        var port = sample.first
        port.virtualAddress = VirtualAddress(address: "10.0.0.11", parents: ["a", "b"])
        let columns = try rows(.port(port))["port"]?.columns
        #expect(columns?["type"] == .string("virtual"))
        #expect(columns?["options"]?.stringMap["virtual-ip"] == "10.0.0.11")
        #expect(columns?["options"]?.stringMap["virtual-parents"] == "a,b")
    }

    @Test func aSubnetWithoutResolversHasTheClouds() throws {
        let projection = OVNProjection(options: OVNProjectionOptions(resolvers: ["192.0.2.1", "2001:db8::1"]))
        var network = sample.tenant
        func told(_ nameservers: [String]) throws -> String? {
            network.subnets[0].nameservers = nameservers
            let rows = try projection.rows(of: .network(network))
            return rows.first { $0.table == .dhcpOptions }?.columns["options"]?.stringMap["dns_server"]
        }
        #expect(try told([]) == "{192.0.2.1}")
        #expect(try told(["192.0.2.9"]) == "{192.0.2.9}")
        #expect(try told(["0.0.0.0"]) == nil)
    }

    @Test func aGatewaySaysHowLargePacketsMayBe() throws {
        var router = sample.router
        let name = "interface/\(SampleTopology.id(52))"
        #expect(try rows(.router(router))[name]?.columns["options"]?.stringMap == [:])
        router.gateway?.mtu = 1442
        #expect(try rows(.router(router))[name]?.columns["options"]?.stringMap == ["gateway_mtu": "1442"])
    }

    @Test func limitsAndMarksAreRowsOfTheSwitch() throws {
        var port = sample.first
        port.qos = PortQoS(egress: .init(rate: 4_000, burst: 400), ingress: .init(rate: 8_000), dscp: 26)
        let rows = try rows(.port(port))
        let egress = rows["qos/egress"]?.columns
        #expect(egress?["direction"] == .string("from-lport"))
        #expect(egress?["match"] == .string("inport == \"\(port.id)\""))
        #expect(egress?["bandwidth"] == .map([.string("rate"): .integer(4_000), .string("burst"): .integer(400)]))
        let ingress = rows["qos/ingress"]?.columns
        #expect(ingress?["direction"] == .string("to-lport"))
        #expect(ingress?["match"] == .string("outport == \"\(port.id)\""))
        #expect(ingress?["bandwidth"] == .map([.string("rate"): .integer(8_000)]))
        #expect(rows["qos/dscp"]?.columns["action"] == .map([.string("dscp"): .integer(26)]))
        #expect(rows["qos/dscp"]?.columns["bandwidth"] == .map([:]))
    }

    @Test func aForwardedPortIsALoadBalancerOfTheRouter() throws {
        var router = sample.router
        router.forwardings = [
            PortForwardingMapping(
                id: "f", ipProtocol: "tcp", externalIP: "172.24.4.150", externalPort: 2201, internalIP: "10.0.0.11",
                internalPort: 22)
        ]
        let row = try #require(try rows(.router(router))["forwarding/f"])
        #expect(row.parent?.name == "router")
        #expect(row.columns["protocol"] == .string("tcp"))
        #expect(row.columns["vips"]?.stringMap == ["172.24.4.150:2201": "10.0.0.11:22"])
        router.forwardings[0].ipProtocol = "tcp || udp"
        #expect(throws: TopologyError.self) { try projection.rows(of: .router(router)) }
    }

    @Test func aTrunksSubportTravelsThroughItsParent() throws {
        var port = sample.first
        #expect(try rows(.port(port))["port"]?.columns["parent_name"] == OVSDBValue.none)
        port.carrier = PortCarrier(parentID: sample.second.id, tag: 77)
        let row = try rows(.port(port))["port"]?.columns
        #expect(row?["parent_name"] == .string(sample.second.id))
        #expect(row?["tag"] == .integer(77))
        #expect(row?["tag_request"] == .integer(77))
    }

    @Test func aPortsOwnDHCPOptionsAddToItsSubnets() throws {
        var port = sample.first
        port.dhcp = PortDHCP(
            options: [
                .init(name: "bootfile-name", value: "pxelinux.0", ipVersion: 4), .init(name: "6", value: "192.0.2.7", ipVersion: 4),
                .init(name: "tftp-server", value: "evil\", router=\"x", ipVersion: 4), .init(name: "unheard-of", value: "x", ipVersion: 4),
            ], network: sample.tenant)
        let rows = try rows(.port(port))
        let row = try #require(rows["dhcp4/\(SampleTopology.id(11))"])
        let options = row.columns["options"]?.stringMap
        #expect(options?["bootfile_name"] == "\"pxelinux.0\"")
        #expect(options?["dns_server"] == "192.0.2.7")
        #expect(options?["tftp_server"] == nil)
        #expect(options?["router"] == "10.0.0.1")
        #expect(rows["port"]?.columns["external_ids"]?.stringMap["altostack:dhcp4"] == row.key.text)
    }

    private func told(_ name: String, _ value: String) throws -> [String: String] {
        var port = sample.first
        port.dhcp = PortDHCP(options: [.init(name: name, value: value, ipVersion: 4)], network: sample.tenant)
        return try rows(.port(port))["dhcp4/\(SampleTopology.id(11))"]?.columns["options"]?.stringMap ?? [:]
    }

    @Test(arguments: [
        ("10.9.0.0/16,10.0.0.9", "10.9.0.0/16,10.0.0.9"),
        ("{10.9.0.0/16,10.0.0.9, 10.8.0.0/16,10.0.0.8}", "10.9.0.0/16,10.0.0.9, 10.8.0.0/16,10.0.0.8"),
    ])
    func aPortsRoutesStandBesideItsSubnets(value: String, added: String) throws {
        let subnets = "169.254.169.254/32,10.0.0.2, 198.51.100.0/24,10.0.0.254, 0.0.0.0/0,10.0.0.1"
        for name in ["classless-static-route", "121"] {
            #expect(try told(name, value)["classless_static_route"] == "{\(subnets), \(added)}")
        }
    }

    @Test func aPortsRouteReplacesItsSubnetsToTheSameDestination() throws {
        let routes = "{169.254.169.254/32,10.0.0.2, 198.51.100.0/24,10.0.0.254, 0.0.0.0/0,10.0.0.7}"
        #expect(try told("121", "0.0.0.0/0,10.0.0.7")["classless_static_route"] == routes)
        // What is no list of routes changes none.
        #expect(try told("121", "10.9.0.0/16")["classless_static_route"] == told("bootfile-name", "x")["classless_static_route"])
        #expect(try told("249", "10.9.0.0/16,10.0.0.9")["ms_classless_static_route"] == "{10.9.0.0/16,10.0.0.9}")
    }

    @Test func emptyOptionsTakeTheSubnetsAway() throws {
        let options = try told("router", "")
        #expect(options["router"] == nil && options["server_id"] == "10.0.0.2")
        #expect(try told("classless-static-route", "")["classless_static_route"] == nil)
    }

    @Test func valuesMayStandInQuotesAndBraces() throws {
        #expect(try told("bootfile-name", "\"pxelinux.0\"")["bootfile_name"] == "\"pxelinux.0\"")
        #expect(try told("domain-name", "\"")["domain_name"] == told("mtu", "1400")["domain_name"])
        #expect(try told("ntp-server", "{192.0.2.1, 192.0.2.2}")["ntp_server"] == "{192.0.2.1, 192.0.2.2}")
        #expect(try told("ntp-server", "{192.0.2.1}")["ntp_server"] == "192.0.2.1")
    }

    @Test func nobodyPlaysServer() {
        let rules = projection.baseRows.filter { $0.key.name.hasPrefix("server/") }
        #expect(rules.count == 2)
        #expect(rules.allSatisfy { $0.columns["action"] == .string("drop") && $0.columns["priority"] == .integer(1004) })
    }

    @Test func theSouthboundDatabasesDoorIsAnAddressAndPort() throws {
        var options = NetworkAgentOptions(stateDirectory: "/var/lib/x", hostName: "host1")
        #expect(try options.southboundRemote == nil)
        options.southboundListen = "10.98.0.1:6642"
        #expect(try options.southboundRemote == "ptcp:6642:10.98.0.1")
        options.southboundListen = "[fd00::1]:6642"
        #expect(try options.southboundRemote == "ptcp:6642:[fd00::1]")
        for text in ["6642", "10.98.0.1", "10.98.0.1:0", "host:6642", "10.98.0.1:65536"] {
            options.southboundListen = text
            #expect(throws: TopologyError.self) { try options.southboundRemote }
        }
    }
}
