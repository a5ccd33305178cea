import CloudAPI
import CloudBus
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

/// The attributes that lists are sorted and filtered by, which are those that upstream's definitions mark
/// (`is_sort_key`, `is_filter`).
@Suite(.timeLimit(.minutes(3))) struct ListKeyTests {
    @Test(arguments: [
        ("networks", "admin_state_up availability_zone_hints id mtu name project_id status tenant_id"),
        ("subnets", "cidr enable_dhcp gateway_ip ip_version ipv6_address_mode ipv6_ra_mode network_id segment_id subnetpool_id"),
        ("ports", "admin_state_up device_id device_owner id mac_address name network_id project_id status tenant_id"),
        ("routers", "admin_state_up enable_snat flavor_id id name project_id status tenant_id"),
        ("floatingips", "fixed_ip_address floating_ip_address floating_network_id id project_id router_id status"),
        ("security-groups", "id name project_id tenant_id"),
        ("security-group-rules", "direction ethertype port_range_max port_range_min protocol remote_group_id remote_ip_prefix"),
        ("subnetpools", "address_scope_id default_prefixlen default_quota ip_version is_default max_prefixlen shared"),
        ("address-scopes", "id ip_version name project_id shared tenant_id"),
        ("qos/policies", "id name project_id tenant_id"), ("trunks", "admin_state_up id name port_id project_id status"),
        ("segments", "id name network_id network_type physical_network segmentation_id"),
        ("agents", "agent_type availability_zone binary created_at heartbeat_timestamp host id started_at topic"),
        ("network-ip-availabilities", "network_id"),
    ])
    func listsAreSortedBy(path: String, keys: String) async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network(TestCloud.admin)
            _ = await cloud.subnet(network, "10.0.0.0/24", TestCloud.admin)
            _ = await cloud.port(network, TestCloud.admin)
            await cloud.send(.post, "routers", TestCloud.admin, ["router": ["name": "r"]])
            for key in keys.split(separator: " ") {
                // The second page asks for the key of the first one's last item.
                let page = "\(path)?sort_key=\(key)&sort_dir=desc&limit=1"
                let first = await cloud.send(.get, page, TestCloud.admin)
                guard let marker = first.object?.names.first.flatMap({ first[$0]?[0]?["id"]?.string }) else { continue }
                await cloud.send(.get, "\(page)&marker=\(marker)", TestCloud.admin)
            }
        }
    }

    @Test(arguments: [
        "networks?sort_key=shared", "networks?sort_key=dns_domain", "networks?sort_key=description",
        "subnets?sort_key=revision_number", "ports?sort_key=binding:host_id", "routers?sort_key=availability_zone_hints",
        "floatingips?sort_key=port_id", "rbac-policies?sort_key=id", "network-segment-ranges?sort_key=minimum",
    ])
    func listsAreNotSortedBy(query: String) async throws {
        try await TestCloud.with { cloud in
            await cloud.refuse(.get, "\(query)&sort_dir=asc", TestCloud.admin, nil, .badRequest, "HTTPBadRequest")
        }
    }

    @Test(arguments: [
        "networks?availability_zone_hints=nova", "networks?dns_domain=a.", "networks?port_security_enabled=true",
        "networks?created_at=2026-01-01T00:00:00Z", "networks?verbose=True", "ports?binding:vnic_type=normal",
        "ports?binding:vif_type=ovs", "ports?dns_name=a", "routers?status=ACTIVE", "routers?flavor_id=x", "floatingips?dns_name=a",
        "security-groups?is_default=true", "security-group-rules?tags=a", "address-scopes?changed_since=2026-01-01T00:00:00Z",
        "segments?segmentation_id=1", "network-segment-ranges?minimum=1", "network-ip-availabilities?mtu=1500",
        "availability_zones?zone=nova",
    ])
    func listsAreNotFilteredBy(query: String) async throws {
        try await TestCloud.with { cloud in
            await cloud.refuse(.get, query, TestCloud.admin, nil, .badRequest, "HTTPBadRequest")
        }
    }

    @Test func whatIsSharedComesLastOrFirst() async throws {
        try await TestCloud.with { cloud in
            func pool(_ name: String, _ prefix: String, shared: Bool) async {
                await cloud.send(.post, "subnetpools", TestCloud.admin, [
                    "subnetpool": ["name": .string(name), "prefixes": [.string(prefix)], "shared": .bool(shared)]
                ])
            }
            await pool("open", "10.0.0.0/16", shared: true)
            await pool("own", "10.1.0.0/16", shared: false)
            func names(_ query: String) async -> [String] {
                await cloud.send(.get, "subnetpools?sort_key=shared&\(query)", TestCloud.admin)["subnetpools"]?.texts("name") ?? []
            }
            #expect(await names("sort_dir=asc") == ["own", "open"])
            #expect(await names("sort_dir=desc") == ["open", "own"])
            let first = await cloud.send(.get, "subnetpools?name=own", TestCloud.admin)["subnetpools"]?[0]?.id ?? ""
            #expect(await names("sort_dir=asc&limit=1&marker=\(first)") == ["open"])
        }
    }

    @Test func networksAreSortedByTheZonesTheyHintAt() async throws {
        try await TestCloud.with({ $0.availabilityZones = ["east", "west"] }) { cloud in
            for zone in ["west", "east"] {
                _ = await cloud.network(TestCloud.alice, ["name": .string(zone), "availability_zone_hints": [.string(zone)]])
            }
            let sorted = await cloud.send(.get, "networks?sort_key=availability_zone_hints&sort_dir=asc")
            #expect(sorted["networks"]?.texts("name") == ["east", "west"])
            let zones = await cloud.send(.get, "availability_zones?name=west&resource=router&state=available")
            #expect(zones["availability_zones"] == [["name": "west", "resource": "router", "state": "available"]])
            #expect(await cloud.send(.get, "availability_zones?state=unavailable")["availability_zones"] == [])
        }
    }

    @Test func addressUsageIsOfOneIPVersionWhereOneIsAskedFor() async throws {
        try await TestCloud.with { cloud in
            let (both, four) = (await cloud.network(TestCloud.alice, ["name": "both"]), await cloud.network())
            for network in [both, four] { _ = await cloud.subnet(network) }
            _ = await cloud.subnet(both, "2001:db8::/64")
            let path = "network-ip-availabilities"
            let sixes = await cloud.send(.get, "\(path)?ip_version=6&fields=subnet_ip_availability", TestCloud.admin)
            let shown = sixes["network_ip_availabilities"]?.array ?? []
            #expect(shown.count == 1 && shown[0].object?.names == ["subnet_ip_availability"])
            #expect(shown.first?["subnet_ip_availability"]?.texts("cidr") == ["2001:db8::/64"])
            let named = await cloud.send(.get, "\(path)?network_name=both&network_id=\(both)", TestCloud.admin)
            #expect(named["network_ip_availabilities"]?[0]?["subnet_ip_availability"]?.array?.count == 2)
        }
    }

    @Test func agentsAreFoundByTopic() async throws {
        try await TestCloud.with { cloud in
            _ = try await cloud.bus.call(
                AgentReport(host: "one", isStarting: true), to: BusAddress(topic: NetworkTopic.controller), deadline: .seconds(10))
            #expect(await cloud.send(.get, "agents?topic=n/a", TestCloud.admin)["agents"]?.texts("host") == ["one"])
            #expect(await cloud.send(.get, "agents?topic=other", TestCloud.admin)["agents"] == [])
        }
    }
}
