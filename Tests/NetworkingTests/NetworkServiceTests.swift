import CloudAPI
import CloudBus
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

/// Agents, flavors and metering.
@Suite(.timeLimit(.minutes(3))) struct NetworkServiceTests {
    private static let ovn = "neutron.services.ovn_l3.service_providers.ovn.OvnDriver"

    /// Lets hosts' agents report, and waits until they are there.
    private func agents(_ cloud: TestCloud, _ hosts: String...) async throws -> [String] {
        for host in hosts {
            _ = try await cloud.bus.call(
                AgentReport(host: host, isStarting: true), to: BusAddress(topic: NetworkTopic.controller), deadline: .seconds(10))
        }
        let listed = await cloud.send(.get, "agents?sort_key=host&sort_dir=asc", TestCloud.admin)["agents"]
        return listed?.texts("id") ?? []
    }

    @Test func agentsAreSeenAndChangedByAdministrators() async throws {
        try await TestCloud.with { cloud in
            let ids = try await agents(cloud, "one", "two")
            #expect(ids.count == 2)
            #expect(await cloud.send(.get, "agents")["agents"] == [])
            await cloud.refuse(.get, "agents/\(ids[0])", TestCloud.alice, nil, .notFound, "AgentNotFound")
            let shown = await cloud.send(.get, "agents/\(ids[0])", TestCloud.admin)["agent"]
            #expect(shown?["host"] == "one" && shown?["alive"] == true && shown?["binary"] == "ovn-controller")
            let changed = await cloud.send(
                .put, "agents/\(ids[0])", TestCloud.admin, ["agent": ["description": "left", "admin_state_up": false]])["agent"]
            #expect(changed?["description"] == "left" && changed?["admin_state_up"] == false)
            await cloud.send(.delete, "agents/\(ids[1])", TestCloud.admin)
            await cloud.send(.delete, "agents/\(ids[1])", TestCloud.admin, expect: .notFound)
        }
    }

    @Test func gatewaysHavePlacesOnAgents() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.external()
            let gateway: JSON = ["router": ["external_gateway_info": ["network_id": .string(network)]]]
            let router = await cloud.send(.post, "routers", TestCloud.alice, gateway)["router"]?.id ?? ""
            func places() async -> [JSON] {
                await cloud.send(.get, "routers/\(router)/l3-agents", TestCloud.admin)["agents"]?.array ?? []
            }
            #expect(await places().isEmpty)
            // The first agent to come takes what waited.
            let one = try await agents(cloud, "one")[0]
            #expect(await places().map { $0["ha_chassis_priority"]?.int } == [5])
            let ids = try await agents(cloud, "two")
            let two = ids.first { $0 != one } ?? ""
            await cloud.refuse(
                .post, "agents/\(one)/l3-routers", TestCloud.admin, ["router_id": .string(router)], .conflict,
                "RouterHostedByL3Agent")
            let added = await cloud.send(.post, "agents/\(two)/l3-routers", TestCloud.admin, ["router_id": .string(router)])
            #expect(added == .null)
            #expect(await places().map(\.id) == [one, two])
            await cloud.send(
                .put, "agents/\(two)/l3-routers/\(router)", TestCloud.admin, ["ha_chassis_priority": 9])
            #expect(await places().map(\.id) == [two, one])
            await cloud.refuse(
                .put, "agents/\(one)/l3-routers/\(router)", TestCloud.admin, ["ha_chassis_priority": 9], .conflict,
                "HAChassisPriorityAlreadyAssigned")
            await cloud.refuse(
                .put, "agents/\(one)/l3-routers/\(router)", TestCloud.admin, ["ha_chassis_priority": -1], .badRequest,
                "InvalidHAChassisPriority")
            #expect(await cloud.send(.get, "agents/\(two)/l3-routers", TestCloud.admin)["routers"]?.texts("id") == [router])
            await cloud.send(.delete, "agents/\(two)/l3-routers/\(router)", TestCloud.admin)
            await cloud.refuse(
                .delete, "agents/\(two)/l3-routers/\(router)", TestCloud.admin, nil, .conflict, "RouterNotHostedByL3Agent")
            await cloud.refuse(.get, "agents/none/l3-routers", TestCloud.admin, nil, .notFound, "InvalidL3Agent")
            await cloud.refuse(.get, "agents/\(one)/l3-routers", TestCloud.alice, nil, .forbidden, "PolicyNotAuthorized")
            await cloud.send(.put, "routers/\(router)", TestCloud.alice, ["router": ["external_gateway_info": [:]]])
            #expect(await places().isEmpty)
        }
    }

    @Test func noAgentServesDHCP() async throws {
        try await TestCloud.with { cloud in
            let agent = try await agents(cloud, "one")[0]
            let network = await cloud.network()
            #expect(await cloud.send(.get, "networks/\(network)/dhcp-agents", TestCloud.admin)["agents"] == [])
            #expect(await cloud.send(.get, "agents/\(agent)/dhcp-networks", TestCloud.admin)["networks"] == [])
            await cloud.refuse(
                .post, "agents/\(agent)/dhcp-networks", TestCloud.admin, ["network_id": .string(network)], .notFound,
                "InvalidDHCPAgent")
            await cloud.refuse(
                .delete, "agents/\(agent)/dhcp-networks/\(network)", TestCloud.admin, nil, .conflict,
                "NetworkNotHostedByDhcpAgent")
            await cloud.refuse(
                .get, "networks/\(network)/dhcp-agents", TestCloud.alice, nil, .forbidden, "PolicyNotAuthorized")
        }
    }

    @Test func flavorsCarryRouters() async throws {
        try await TestCloud.with { cloud in
            let providers = await cloud.send(.get, "service-providers")["service_providers"]
            #expect(providers == [["service_type": "L3_ROUTER_NAT", "name": "ovn", "default": true]])
            let admin = TestCloud.admin
            await cloud.refuse(.post, "flavors", TestCloud.alice, ["flavor": ["service_type": "FLAVORS"]], .forbidden, "PolicyNotAuthorized")
            await cloud.send(.post, "flavors", admin, ["flavor": ["service_type": "none"]], expect: .badRequest)
            let flavor = await cloud.send(
                .post, "flavors", admin, ["flavor": ["name": "f", "service_type": "l3_router_nat"]])["flavor"] ?? .null
            #expect(flavor["service_type"] == "L3_ROUTER_NAT" && flavor["enabled"] == true && flavor["service_profiles"] == [])
            await cloud.refuse(.post, "service_profiles", admin, ["service_profile": [:]], .badRequest, "ServiceProfileEmpty")
            await cloud.refuse(
                .post, "service_profiles", admin, ["service_profile": ["driver": "x"]], .notFound, "ServiceProfileDriverNotFound")
            let profile = await cloud.send(
                .post, "service_profiles", admin, ["service_profile": ["driver": .string(Self.ovn)]])["service_profile"] ?? .null
            #expect(await cloud.send(.get, "service_profiles")["service_profiles"] == [])
            let made: JSON = ["router": ["flavor_id": .string(flavor.id)]]
            await cloud.refuse(.post, "routers", TestCloud.alice, made, .notFound, "FlavorServiceProfileBindingNotFound")
            let binding: JSON = ["service_profile": ["id": .string(profile.id)]]
            await cloud.send(.post, "flavors/\(flavor.id)/service_profiles", admin, binding)
            await cloud.refuse(
                .post, "flavors/\(flavor.id)/service_profiles", admin, binding, .conflict, "FlavorServiceProfileBindingExists")
            await cloud.send(.get, "flavors/\(flavor.id)/service_profiles/\(profile.id)", admin)
            let next = await cloud.send(.get, "flavors/\(flavor.id)/next_providers")["next_providers"]
            #expect(next == [["driver": .string(Self.ovn), "provider": "ovn"]])
            await cloud.refuse(.delete, "service_profiles/\(profile.id)", admin, nil, .conflict, "ServiceProfileInUse")
            let router = await cloud.send(.post, "routers", TestCloud.alice, made)["router"] ?? .null
            #expect(router["flavor_id"] == .string(flavor.id))
            await cloud.refuse(.delete, "flavors/\(flavor.id)", admin, nil, .conflict, "FlavorInUse")
            #expect(await cloud.send(.get, "flavors?name=f")["flavors"]?[0]?["service_profiles"] == [.string(profile.id)])
            await cloud.send(.delete, "routers/\(router.id)")
            await cloud.send(.put, "flavors/\(flavor.id)", admin, ["flavor": ["enabled": false]])
            await cloud.send(.delete, "flavors/\(flavor.id)/service_profiles/\(profile.id)", admin)
            await cloud.send(.delete, "flavors/\(flavor.id)/service_profiles/\(profile.id)", admin, expect: .notFound)
            await cloud.send(.delete, "flavors/\(flavor.id)", admin)
            await cloud.send(.delete, "service_profiles/\(profile.id)", admin)
        }
    }

    @Test func labelsCountTraffic() async throws {
        try await TestCloud.with { cloud in
            let (labels, rules, admin) = ("metering/metering-labels", "metering/metering-label-rules", TestCloud.admin)
            await cloud.refuse(.post, labels, TestCloud.alice, ["metering_label": [:]], .forbidden, "PolicyNotAuthorized")
            let label = await cloud.send(.post, labels, admin, ["metering_label": ["name": "l"]])["metering_label"] ?? .null
            #expect(label["shared"] == false && label["project_id"] == "admin")
            func rule(_ members: JSONObject) -> JSON {
                var all: JSONObject = ["metering_label_id": .string(label.id), "direction": "ingress"]
                for member in members { all[member.name] = member.value }
                return ["metering_label_rule": .object(all)]
            }
            let made = await cloud.send(.post, rules, admin, rule(["remote_ip_prefix": "10.0.0.0/24"]))["metering_label_rule"]
            #expect(made?["excluded"] == false && made?["remote_ip_prefix"] == "10.0.0.0/24")
            await cloud.refuse(
                .post, rules, admin, rule(["remote_ip_prefix": "10.0.0.0/25"]), .conflict, "MeteringLabelRuleOverlaps")
            await cloud.send(.post, rules, admin, rule(["source_ip_prefix": "10.0.0.0/24"]))
            await cloud.send(.post, rules, admin, rule([:]), expect: .badRequest)
            await cloud.send(
                .post, rules, admin, rule(["remote_ip_prefix": "10.9.0.0/24", "source_ip_prefix": "10.0.0.0/24"]),
                expect: .badRequest)
            await cloud.send(.post, rules, admin, rule(["remote_ip_prefix": "x"]), expect: .badRequest)
            #expect(await cloud.send(.get, "\(rules)?id=33", admin)["metering_label_rules"] == [])
            #expect(await cloud.send(.get, rules)["metering_label_rules"] == [])
            await cloud.refuse(.get, "\(labels)/\(label.id)", TestCloud.alice, nil, .notFound, "MeteringLabelNotFound")
            await cloud.send(.delete, "\(labels)/\(label.id)", admin)
            #expect(await cloud.send(.get, rules, admin)["metering_label_rules"] == [])
        }
    }
}
