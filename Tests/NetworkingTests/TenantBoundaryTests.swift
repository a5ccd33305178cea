import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

/// What one project's members may not do to another's, and to what all share.
@Suite(.timeLimit(.minutes(3))) struct TenantBoundaryTests {
    private func port(_ network: String, _ members: JSONObject) -> JSON {
        var port = members
        port["network_id"] = .string(network)
        return ["port": .object(port)]
    }

    @Test(arguments: [DeviceOwner.routerGateway, DeviceOwner.routerInterface])
    func aPortIsNoDoorIntoAnothersRouter(owner: String) async throws {
        try await TestCloud.with { cloud in
            let router = await cloud.send(.post, "routers", TestCloud.bob, ["router": [:]])["router"]?.id ?? ""
            let network = await cloud.network()
            let claim: JSONObject = ["device_owner": .string(owner), "device_id": .string(router)]
            await cloud.refuse(
                .post, "ports", TestCloud.alice, port(network, claim), .conflict, "DeviceIDNotOwnedByTenant")
            let own = await cloud.send(.post, "ports", TestCloud.alice, port(network, [:]))["port"]?.id ?? ""
            await cloud.refuse(
                .put, "ports/\(own)", TestCloud.alice, ["port": .object(claim)], .conflict, "DeviceIDNotOwnedByTenant")
            let shown = await cloud.send(.get, "routers/\(router)", TestCloud.bob)["router"]
            #expect(shown?["external_gateways"] == [] && shown?["external_gateway_info"] == .null)
        }
    }

    @Test func aPortIsNotAnothersServers() async throws {
        try await TestCloud.with { cloud in
            let (theirs, network) = (await cloud.network(TestCloud.bob), await cloud.network())
            let server: JSONObject = ["device_owner": "compute:nova", "device_id": "0c1ab2c3-0000-4000-8000-000000000001"]
            await cloud.send(.post, "ports", TestCloud.bob, port(theirs, server))
            await cloud.refuse(
                .post, "ports", TestCloud.alice, port(network, server), .conflict, "DeviceIDNotOwnedByTenant")
            // The same name for things of their own is nobody's business.
            let plain: JSONObject = ["device_id": "door"]
            await cloud.send(.post, "ports", TestCloud.bob, port(theirs, plain))
            await cloud.send(.post, "ports", TestCloud.alice, port(network, plain))
        }
    }

    @Test func aFloatingIPIsNotTranslatedByAnothersRouter() async throws {
        try await TestCloud.with { cloud in
            let (external, network) = (await cloud.external(), await cloud.network())
            let gateway: JSON = ["router": ["external_gateway_info": ["network_id": .string(external)]]]
            let router = await cloud.send(.post, "routers", TestCloud.bob, gateway)["router"]?.id ?? ""
            _ = await cloud.subnet(network)
            let own = await cloud.send(.post, "ports", TestCloud.alice, port(network, [:]))["port"]?.id ?? ""
            let wanted: JSON = [
                "floatingip": [
                    "floating_network_id": .string(external), "port_id": .string(own), "router_id": .string(router),
                ]
            ]
            await cloud.refuse(.post, "floatingips", TestCloud.alice, wanted, .notFound, "RouterNotFound")
        }
    }

    @Test func aPortThatCallsItselfTheCloudsIsAPortLikeOthers() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let own = await cloud.send(
                .post, "ports", TestCloud.alice, port(network, ["device_owner": "network:distributed"]))["port"]?.id ?? ""
            await cloud.refuse(.delete, "networks/\(network)", TestCloud.alice, nil, .conflict, "NetworkInUse")
            await cloud.refuse(
                .post, "ports", TestCloud.alice,
                port(network, ["device_owner": "network:distributed", "device_id": .string("ovnmeta-\(network)")]), .conflict,
                "DeviceIDNotOwnedByTenant")
            await cloud.send(.delete, "ports/\(own)")
            await cloud.send(.delete, "networks/\(network)")
        }
    }

    @Test func whatTheDataPlaneRefusesKeepsNothingElseFromIt() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let bad = await cloud.send(.post, "ports", TestCloud.alice, port(network, ["name": "bad"]))["port"]?.id ?? ""
            var good: [String] = []
            for _ in 0..<5 { good.append(await cloud.send(.post, "ports", TestCloud.alice, port(network, [:]))["port"]?.id ?? "") }
            cloud.plane.refuse { $0.key.id == bad }
            // All at once, and then by changes.
            try await cloud.reconciling {
                try await cloud.settled()
                #expect(good.allSatisfy { cloud.plane.port($0) != nil })
                await cloud.send(.put, "ports/\(bad)", TestCloud.alice, ["port": ["admin_state_up": false]])
                await cloud.send(.put, "ports/\(good[0])", TestCloud.alice, ["port": ["admin_state_up": false]])
                try await cloud.settled()
                #expect(cloud.plane.port(good[0])?.adminUp == false)
            }
            #expect(cloud.plane.port(bad) == nil)
        }
    }

    @Test func aServiceForOthersListsWhatTheRulesShowIt() async throws {
        try await TestCloud.with { cloud in
            let balancer = "balancers:advsvc"
            let network = await cloud.network(TestCloud.alice, ["tags": ["red"]])
            let own = await cloud.send(.post, "ports", TestCloud.alice, port(network, [:]))["port"]?.id ?? ""
            #expect(await cloud.send(.get, "networks", TestCloud.bob)["networks"] == [])
            let listed = await cloud.send(.get, "networks", balancer)["networks"]
            #expect(listed?.texts("id") == [network] && listed?[0]?["tags"] == ["red"])
            // The rule of ports does not name the role; those of their tags do.
            #expect(await cloud.send(.get, "ports", balancer)["ports"] == [])
            #expect(await cloud.send(.put, "ports/\(own)/tags", balancer, ["tags": ["blue"]])["tags"] == ["blue"])
            await cloud.send(.put, "ports/\(own)/tags", TestCloud.bob, ["tags": ["green"]], expect: .notFound)
        }
    }
}
