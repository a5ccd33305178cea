import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct RouterGatewayTests {
    private func router(_ cloud: TestCloud, _ token: String = TestCloud.alice, _ members: JSONObject = [:]) async -> JSON {
        await cloud.send(.post, "routers", token, ["router": .object(members)])["router"] ?? .null
    }

    private func gateways(_ networks: String...) -> JSON {
        ["router": ["external_gateways": .array(networks.map { ["network_id": .string($0)] })]]
    }

    @Test func aRouterHasSeveralGateways() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.external()
            let id = await router(cloud).id
            var shown = await cloud.send(
                .put, "routers/\(id)/add_external_gateways", TestCloud.alice, gateways(network, network, network))["router"]
            let all = shown?["external_gateways"]?.array ?? []
            #expect(all.count == 3 && Set(all.map { $0["external_fixed_ips"]?.text ?? "" }).count == 3)
            #expect(shown?["external_gateway_info"]?["external_fixed_ips"] == all.first?["external_fixed_ips"])
            // Without addresses it is unclear which one is meant.
            await cloud.refuse(
                .put, "routers/\(id)/remove_external_gateways", TestCloud.alice, gateways(network), .badRequest,
                "UnableToMatchGateways")
            let last: JSON = ["router": ["external_gateways": [all.last ?? .null]]]
            shown = await cloud.send(.put, "routers/\(id)/remove_external_gateways", TestCloud.alice, last)["router"]
            #expect(shown?["external_gateways"]?.array?.count == 2)
            // The second makes way for the address that was freed.
            let wanted: JSON = ["router": ["external_gateways": [all[0], all[2]]]]
            shown = await cloud.send(.put, "routers/\(id)/update_external_gateways", TestCloud.admin, wanted)["router"]
            #expect(shown?["external_gateways"] == [all[0], all[2]])
            // The first gone, the other takes its place.
            shown = await cloud.send(
                .put, "routers/\(id)", TestCloud.alice, ["router": ["external_gateway_info": [:]]])["router"]
            #expect(shown?["external_gateways"] == [all[2]])
            #expect(shown?["external_gateway_info"]?["external_fixed_ips"] == all[2]["external_fixed_ips"])
            shown = await cloud.send(
                .put, "routers/\(id)/update_external_gateways", TestCloud.alice, ["router": ["external_gateways": []]])["router"]
            #expect(shown?["external_gateways"] == [] && shown?["external_gateway_info"] == .null)
            await cloud.send(.delete, "routers/\(id)")
        }
    }

    @Test func gatewaysKeepTheRules() async throws {
        try await TestCloud.with { cloud in
            let (network, inside) = (await cloud.external(), await cloud.network())
            let id = await router(cloud).id
            await cloud.refuse(
                .put, "routers/\(id)/add_external_gateways", TestCloud.alice, gateways(inside), .badRequest, "BadRequest")
            let snat: JSON = ["router": ["external_gateways": [["network_id": .string(network), "enable_snat": false]]]]
            await cloud.refuse(
                .put, "routers/\(id)/add_external_gateways", TestCloud.alice, snat, .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(
                .put, "routers/\(id)/add_external_gateways", TestCloud.bob, gateways(network), .notFound, "RouterNotFound")
            await cloud.refuse(
                .put, "routers/\(id)/remove_external_gateways", TestCloud.alice, gateways(network), .badRequest,
                "UnableToRemoveGateways")
            let shown = await cloud.send(.put, "routers/\(id)/add_external_gateways", TestCloud.admin, snat)["router"]
            #expect(shown?["external_gateway_info"]?["enable_snat"] == false && shown?["enable_snat"] == false)
        }
    }

    @Test func routersAreAlwaysHighlyAvailable() async throws {
        try await TestCloud.with { cloud in
            let made = await router(cloud, TestCloud.admin, ["ha": true, "enable_default_route_ecmp": true])
            #expect(made["ha"] == true && made["enable_default_route_ecmp"] == true)
            #expect(made["enable_default_route_bfd"] == false && made["flavor_id"] == .null)
            await cloud.refuse(.post, "routers", TestCloud.admin, ["router": ["ha": false]], .badRequest, "InvalidInput")
            await cloud.refuse(.post, "routers", TestCloud.alice, ["router": ["ha": true]], .forbidden, "PolicyNotAuthorized")
            let own = await router(cloud)
            #expect(own["ha"] == nil && own["enable_default_route_bfd"] == false)
            let bfd: JSON = ["router": ["enable_default_route_bfd": true]]
            await cloud.refuse(.put, "routers/\(own.id)", TestCloud.alice, bfd, .forbidden, "PolicyNotAuthorized")
            let changed = await cloud.send(.put, "routers/\(own.id)", TestCloud.admin, bfd)["router"]
            #expect(changed?["enable_default_route_bfd"] == true)
        }
    }

    @Test func extraRoutesAreLimitedByQuota() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let subnet = await cloud.subnet(network)
            let id = await router(cloud).id
            await cloud.send(.put, "routers/\(id)/add_router_interface", TestCloud.alice, ["subnet_id": .string(subnet)])
            func routes(_ destinations: String...) -> JSON {
                ["router": ["routes": .array(destinations.map { ["destination": .string($0), "nexthop": "10.0.0.9"] })]]
            }
            var shown = await cloud.send(
                .put, "routers/\(id)/add_extraroutes", TestCloud.alice, routes("10.1.0.0/24", "10.2.0.0/24"))["router"]
            #expect(shown?["routes"]?.array?.count == 2)
            // What is there is not there twice, and what is gone may go again.
            shown = await cloud.send(
                .put, "routers/\(id)/add_extraroutes", TestCloud.alice, routes("10.2.0.0/24", "10.3.0.0/24"))["router"]
            #expect(shown?["routes"]?.array?.count == 3)
            for _ in 0..<2 {
                shown = await cloud.send(
                    .put, "routers/\(id)/remove_extraroutes", TestCloud.alice, routes("10.1.0.0/24", "10.2.0.0/24"))["router"]
                #expect(shown?["routes"] == [["destination": "10.3.0.0/24", "nexthop": "10.0.0.9"]])
            }
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["router_route": 1]])
            await cloud.refuse(
                .put, "routers/\(id)/add_extraroutes", TestCloud.alice, routes("10.1.0.0/24"), .conflict, "OverQuota")
            await cloud.refuse(
                .put, "routers/\(id)/remove_router_interface", TestCloud.alice, ["subnet_id": .string(subnet)], .conflict,
                "RouterInterfaceInUseByRoute")
        }
    }

    @Test func helpersArePartsOfRouters() async throws {
        try await TestCloud.with { cloud in
            let id = await router(cloud).id
            let path = "routers/\(id)/conntrack_helpers"
            func helper(_ name: String, _ ipProtocol: String, _ port: Int) -> JSON {
                ["conntrack_helper": ["helper": .string(name), "protocol": .string(ipProtocol), "port": .int(port)]]
            }
            let made = await cloud.send(.post, path, TestCloud.alice, helper("tftp", "udp", 69))["conntrack_helper"] ?? .null
            await cloud.refuse(.post, path, TestCloud.alice, helper("tftp", "udp", 69), .badRequest, "BadRequest")
            await cloud.refuse(.post, path, TestCloud.alice, helper("tftp", "tcp", 69), .badRequest, "InvalidProtocolForHelper")
            await cloud.refuse(.post, path, TestCloud.alice, helper("none", "tcp", 69), .badRequest, "ConntrackHelperNotAllowed")
            await cloud.refuse(.post, path, TestCloud.bob, helper("ftp", "tcp", 21), .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.get, "\(path)/\(made.id)", TestCloud.bob, nil, .notFound, "ConntrackHelperNotFound")
            let changed = await cloud.send(.put, "\(path)/\(made.id)", TestCloud.alice, ["conntrack_helper": ["port": 6969]])
            #expect(changed["conntrack_helper"]?["port"] == 6969)
            let shown = await cloud.send(.get, "routers/\(id)")["router"]
            #expect(shown?["conntrack_helpers"] == [["protocol": "udp", "port": 6969, "helper": "tftp"]])
            #expect(await cloud.send(.get, path)["conntrack_helpers"]?.texts("id") == [made.id])
            await cloud.send(.delete, "\(path)/\(made.id)")
            #expect(await cloud.send(.get, path)["conntrack_helpers"] == [])
        }
    }
}
