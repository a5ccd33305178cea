import CloudAPI
import CloudCore
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct NetworkAPITests {
    @Test func aNetworkHasEveryAttribute() async throws {
        try await TestCloud.with { cloud in
            let json = await cloud.send(.post, "networks", TestCloud.admin, ["network": ["name": "n", "description": "d"]])
            let network = json["network"] ?? .null
            #expect(network["status"] == "ACTIVE" && network["admin_state_up"] == true && network["mtu"] == 1442)
            #expect(network["provider:network_type"] == "geneve" && network["provider:physical_network"] == .null)
            #expect(network["provider:segmentation_id"]?.int != nil && network["revision_number"] == 1)
            #expect(network["tags"] == [] && network["subnets"] == [] && network["description"] == "d")
            #expect(network["project_id"] == "admin" && network["tenant_id"] == "admin")
            let shown = await cloud.send(.get, "networks/\(network.id)", TestCloud.admin)
            #expect(shown["network"] == network)
        }
    }

    @Test func providerAttributesAreForAdministrators() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network()
            let shown = await cloud.send(.get, "networks/\(id)")["network"]
            #expect(shown?["provider:network_type"] == nil && shown?["mtu"] == 1442)
            for member: JSONObject in [["shared": true], ["router:external": true], ["provider:network_type": "flat"]] {
                await cloud.refuse(.post, "networks", TestCloud.alice, ["network": .object(member)], .forbidden, "PolicyNotAuthorized")
            }
            // Naming a default is no wish.
            await cloud.send(.post, "networks", TestCloud.alice, ["network": ["shared": false]])
            await cloud.refuse(
                .post, "networks", TestCloud.alice, ["network": ["project_id": "bob"]], .badRequest, "HTTPBadRequest")
        }
    }

    @Test func whatMayNotBeSeenIsNotThere() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network()
            await cloud.refuse(.get, "networks/\(id)", TestCloud.bob, nil, .notFound, "NetworkNotFound")
            await cloud.refuse(.delete, "networks/\(id)", TestCloud.bob, nil, .notFound, "NetworkNotFound")
            await cloud.refuse(.put, "networks/\(id)", TestCloud.bob, ["network": ["name": "x"]], .notFound, "NetworkNotFound")
            #expect(await cloud.send(.get, "networks", TestCloud.bob)["networks"] == [])
            await cloud.send(.put, "networks/\(id)", TestCloud.admin, ["network": ["shared": true]])
            #expect(await cloud.send(.get, "networks", TestCloud.bob)["networks"]?.texts("id") == [id])
            // Now it may be seen, but not changed.
            await cloud.refuse(.put, "networks/\(id)", TestCloud.bob, ["network": ["name": "x"]], .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.get, "networks/none", TestCloud.alice, nil, .notFound, "NetworkNotFound")
        }
    }

    @Test func readersReadOnly() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network()
            await cloud.refuse(.post, "networks", "alice:reader", ["network": [:]], .forbidden, "PolicyNotAuthorized")
            await cloud.send(.get, "networks/\(id)", "alice:reader")
            await cloud.refuse(.delete, "networks/\(id)", "alice:reader", nil, .forbidden, "PolicyNotAuthorized")
        }
    }

    @Test func providerNetworksTakeTheirPlaces() async throws {
        try await TestCloud.with { cloud in
            let flat: JSON = ["network": ["provider:network_type": "flat", "provider:physical_network": "physnet1"]]
            await cloud.send(.post, "networks", TestCloud.admin, flat)
            await cloud.refuse(.post, "networks", TestCloud.admin, flat, .conflict, "FlatNetworkInUse")
            let vlan: JSON = [
                "network": ["provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 101],
            ]
            await cloud.send(.post, "networks", TestCloud.admin, vlan)
            await cloud.refuse(.post, "networks", TestCloud.admin, vlan, .conflict, "VlanIdInUse")
            let unknown: JSON = ["network": ["provider:network_type": "flat", "provider:physical_network": "nowhere"]]
            await cloud.refuse(.post, "networks", TestCloud.admin, unknown, .badRequest, "InvalidInput")
            var tags = Set<Int>()
            for _ in 0..<10 {
                let json = await cloud.send(.post, "networks", TestCloud.admin, ["network": ["provider:network_type": "vlan"]])
                tags.insert(json["network"]?["provider:segmentation_id"]?.int ?? 0)
            }
            #expect(tags == Set(100...110).subtracting([101]))
            await cloud.refuse(
                .post, "networks", TestCloud.admin, ["network": ["provider:network_type": "vlan"]], .serviceUnavailable,
                "NoNetworkAvailable")
        }
    }

    @Test func listsFilterSortAndPage() async throws {
        try await TestCloud.with { cloud in
            for name in ["c", "a", "b", "d"] { _ = await cloud.network(TestCloud.alice, ["name": .string(name)]) }
            func names(_ query: String) async -> [String] {
                await cloud.send(.get, "networks?\(query)")["networks"]?.texts("name") ?? []
            }
            #expect(await names("sort_key=name&sort_dir=desc") == ["d", "c", "b", "a"])
            #expect(await names("name=a&name=c&sort_key=name&sort_dir=asc") == ["a", "c"])
            #expect(await names("admin_state_up=False").isEmpty)
            let page = await cloud.send(.get, "networks?sort_key=name&sort_dir=asc&limit=2")
            #expect(page["networks"]?.texts("name") == ["a", "b"])
            let marker = page["networks"]?[1]?.id ?? ""
            #expect(page["networks_links"]?.texts("rel") == ["next", "previous"])
            #expect(page["networks_links"]?[0]?["href"]?.string?.contains("marker=\(marker)") == true)
            #expect(await names("sort_key=name&sort_dir=asc&limit=2&marker=\(marker)") == ["c", "d"])
            #expect(await names("sort_key=name&sort_dir=asc&limit=1&marker=\(marker)&page_reverse=True") == ["a"])
            let fields = await cloud.send(.get, "networks?fields=id&fields=name&name=a")["networks"]?[0]
            let shown = Set(fields?.object?.names ?? [])
            #expect(shown == ["id", "name"])
            await cloud.refuse(.get, "networks?color=red", TestCloud.alice, nil, .badRequest, "HTTPBadRequest")
            await cloud.refuse(.get, "networks?limit=x", TestCloud.alice, nil, .badRequest, "BadRequest")
            await cloud.refuse(.get, "networks?sort_key=name", TestCloud.alice, nil, .badRequest, "HTTPBadRequest")
            await cloud.refuse(.get, "networks?sort_key=shared&sort_dir=asc", TestCloud.alice, nil, .badRequest, "HTTPBadRequest")
            await cloud.send(.get, "networks?limit=1&marker=none", expect: .notFound)
        }
    }

    @Test func changesCountAndCanBeConditional() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network()
            let updated = await cloud.send(.put, "networks/\(id)", TestCloud.alice, ["network": ["name": "x"]])["network"]
            #expect(updated?["revision_number"] == 2 && updated?["name"] == "x")
            let headers: HTTPFields = [.ifMatch: "revision_number=1"]
            await cloud.send(
                .put, "networks/\(id)", TestCloud.alice, ["network": ["name": "y"]], headers: headers, expect: .preconditionFailed)
            await cloud.send(
                .put, "networks/\(id)", TestCloud.alice, ["network": ["name": "y"]], headers: [.ifMatch: "revision_number=2"])
        }
    }

    @Test func badBodiesAreRefusedAndChangeNothing() async throws {
        try await TestCloud.with { cloud in
            let bodies: [JSON] = [
                [:], ["network": "x"], ["network": ["color": "red"]], ["network": ["name": 5]], ["network": ["mtu": "much"]],
                ["network": ["name": .string(String(repeating: "x", count: 256))]], ["network": [:], "networks": [[:]]],
                ["network": ["mtu": -1]], ["network": ["mtu": 9000]], ["network": ["tags": [""]]], ["networks": []],
            ]
            for body in bodies {
                let response = await cloud.send(.post, "networks", TestCloud.alice, body, expect: .badRequest)
                #expect(response["NeutronError"]?["message"]?.string?.isEmpty == false)
            }
            #expect(await cloud.send(.get, "networks")["networks"] == [])
        }
    }

    @Test func collectionsHaveHyphensOrUnderscores() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network()
            _ = await cloud.port(id)
            for path in ["security-groups", "security_groups", "network-segment-ranges", "network_segment_ranges"] {
                #expect(await cloud.send(.get, path, TestCloud.admin)[path.replacing("-", with: "_")]?.array?.isEmpty == false)
            }
            await cloud.send(.get, "network_ip_availabilities/\(id)", TestCloud.admin)
        }
    }

    @Test func eachOfAListMayBeWrapped() async throws {
        try await TestCloud.with { cloud in
            let body: JSON = ["networks": [["network": ["name": "a"]], ["name": "b"]]]
            #expect(await cloud.send(.post, "networks", TestCloud.alice, body)["networks"]?.texts("name") == ["a", "b"])
            await cloud.send(
                .post, "networks", TestCloud.alice, ["networks": [["network": ["color": "red"]]]], expect: .badRequest)
        }
    }

    @Test func smallPacketsAreForNetworksWithoutSubnets() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.send(.post, "networks", TestCloud.admin, ["network": ["mtu": 67]])["network"]?.id ?? ""
            let subnet: JSON = ["subnet": ["network_id": .string(id), "ip_version": 4, "cidr": "10.0.0.0/24"]]
            await cloud.refuse(.post, "subnets", TestCloud.admin, subnet, .conflict, "NetworkMTUSubnetConflict")
            await cloud.send(.put, "networks/\(id)", TestCloud.admin, ["network": ["mtu": 68]])
            await cloud.send(.post, "subnets", TestCloud.admin, subnet)
            await cloud.refuse(
                .put, "networks/\(id)", TestCloud.admin, ["network": ["mtu": 67]], .conflict, "NetworkMTUSubnetConflict")
        }
    }

    @Test func bulkCreationIsAllOrNothing() async throws {
        try await TestCloud.with { cloud in
            let made = await cloud.send(.post, "networks", TestCloud.alice, ["networks": [["name": "a"], ["name": "b"]]])
            #expect(made["networks"]?.texts("name") == ["a", "b"])
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["network": 3]])
            await cloud.refuse(
                .post, "networks", TestCloud.alice, ["networks": [["name": "c"], ["name": "d"]]], .conflict, "OverQuota")
            #expect(await cloud.send(.get, "networks")["networks"]?.array?.count == 2)
        }
    }

    @Test func quotasAreShownSetAndReset() async throws {
        try await TestCloud.with { cloud in
            #expect(await cloud.send(.get, "quotas/alice")["quota"]?["network"] == 100)
            await cloud.refuse(.get, "quotas/alice", TestCloud.bob, nil, .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.put, "quotas/alice", TestCloud.alice, ["quota": ["network": 5]], .forbidden, "PolicyNotAuthorized")
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["network": 1]])
            _ = await cloud.network()
            await cloud.refuse(.post, "networks", TestCloud.alice, ["network": [:]], .conflict, "OverQuota")
            let details = await cloud.send(.get, "quotas/alice/details.json")["quota"]?["network"]
            #expect(details == ["limit": 1, "used": 1, "reserved": 0])
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["network": 0]], expect: .badRequest)
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["network": 0, "force": true]])
            #expect(await cloud.send(.get, "quotas", TestCloud.admin)["quotas"]?.texts("project_id") == ["alice"])
            await cloud.send(.delete, "quotas/alice", TestCloud.admin)
            #expect(await cloud.send(.get, "quotas/alice/default")["quota"]?["network"] == 100)
            #expect(await cloud.send(.get, "quotas/alice")["quota"]?["network"] == 100)
            await cloud.send(.delete, "quotas/alice", TestCloud.admin, expect: .notFound)
        }
    }

    @Test func tagsComeAndGo() async throws {
        try await TestCloud.with { cloud in
            let id = await cloud.network(TestCloud.alice, ["tags": ["red"]])
            let other = await cloud.network()
            await cloud.send(.put, "networks/\(id)/tags/blue", expect: .created)
            #expect(await cloud.send(.get, "networks/\(id)/tags")["tags"] == ["blue", "red"])
            await cloud.send(.get, "networks/\(id)/tags/blue", expect: .noContent)
            await cloud.refuse(.get, "networks/\(id)/tags/green", TestCloud.alice, nil, .notFound, "TagNotFound")
            func ids(_ query: String) async -> [String] { await cloud.send(.get, "networks?\(query)")["networks"]?.texts("id") ?? [] }
            #expect(await ids("tags=red,blue") == [id])
            #expect(await ids("tags-any=red,green") == [id])
            #expect(await ids("not-tags=red") == [other])
            #expect(await ids("not-tags-any=green,blue") == [other])
            await cloud.send(.put, "networks/\(id)/tags", TestCloud.alice, ["tags": ["x"]])
            #expect(await cloud.send(.get, "networks/\(id)")["network"]?["tags"] == ["x"])
            await cloud.refuse(.put, "networks/\(id)/tags/y", TestCloud.bob, nil, .notFound, "TagResourceNotFound")
            await cloud.send(.delete, "networks/\(id)/tags")
            #expect(await cloud.send(.get, "networks/\(id)/tags")["tags"] == [])
            await cloud.send(.delete, "networks/\(id)/tags/x", expect: .notFound)
        }
    }

    @Test func theServiceDescribesItself() async throws {
        try await TestCloud.with { cloud in
            let versions = await cloud.server.respond(.get, "/network/", token: nil)
            #expect(versions.json["versions"]?[0]?["id"] == "v2.0")
            let resources = await cloud.send(.get, "")["resources"]
            let names = Set(resources?.texts("name") ?? [])
            #expect(names.isSuperset(of: ["network", "subnet", "port"]))
            let extensions = await cloud.send(.get, "extensions")["extensions"]
            for alias in extensions?.texts("alias") ?? [] {
                let shown = await cloud.send(.get, "extensions/\(alias)")["extension"]
                #expect(extensions?.array?.contains(shown ?? .null) == true)
            }
            await cloud.send(.get, "extensions/none", expect: .notFound)
            #expect(await cloud.send(.get, "availability_zones")["availability_zones"]?.texts("name") == ["nova", "nova"])
        }
    }
}
