import CloudCore
import Foundation
import Testing

@testable import Compute

@Suite struct MetadataTests {
    private typealias Configuration = ServerPort.Address.Configuration

    private func address(
        _ address: String = "10.0.0.5", _ cidr: String = "10.0.0.0/22", gateway: String? = "10.0.0.1",
        as configuration: Configuration? = nil
    ) -> ServerPort.Address {
        ServerPort.Address(
            address: address, subnetID: "s", version: cidr.contains(":") ? 6 : 4, cidr: cidr, gateway: gateway,
            nameservers: ["9.9.9.9"], floatingIPs: [], configuration: configuration)
    }

    private func networks(_ addresses: ServerPort.Address...) -> [JSON] {
        let port = ServerPort(
            id: "0123456789abcdef", networkID: "n", networkName: "private", mac: "fa:16:3e:00:00:01", mtu: 1442,
            addresses: addresses, securityGroups: [])
        return NetworkData(ports: [port]).json["networks"]?.array ?? []
    }

    @Test func guestsAskWhereDHCPAnswers() {
        let asked: JSON = ["id": "network0", "type": "ipv4_dhcp", "link": "tap0123456789a", "network_id": "n"]
        let dhcp = Configuration(isDHCPEnabled: true, ipv6Mode: nil, routes: [])
        #expect(networks(address()) == [asked])
        #expect(networks(address(as: dhcp), address("10.0.0.6", as: dhcp)) == [asked])
        #expect(networks(address("fd00::5", "fd00::/64", as: dhcp)).first?["type"] == "ipv6_dhcp")
    }

    @Test func guestsAreToldWhatNobodyElseTellsThem() {
        let route = Configuration.Route(destination: "172.16.0.0/12", nextHop: "10.0.0.9")
        let fixed = Configuration(isDHCPEnabled: false, ipv6Mode: nil, routes: [route])
        let told = networks(address(as: fixed), address("10.0.0.6", gateway: nil, as: fixed))
        #expect(told.first == [
            "id": "network0", "type": "ipv4", "link": "tap0123456789a", "network_id": "n", "ip_address": "10.0.0.5",
            "netmask": "255.255.252.0",
            "routes": [
                ["network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"],
                ["network": "172.16.0.0", "netmask": "255.240.0.0", "gateway": "10.0.0.9"],
            ],
            "services": [["type": "dns", "address": "9.9.9.9"]],
        ])
        #expect(told.last?["ip_address"] == "10.0.0.6")
        #expect(told.last?["routes"]?.array?.count == 1)
    }

    @Test func modesOfIPv6AreNamed() {
        for (mode, kind): (String?, JSON) in [
            (nil, "ipv6"), ("slaac", "ipv6_slaac"), ("dhcpv6-stateful", "ipv6_dhcpv6-stateful"),
            ("dhcpv6-stateless", "ipv6_dhcpv6-stateless"),
        ] {
            let configuration = Configuration(isDHCPEnabled: mode != nil, ipv6Mode: mode, routes: [])
            let network = networks(address("fd00::5", "fd00::/64", gateway: "fd00::1", as: configuration)).first
            #expect(network?["type"] == kind)
            #expect(network?["ip_address"] == "fd00::5")
            #expect(network?["netmask"] == "ffff:ffff:ffff:ffff::")
            #expect(network?["routes"] == [["network": "::", "netmask": "::", "gateway": "fd00::1"]])
        }
    }

    @Test(arguments: [
        ("10.0.0.0/24", "255.255.255.0"), ("10.0.0.0/31", "255.255.255.254"), ("10.0.0.1", "255.255.255.255"),
        ("::/0", "::"), ("fd00::/52", "ffff:ffff:ffff:f000::"), ("fd00::/112", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0"),
    ]) func masksAreAddresses(range: String, mask: String) {
        #expect(NetworkData.mask(range: range) == mask)
    }

    @Test func addressesOfBeforeAreRead() throws {
        let old = """
            {"address": "10.0.0.5", "subnetID": "s", "version": 4, "cidr": "10.0.0.0/22", "gateway": "10.0.0.1",
            "nameservers": ["9.9.9.9"], "floatingIPs": []}
            """
        #expect(try JSONDecoder().decode(ServerPort.Address.self, from: Data(old.utf8)) == address())
    }
}
