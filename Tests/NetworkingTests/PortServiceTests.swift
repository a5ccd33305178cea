import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct PortServiceTests {
    private static let service = "svc:service"

    @Test func extraOptionsAreSetChangedAndTakenAway() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let port = await cloud.port(network, TestCloud.alice, [
                "extra_dhcp_opts": [
                    ["opt_name": "bootfile-name", "opt_value": "pxelinux.0"], ["opt_name": "router", "opt_value": ""],
                    ["opt_name": "tftp-server", "opt_value": nil],
                ],
            ])
            #expect(port["extra_dhcp_opts"]?.texts("opt_name") == ["bootfile-name", "router"])
            #expect(port["extra_dhcp_opts"]?[0]?["ip_version"] == 4)
            let changed = await cloud.send(.put, "ports/\(port.id)", TestCloud.alice, [
                "port": [
                    "extra_dhcp_opts": [
                        ["opt_name": "bootfile-name", "opt_value": "grub.efi"], ["opt_name": "router", "opt_value": nil],
                        ["opt_name": "bootfile-name", "opt_value": "six", "ip_version": 6],
                    ],
                ],
            ])["port"]?["extra_dhcp_opts"]
            #expect(changed?.texts("opt_value") == ["grub.efi", "six"])
            let shown = await cloud.send(.get, "ports/\(port.id)")["port"]?["extra_dhcp_opts"]
            #expect(shown == changed)
            for option: JSON in [
                ["opt_name": "bootfile-name", "opt_value": ""], ["opt_name": " ", "opt_value": "x"], ["opt_name": "x"],
                ["opt_name": "x", "opt_value": "a\nb"], ["opt_name": "x", "opt_value": "y", "ip_version": 5],
            ] {
                await cloud.send(
                    .put, "ports/\(port.id)", TestCloud.alice, ["port": ["extra_dhcp_opts": [option]]], expect: .badRequest)
            }
        }
    }

    @Test func rareAttributesKeepWhatWasSaid() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let hints: JSON = ["openvswitch": ["other_config": ["tx-steering": "hash"]]]
            let port = await cloud.port(network, TestCloud.admin, [
                "hints": hints, "device_profile": "gpu", "numa_affinity_policy": "socket", "trusted": true,
                "propagate_uplink_status": false,
            ])
            #expect(port["hints"] == hints && port["device_profile"] == "gpu" && port["numa_affinity_policy"] == "socket")
            #expect(port["trusted"] == true && port["propagate_uplink_status"] == false)
            #expect(port["binding:profile"] == ["trusted": true])
            let changed = await cloud.send(.put, "ports/\(port.id)", TestCloud.admin, [
                "port": ["hints": nil, "numa_affinity_policy": nil, "propagate_uplink_status": true],
            ])["port"]
            #expect(changed?["hints"] == .null && changed?["numa_affinity_policy"] == .null)
            #expect(changed?["propagate_uplink_status"] == true && changed?["device_profile"] == "gpu")
            let plain = await cloud.port(network)
            #expect(plain["hints"] == nil && plain["trusted"] == nil && plain["propagate_uplink_status"] == true)
            for members: JSONObject in [["hints": hints], ["trusted": false]] {
                var body = members
                body["network_id"] = .string(network)
                await cloud.refuse(.post, "ports", TestCloud.alice, ["port": .object(body)], .forbidden, "PolicyNotAuthorized")
            }
        }
    }

    @Test func anEmptyProfileIsAnObject() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let body: JSON = ["port": ["network_id": .string(network), "binding:profile": nil]]
            let port = await cloud.send(.post, "ports", TestCloud.admin, body)["port"] ?? .null
            let shown = await cloud.send(.get, "ports/\(port.id)", TestCloud.admin)["port"]
            #expect(shown?["binding:profile"] == .object([:]))
            let changed = await cloud.send(
                .put, "ports/\(port.id)", Self.service, ["port": ["binding:profile": nil]])["port"]
            #expect(changed?["binding:profile"] == .object([:]))
        }
    }

    @Test func namesInDNSAreCheckedAndAssigned() async throws {
        try await TestCloud.with({ $0.dnsDomain = "cloud.example." }) { cloud in
            let network = await cloud.network(TestCloud.alice, ["dns_domain": "<project_id>.Example.org."])
            #expect(await cloud.send(.get, "networks/\(network)")["network"]?["dns_domain"] == "<project_id>.example.org.")
            _ = await cloud.subnet(network, "10.0.0.0/24", TestCloud.alice, ["dns_publish_fixed_ip": true])
            #expect(await cloud.send(.get, "subnets")["subnets"]?[0]?["dns_publish_fixed_ip"] == true)
            let port = await cloud.port(network, TestCloud.alice, ["dns_name": "Web", "dns_domain": "test.org."])
            #expect(port["dns_name"] == "web" && port["dns_domain"] == "test.org.")
            #expect(port["dns_assignment"]?[0]?["fqdn"] == "web.cloud.example.")
            let qualified = await cloud.port(network, TestCloud.alice, ["dns_name": "db.cloud.example."])
            #expect(qualified["dns_assignment"]?[0]?["fqdn"] == "db.cloud.example.")
            for member: (String, JSON) in [
                ("dns_name", "-x"), ("dns_name", "a.b.c."), ("dns_name", "a.12"), ("dns_domain", "example.org"),
                ("dns_domain", "a_b.org."), ("dns_domain", "<nobody>.org."),
            ] {
                var body: JSONObject = ["network_id": .string(network)]
                body[member.0] = member.1
                await cloud.send(.post, "ports", TestCloud.alice, ["port": .object(body)], expect: .badRequest)
            }
            await cloud.send(.put, "networks/\(network)", TestCloud.alice, ["network": ["dns_domain": "x"]], expect: .badRequest)
            let external = await cloud.external()
            for members: JSONObject in [["dns_name": "a"], ["dns_domain": "b.org."], ["dns_name": "a.", "dns_domain": "b.org."]] {
                var body = members
                body["floating_network_id"] = .string(external)
                await cloud.send(.post, "floatingips", TestCloud.alice, ["floatingip": .object(body)], expect: .badRequest)
            }
        }
    }

    @Test func guestsMoveFromHostToHost() async throws {
        try await TestCloud.with { cloud in
            let port = await cloud.port(await cloud.network(), TestCloud.admin, [
                "device_owner": "compute:nova", "binding:host_id": "a",
            ])
            let bindings = "ports/\(port.id)/bindings"
            let body: JSON = ["binding": ["host": "b", "profile": ["migrating_to": "b"]]]
            let waiting = await cloud.send(.post, bindings, Self.service, body)["binding"]
            #expect(waiting?["status"] == "INACTIVE" && waiting?["vif_type"] == "ovs" && waiting?["host"] == "b")
            await cloud.refuse(.post, bindings, Self.service, body, .conflict, "PortBindingAlreadyExists")
            await cloud.refuse(.post, bindings, TestCloud.admin, body, .forbidden, "PolicyNotAuthorized")
            #expect(await cloud.send(.get, bindings, Self.service)["bindings"]?.texts("host") == ["a", "b"])
            #expect(await cloud.send(.get, "\(bindings)?status=INACTIVE", Self.service)["bindings"]?.texts("host") == ["b"])
            await cloud.refuse(.put, "\(bindings)/a/activate", Self.service, nil, .conflict, "PortBindingAlreadyActive")
            await cloud.refuse(.put, "\(bindings)/c/activate", Self.service, nil, .notFound, "PortBindingNotFound")
            let active = await cloud.send(.put, "\(bindings)/b/activate", Self.service)["binding"]
            #expect(active?["status"] == "ACTIVE" && active?["profile"] == ["migrating_to": "b"])
            let shown = await cloud.send(.get, "ports/\(port.id)", TestCloud.admin)["port"]
            #expect(shown?["binding:host_id"] == "b" && shown?["binding:profile"] == ["migrating_to": "b"])
            let left = await cloud.send(.get, "\(bindings)/a", Self.service)["binding"]
            #expect(left?["status"] == "INACTIVE" && left?["vif_type"] == "unbound" && left?["vif_details"] == .object([:]))
            let profile = await cloud.send(
                .put, "\(bindings)/b", Self.service, ["binding": ["profile": ["x": 1]]])["binding"]?["profile"]
            #expect(profile == ["x": 1])
            await cloud.send(.delete, "\(bindings)/a", Self.service)
            await cloud.refuse(.get, "\(bindings)/a", Self.service, nil, .notFound, "PortBindingNotFound")
            await cloud.refuse(.get, bindings, TestCloud.bob, nil, .notFound, "PortNotFound")
        }
    }

    @Test func devicesLearnHowTheyComeByTheirAddresses() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let route: JSON = ["destination": "172.16.0.0/12", "nexthop": "10.0.0.9"]
            _ = await cloud.subnet(network, "10.0.0.0/24", TestCloud.alice, ["enable_dhcp": false, "host_routes": [route]])
            _ = await cloud.subnet(network, "fd00::/64", TestCloud.alice, ["ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"])
            let port = await cloud.port(network, TestCloud.alice, ["device_id": "server", "device_owner": "compute:nova"])
            let ports = try await cloud.database.read { try cloud.service.ports(devices: ["server"], in: $0)["server"] }
            let addresses = (ports?.first { $0.id == port.id }?.addresses ?? []).sorted { $0.version < $1.version }
            #expect(addresses.map(\.isDHCPEnabled) == [false, true])
            #expect(addresses.map(\.addressMode) == [nil, "slaac"])
            #expect(addresses.map(\.hostRoutes) == [[Route(destination: "172.16.0.0/12", nexthop: "10.0.0.9")], []])
        }
    }

    @Test func externalNetworksAreForThoseWhoMayUseThem() async throws {
        try await TestCloud.with { cloud in
            let external = await cloud.external()
            func plan(mayUseExternal: Bool, isAdmin: Bool) async throws -> [PortPlan] {
                try await cloud.database.read { reader in
                    try cloud.service.plan(
                        .explicit([.init(networkID: external)]), projectID: "alice", isAdmin: isAdmin, mayUseExternal: mayUseExternal,
                        in: reader)
                }
            }
            for isAdmin in [false, true] {
                let plans = try await plan(mayUseExternal: true, isAdmin: isAdmin)
                #expect(plans == [PortPlan(networkID: external)])
                let error = await #expect(throws: NetworkingError.self) { _ = try await plan(mayUseExternal: false, isAdmin: isAdmin) }
                #expect(error?.type == "ExternalNetworkAttachForbidden")
            }
        }
    }

    @Test func otherPortsHaveOneBinding() async throws {
        try await TestCloud.with { cloud in
            let port = await cloud.port(await cloud.network())
            await cloud.refuse(.get, "ports/\(port.id)/bindings", Self.service, nil, .badRequest, "BadRequest")
        }
    }

    @Test func aBulkOfPortsIsMadeWhollyOrNotAtAll() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            _ = await cloud.subnet(network, "10.0.0.0/29")
            let port: JSON = ["network_id": .string(network)]
            await cloud.refuse(
                .post, "ports", TestCloud.alice, ["ports": .array(Array(repeating: port, count: 6))], .conflict,
                "IpAddressGenerationFailure")
            let own = "network_id=\(network)&device_owner="
            #expect(await cloud.send(.get, "ports?\(own)")["ports"] == [])
            let made = await cloud.send(.post, "ports", TestCloud.alice, ["ports": [port, port]])["ports"]
            #expect(made?.array?.count == 2)
        }
    }
}
