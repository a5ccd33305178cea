import CloudAPI
import CloudCore
import Testing

@testable import Networking

@Suite struct CIDRSetTests {
    private func set(_ texts: [String], _ version: IPAddress.Version = .v4) -> CIDRSet {
        CIDRSet(texts.compactMap { CIDR($0) }, version: version)
    }

    @Test func neighboursBecomeOne() {
        #expect(set(["10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25"]).cidrs.map(\.description) == ["10.0.0.0/23"])
        #expect(set(["10.0.1.0/24", "10.0.2.0/24"]).cidrs.map(\.description) == ["10.0.1.0/24", "10.0.2.0/24"])
        #expect(set(["0.0.0.0/0"]).cidrs.map(\.description) == ["0.0.0.0/0"])
        #expect(set(["::/0"], .v6).cidrs.map(\.description) == ["::/0"])
        #expect(set(["ff00::/9", "ff80::/9"], .v6).cidrs.map(\.description) == ["ff00::/8"])
    }

    @Test func whatIsTakenAwayLeavesTheFewestPrefixes() {
        let rest = set(["10.0.0.0/24"]).subtracting(set(["10.0.0.64/26"]))
        #expect(rest.cidrs.map(\.description) == ["10.0.0.0/26", "10.0.0.128/25"])
        #expect(rest.intersects(set(["10.0.0.192/32"])) && !rest.intersects(set(["10.0.0.64/26"])))
        #expect(set(["10.0.0.0/26"]).isSubset(of: rest) && !set(["10.0.0.0/25"]).isSubset(of: rest))
        #expect(set(["10.0.0.0/24"]).subtracting(set(["0.0.0.0/0"])).cidrs.isEmpty)
        #expect(set(["::/0"], .v6).subtracting(set(["::/1"], .v6)).cidrs.map(\.description) == ["8000::/1"])
    }
}

@Suite(.timeLimit(.minutes(3))) struct SubnetPoolTests {
    private func pool(
        _ cloud: TestCloud, _ prefixes: [String], _ token: String = TestCloud.alice, _ members: JSONObject = [:]
    ) async -> JSON {
        var pool: JSONObject = ["name": "pool", "prefixes": .array(prefixes.map { .string($0) })]
        for member in members { pool[member.name] = member.value }
        return await cloud.send(.post, "subnetpools", token, ["subnetpool": .object(pool)])["subnetpool"] ?? .null
    }

    private func cut(
        _ cloud: TestCloud, _ members: JSONObject, _ token: String = TestCloud.alice, on network: String? = nil
    ) async -> JSON {
        var subnet = members
        if let network { subnet["network_id"] = .string(network) } else { subnet["network_id"] = .string(await cloud.network(token)) }
        return await cloud.send(.post, "subnets", token, ["subnet": .object(subnet)])["subnet"] ?? .null
    }

    @Test func aPoolHasEveryAttribute() async throws {
        try await TestCloud.with { cloud in
            let created = await pool(cloud, ["10.1.0.0/24", "10.0.0.0/16", "10.1.1.0/24"])
            #expect(created["prefixes"] == ["10.0.0.0/16", "10.1.0.0/23"] && created["ip_version"] == 4)
            #expect(created["min_prefixlen"] == "8" && created["max_prefixlen"] == "32" && created["default_prefixlen"] == "8")
            #expect(created["shared"] == false && created["is_default"] == false && created["address_scope_id"] == .null)
            #expect(created["default_quota"] == .null && created["tags"] == [] && created["revision_number"] == 1)
            #expect(await cloud.send(.get, "subnetpools/\(created.id)")["subnetpool"] == created)
            await cloud.refuse(.get, "subnetpools/\(created.id)", TestCloud.bob, nil, .notFound, "SubnetPoolNotFound")
            for flag in ["shared", "is_default"] {
                let body: JSON = ["subnetpool": .object(["name": "p", "prefixes": ["10.9.0.0/16"], flag: true])]
                await cloud.refuse(.post, "subnetpools", TestCloud.alice, body, .forbidden, "PolicyNotAuthorized")
            }
        }
    }

    @Test(arguments: [
        ([], [:], "EmptySubnetPoolPrefixList"), (["10.0.0.0/8", "2001:db8::/32"], [:], "PrefixVersionMismatch"),
        (["10.0.0.0/8"], ["min_prefixlen": 33], "IllegalSubnetPoolPrefixBounds"),
        (["10.0.0.0/8"], ["max_prefixlen": 33], "IllegalSubnetPoolPrefixBounds"),
        (["10.0.0.0/8"], ["default_prefixlen": 4], "IllegalSubnetPoolPrefixBounds"),
        (["10.0.0.0/8"], ["min_prefixlen": 24, "default_prefixlen": 23], "IllegalSubnetPoolPrefixBounds"),
        (["10.0.0.0"], [:], "HTTPBadRequest"), (["nonsense/8"], [:], "HTTPBadRequest"),
    ] as [([String], [String: Int], String)])
    func badPoolsAreRefused(_ prefixes: [String], _ numbers: [String: Int], _ type: String) async throws {
        try await TestCloud.with { cloud in
            var pool: JSONObject = ["name": "p", "prefixes": .array(prefixes.map { .string($0) })]
            for (name, value) in numbers { pool[name] = .int(value) }
            await cloud.refuse(.post, "subnetpools", TestCloud.alice, ["subnetpool": .object(pool)], .badRequest, type)
        }
    }

    @Test func subnetsAreCutFromPools() async throws {
        try await TestCloud.with { cloud in
            let id = await pool(cloud, ["10.10.0.0/16"], TestCloud.alice, ["default_prefixlen": 26, "min_prefixlen": 20]).id
            let first = await cut(cloud, ["subnetpool_id": .string(id), "ip_version": 4])
            #expect(first["cidr"] == "10.10.0.0/26" && first["subnetpool_id"] == .string(id) && first["gateway_ip"] == "10.10.0.1")
            let second = await cut(cloud, ["subnetpool_id": .string(id), "prefixlen": 24])
            #expect(second["cidr"] == "10.10.1.0/24")
            // The smallest gap that has room comes first.
            #expect(await cut(cloud, ["subnetpool_id": .string(id)])["cidr"] == "10.10.0.64/26")
            let chosen = await cut(cloud, ["subnetpool_id": .string(id), "cidr": "10.10.200.0/24", "ip_version": 4])
            #expect(chosen["cidr"] == "10.10.200.0/24")
            let network = await cloud.network()
            func refuse(_ members: JSONObject, _ status: HTTPResponse.Status, _ type: String) async {
                var subnet = members
                subnet["network_id"] = .string(network)
                subnet["subnetpool_id"] = .string(id)
                await cloud.refuse(.post, "subnets", TestCloud.alice, ["subnet": .object(subnet)], status, type)
            }
            await refuse(["cidr": "10.10.200.0/25", "ip_version": 4], .conflict, "SubnetAllocationError")
            await refuse(["cidr": "10.11.0.0/24", "ip_version": 4], .conflict, "SubnetAllocationError")
            await refuse(["prefixlen": 19], .badRequest, "MinPrefixSubnetAllocationError")
            await refuse(["prefixlen": 24, "cidr": "10.10.3.0/24", "ip_version": 4], .badRequest, "BadRequest")
            await refuse(["ip_version": 6], .badRequest, "BadRequest")
            await refuse(["use_default_subnetpool": true], .badRequest, "BadRequest")
            await cloud.refuse(.delete, "subnetpools/\(id)", TestCloud.alice, nil, .badRequest, "SubnetPoolDeleteError")
            await cloud.send(.delete, "subnets/\(second.id)")
            #expect(await cut(cloud, ["subnetpool_id": .string(id), "prefixlen": 24])["cidr"] == "10.10.1.0/24")
        }
    }

    @Test func aQuotaLimitsWhatAProjectCuts() async throws {
        try await TestCloud.with { cloud in
            let id = await pool(cloud, ["10.0.0.0/16"], TestCloud.admin, ["shared": true, "default_quota": 128, "min_prefixlen": 24]).id
            let network = await cloud.network()
            let subnet: JSON = ["subnet": ["network_id": .string(network), "subnetpool_id": .string(id), "prefixlen": 24]]
            await cloud.refuse(.post, "subnets", TestCloud.alice, subnet, .conflict, "SubnetPoolQuotaExceeded")
            await cloud.send(.put, "subnetpools/\(id)", TestCloud.admin, ["subnetpool": ["default_quota": 256]])
            await cloud.send(.post, "subnets", TestCloud.alice, subnet)
            let other = await cloud.network()
            let more: JSON = ["subnet": ["network_id": .string(other), "subnetpool_id": .string(id), "prefixlen": 32, "enable_dhcp": false]]
            await cloud.refuse(.post, "subnets", TestCloud.alice, more, .conflict, "SubnetPoolQuotaExceeded")
            // Each project has its own.
            let bobs = await cloud.network(TestCloud.bob)
            await cloud.send(
                .post, "subnets", TestCloud.bob,
                ["subnet": ["network_id": .string(bobs), "subnetpool_id": .string(id), "prefixlen": 24]])
        }
    }

    @Test func defaultPoolsServeWhoeverNamesNone() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let order: JSON = ["subnet": ["network_id": .string(network), "use_default_subnetpool": true, "ip_version": 4]]
            await cloud.refuse(.post, "subnets", TestCloud.alice, order, .badRequest, "BadRequest")
            let members: JSONObject = ["is_default": true, "shared": true, "default_prefixlen": 24]
            let id = await pool(cloud, ["10.20.0.0/16"], TestCloud.admin, members).id
            let again: JSON = ["subnetpool": ["name": "p", "prefixes": ["10.30.0.0/16"], "is_default": true]]
            await cloud.refuse(.post, "subnetpools", TestCloud.admin, again, .badRequest, "InvalidInput")
            let subnet = await cloud.send(.post, "subnets", TestCloud.alice, order)["subnet"]
            #expect(subnet?["cidr"] == "10.20.0.0/24" && subnet?["subnetpool_id"] == .string(id))
            // One network's subnets come from one pool.
            let foreign: JSON = ["subnet": ["network_id": .string(network), "cidr": "192.0.2.0/24", "ip_version": 4]]
            await cloud.refuse(.post, "subnets", TestCloud.alice, foreign, .badRequest, "NetworkSubnetPoolAffinityError")
        }
    }

    @Test func prefixesComeAndGo() async throws {
        try await TestCloud.with { cloud in
            let id = await pool(cloud, ["10.0.0.0/24"]).id
            let subnet = await cut(cloud, ["subnetpool_id": .string(id), "prefixlen": 26])
            let path = "subnetpools/\(id)"
            #expect(
                await cloud.send(.put, "\(path)/add_prefixes", TestCloud.alice, ["prefixes": ["10.0.1.0/24"]])["prefixes"]
                    == ["10.0.0.0/23"])
            await cloud.refuse(
                .put, "\(path)/remove_prefixes", TestCloud.alice, ["prefixes": ["10.0.0.0/24"]], .badRequest,
                "IllegalSubnetPoolPrefixUpdate")
            #expect(
                await cloud.send(.put, "\(path)/remove_prefixes", TestCloud.alice, ["prefixes": ["10.0.0.128/25"]])["prefixes"]
                    == ["10.0.0.0/25", "10.0.1.0/24"])
            await cloud.refuse(
                .put, path, TestCloud.alice, ["subnetpool": ["prefixes": ["10.0.0.0/25"]]], .badRequest,
                "IllegalSubnetPoolPrefixUpdate")
            await cloud.refuse(.put, "\(path)/add_prefixes", TestCloud.bob, ["prefixes": ["10.9.0.0/24"]], .notFound, "SubnetPoolNotFound")
            await cloud.send(.delete, "subnets/\(subnet.id)")
            await cloud.send(.delete, path)
        }
    }

    @Test func subnetsAreOnboarded() async throws {
        try await TestCloud.with { cloud in
            let id = await pool(cloud, ["10.0.0.0/24"]).id
            let network = await cloud.network()
            let subnet = await cloud.subnet(network, "192.0.2.0/24")
            let body: JSON = ["network_id": .string(network)]
            let answer = await cloud.send(.put, "subnetpools/\(id)/onboard_network_subnets", TestCloud.alice, body)
            #expect(answer == [["id": .string(subnet), "cidr": "192.0.2.0/24"]])
            #expect(await cloud.send(.get, "subnets?subnetpool_id=\(id)")["subnets"]?.texts("id") == [subnet])
            #expect(await cloud.send(.get, "subnetpools/\(id)")["subnetpool"]?["prefixes"] == ["10.0.0.0/24", "192.0.2.0/24"])
        }
    }

    @Test func scopesKeepPrefixesApart() async throws {
        try await TestCloud.with { cloud in
            func scope(_ token: String, _ members: JSONObject) async -> JSON {
                await cloud.send(.post, "address-scopes", token, ["address_scope": .object(members)])["address_scope"] ?? .null
            }
            let own = await scope(TestCloud.alice, ["name": "s", "ip_version": 4])
            #expect(own["shared"] == false && own["ip_version"] == 4 && own["project_id"] == "alice")
            let id = await pool(cloud, ["10.0.0.0/16"], TestCloud.alice, ["address_scope_id": .string(own.id), "default_prefixlen": 24]).id
            func refuse(_ prefix: String, _ token: String, _ status: HTTPResponse.Status, _ type: String) async {
                let body: JSON = ["subnetpool": ["name": "p", "prefixes": [.string(prefix)], "address_scope_id": .string(own.id)]]
                await cloud.refuse(.post, "subnetpools", token, body, status, type)
            }
            await refuse("10.0.128.0/17", TestCloud.alice, .conflict, "AddressScopePrefixConflict")
            await refuse("2001:db8::/48", TestCloud.alice, .badRequest, "IllegalSubnetPoolIpVersionAssociationToAddressScope")
            await refuse("10.9.0.0/16", TestCloud.bob, .notFound, "AddressScopeNotFound")
            await cloud.refuse(.delete, "address-scopes/\(own.id)", TestCloud.alice, nil, .conflict, "AddressScopeInUse")
            let network = await cloud.network()
            _ = await cut(cloud, ["subnetpool_id": .string(id)], on: network)
            let shown = await cloud.send(.get, "networks/\(network)")["network"]
            #expect(shown?["ipv4_address_scope"] == .string(own.id) && shown?["ipv6_address_scope"] == .null)
            // Another pool of the same scope may serve the same network; one of no scope may not.
            let members: JSONObject = ["address_scope_id": .string(own.id), "default_prefixlen": 24]
            let sibling = await pool(cloud, ["10.1.0.0/16"], TestCloud.alice, members).id
            _ = await cut(cloud, ["subnetpool_id": .string(sibling)], on: network)
            let stranger = await pool(cloud, ["10.2.0.0/16"], TestCloud.alice, ["default_prefixlen": 24]).id
            await cloud.refuse(
                .post, "subnets", TestCloud.alice,
                ["subnet": ["network_id": .string(network), "subnetpool_id": .string(stranger)]], .badRequest,
                "NetworkAddressScopeAffinityError")
            let shared = await scope(TestCloud.admin, ["name": "t", "ip_version": 6, "shared": true])
            #expect(await cloud.send(.get, "address-scopes", TestCloud.bob)["address_scopes"]?.texts("id") == [shared.id])
            let unshared: JSON = ["address_scope": ["shared": false]]
            await cloud.refuse(.put, "address-scopes/\(shared.id)", TestCloud.admin, unshared, .badRequest, "AddressScopeUpdateError")
        }
    }
}
