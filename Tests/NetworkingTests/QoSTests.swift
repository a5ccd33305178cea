import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct QoSTests {
    private static let manager = "alice:manager,member,reader"

    private func policy(_ cloud: TestCloud, _ token: String = manager, _ members: JSONObject = [:]) async -> String {
        await cloud.send(.post, "qos/policies", token, ["policy": .object(members)])["policy"]?.id ?? ""
    }

    private func rule(
        _ cloud: TestCloud, _ policy: String, _ type: String, _ members: JSONObject, _ token: String = manager
    ) async -> JSON {
        await cloud.send(
            .post, "qos/policies/\(policy)/\(type)_rules", token, .object(["\(type)_rule": .object(members)]))["\(type)_rule"] ?? .null
    }

    @Test func policiesAreMadeByManagersAndShared() async throws {
        try await TestCloud.with { cloud in
            let made = await cloud.send(.post, "qos/policies", Self.manager, ["policy": ["name": "gold", "description": "d"]])["policy"]
            #expect(made?["shared"] == false && made?["is_default"] == false && made?["rules"] == [] && made?["project_id"] == "alice")
            await cloud.refuse(.post, "qos/policies", TestCloud.alice, ["policy": [:]], .forbidden, "PolicyNotAuthorized")
            let id = made?.id ?? ""
            await cloud.refuse(.put, "qos/policies/\(id)", TestCloud.alice, ["policy": ["name": "x"]], .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.get, "qos/policies/\(id)", TestCloud.bob, nil, .notFound, "QosPolicyNotFound")
            await cloud.refuse(.put, "qos/policies/\(id)", TestCloud.bob, ["policy": ["name": "x"]], .notFound, "QosPolicyNotFound")
            await cloud.send(.put, "qos/policies/\(id)", TestCloud.admin, ["policy": ["shared": true]])
            #expect(await cloud.send(.get, "qos/policies", TestCloud.bob)["policies"]?.texts("id") == [id])
            #expect(await cloud.send(.get, "qos/policies?shared=true", TestCloud.bob)["policies"]?[0]?["shared"] == true)
            await cloud.send(.put, "policies/\(id)/tags/red", Self.manager, expect: .created)
            #expect(await cloud.send(.get, "qos/policies?tags=red")["policies"]?.texts("name") == ["gold"])
            await cloud.send(.delete, "qos/policies/\(id)", Self.manager)
            await cloud.refuse(.get, "qos/policies/\(id)", Self.manager, nil, .notFound, "QosPolicyNotFound")
        }
    }

    @Test func rulesComeGoAndChange() async throws {
        try await TestCloud.with { cloud in
            let id = await policy(cloud)
            let limit = await rule(cloud, id, "bandwidth_limit", ["max_kbps": "1000", "max_burst_kbps": 800])
            #expect(limit["max_kbps"] == 1000 && limit["max_burst_kbps"] == 800 && limit["direction"] == "egress")
            let mark = await rule(cloud, id, "dscp_marking", ["dscp_mark": 26])
            #expect(mark["dscp_mark"] == 26 && mark["direction"] == nil)
            let shown = await cloud.send(.get, "qos/policies/\(id)")["policy"]
            #expect(shown?["rules"]?.texts("type") == ["bandwidth_limit", "dscp_marking"] && shown?["revision_number"] == 3)
            let path = "qos/policies/\(id)/bandwidth_limit_rules"
            let changed = await cloud.send(
                .put, "\(path)/\(limit.id)", Self.manager, ["bandwidth_limit_rule": ["direction": "ingress"]])["bandwidth_limit_rule"]
            #expect(changed?["direction"] == "ingress" && changed?["max_kbps"] == 1000)
            #expect(await cloud.send(.get, "\(path)?direction=ingress")["bandwidth_limit_rules"]?.texts("id") == [limit.id])
            let alias = "qos/alias-bandwidth-limit-rules/\(limit.id)"
            #expect(await cloud.send(.get, alias)["alias_bandwidth_limit_rule"] == changed)
            let renewed = await cloud.send(.put, alias, Self.manager, ["alias_bandwidth_limit_rule": ["max_kbps": 5]])
            #expect(renewed["alias_bandwidth_limit_rule"]?["max_kbps"] == 5)
            await cloud.send(.delete, alias, Self.manager)
            await cloud.refuse(.get, "\(path)/\(limit.id)", Self.manager, nil, .notFound, "QosRuleNotFound")
            let other = await policy(cloud)
            await cloud.refuse(
                .get, "qos/policies/\(other)/dscp_marking_rules/\(mark.id)", Self.manager, nil, .notFound, "QosRuleNotFound")
        }
    }

    @Test func rulesOfAPolicyAgree() async throws {
        try await TestCloud.with { cloud in
            let id = await policy(cloud)
            func refuse(_ type: String, _ members: JSONObject, _ name: String) async {
                await cloud.refuse(
                    .post, "qos/policies/\(id)/\(type)_rules", Self.manager, .object(["\(type)_rule": .object(members)]), .conflict, name)
            }
            _ = await rule(cloud, id, "bandwidth_limit", ["max_kbps": 1000])
            await refuse("bandwidth_limit", ["max_kbps": 5], "QoSRulesConflict")
            await refuse("minimum_bandwidth", ["min_kbps": 2000], "QoSRuleParameterConflict")
            _ = await rule(cloud, id, "minimum_bandwidth", ["min_kbps": 2000, "direction": "ingress"])
            await refuse("bandwidth_limit", ["max_kbps": 5, "direction": "ingress"], "QoSRuleParameterConflict")
            _ = await rule(cloud, id, "minimum_packet_rate", ["min_kpps": 5, "direction": "any"])
            await refuse("minimum_packet_rate", ["min_kpps": 5], "QoSRuleParameterConflict")
            for (type, members): (String, JSONObject) in [
                ("dscp_marking", ["dscp_mark": 9]), ("bandwidth_limit", [:]), ("minimum_bandwidth", ["min_kbps": -1]),
                ("packet_rate_limit", ["max_kpps": 1, "direction": "any"]),
            ] {
                await cloud.send(
                    .post, "qos/policies/\(id)/\(type)_rules", Self.manager, .object(["\(type)_rule": .object(members)]),
                    expect: .badRequest)
            }
        }
    }

    @Test func rulesAreGovernedByTheirPolicysProject() async throws {
        try await TestCloud.with { cloud in
            let id = await policy(cloud)
            let limit = await rule(cloud, id, "bandwidth_limit", ["max_kbps": 1000])
            let (path, body): (String, JSON) = ("qos/policies/\(id)/bandwidth_limit_rules", ["bandwidth_limit_rule": ["max_kbps": 1]])
            await cloud.refuse(.post, path, TestCloud.alice, body, .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(
                .post, "qos/policies/none/bandwidth_limit_rules", TestCloud.alice, body, .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(
                .post, "qos/policies/none/bandwidth_limit_rules", TestCloud.admin, body, .notFound, "QosPolicyNotFound")
            await cloud.refuse(.put, "\(path)/\(limit.id)", TestCloud.alice, body, .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.put, "\(path)/\(limit.id)", TestCloud.bob, body, .notFound, "QosPolicyNotFound")
            await cloud.send(.put, "qos/policies/\(id)", TestCloud.admin, ["policy": ["shared": true]])
            #expect(await cloud.send(.get, path, TestCloud.bob)["bandwidth_limit_rules"] == [])
            await cloud.refuse(.put, "\(path)/\(limit.id)", TestCloud.bob, body, .notFound, "QosRuleNotFound")
        }
    }

    @Test func portsAndNetworksAreUnderPolicies() async throws {
        try await TestCloud.with { cloud in
            let (own, wide) = (await policy(cloud), await policy(cloud, TestCloud.admin, ["shared": true]))
            let network = await cloud.network(TestCloud.alice, ["qos_policy_id": .string(wide)])
            let port = await cloud.port(network, TestCloud.alice, ["qos_policy_id": .string(own)])
            #expect(port["qos_policy_id"]?.string == own && port["qos_network_policy_id"]?.string == wide)
            for id in [own, wide] { await cloud.refuse(.delete, "qos/policies/\(id)", TestCloud.admin, nil, .conflict, "QosPolicyInUse") }
            let limit = await rule(cloud, wide, "bandwidth_limit", ["max_kbps": 7], TestCloud.admin)
            let mark = await rule(cloud, own, "dscp_marking", ["dscp_mark": 8])
            let plain = await cloud.port(network)
            let ports = try await cloud.database.read { try PortRecords.find([port.id, plain.id], in: $0) }
            let rules = try await cloud.database.read { try EffectiveQoS.rules(ports: Array(ports.values), in: $0) }
            #expect(rules[port.id]?.map(\.id) == [mark.id] && rules[plain.id]?.map(\.id) == [limit.id])
            await cloud.send(.put, "ports/\(port.id)", TestCloud.alice, ["port": ["qos_policy_id": nil]])
            await cloud.send(.delete, "qos/policies/\(own)", Self.manager)
            await cloud.send(.put, "networks/\(network)", TestCloud.alice, ["network": ["qos_policy_id": nil]])
            #expect(await cloud.send(.get, "networks/\(network)")["network"]?["qos_policy_id"] == .null)
            await cloud.send(.delete, "qos/policies/\(wide)", TestCloud.admin)
            await cloud.refuse(
                .put, "ports/\(port.id)", TestCloud.alice, ["port": ["qos_policy_id": .string(own)]], .notFound, "QosPolicyNotFound")
        }
    }

    @Test func othersPoliciesCannotBeTakenOrTakenAway() async throws {
        try await TestCloud.with { cloud in
            let secret = await policy(cloud, TestCloud.admin)
            let network = await cloud.network()
            let body: JSON = ["network": ["qos_policy_id": .string(secret)]]
            await cloud.refuse(.put, "networks/\(network)", TestCloud.alice, body, .notFound, "QosPolicyNotFound")
            await cloud.send(.put, "networks/\(network)", TestCloud.admin, body)
            await cloud.refuse(
                .put, "networks/\(network)", TestCloud.alice, ["network": ["qos_policy_id": nil]], .forbidden,
                "PolicyRemoveAuthorizationError")
            #expect(await cloud.port(network)["qos_network_policy_id"]?.string == secret)
        }
    }

    @Test func newNetworksGetTheProjectsDefault() async throws {
        try await TestCloud.with { cloud in
            let id = await policy(cloud, Self.manager, ["is_default": true])
            await cloud.refuse(
                .post, "qos/policies", Self.manager, ["policy": ["is_default": true]], .conflict, "QoSPolicyDefaultAlreadyExists")
            let network = await cloud.network()
            #expect(await cloud.send(.get, "networks/\(network)")["network"]?["qos_policy_id"]?.string == id)
            await cloud.send(.put, "qos/policies/\(id)", Self.manager, ["policy": ["is_default": false]])
            let next = await cloud.network()
            #expect(await cloud.send(.get, "networks/\(next)")["network"]?["qos_policy_id"] == .null)
        }
    }

    @Test func floatingIPsAndGatewaysAreUnderPolicies() async throws {
        try await TestCloud.with { cloud in
            let external = await cloud.external()
            let id = await policy(cloud)
            let floating = await cloud.send(
                .post, "floatingips", TestCloud.alice,
                ["floatingip": ["floating_network_id": .string(external), "qos_policy_id": .string(id)]])["floatingip"] ?? .null
            #expect(floating["qos_policy_id"]?.string == id && floating["qos_network_policy_id"] == .null)
            let limit = await rule(cloud, id, "bandwidth_limit", ["max_kbps": 7])
            let floatingIP = try await cloud.database.read { try FloatingIPRecords.find(floating.id, in: $0) }
            let rules = try await cloud.database.read { try EffectiveQoS.rules(floatingIPs: [floatingIP].compactMap { $0 }, in: $0) }
            #expect(rules[floating.id]?.map(\.id) == [limit.id])
            let cleared = await cloud.send(
                .put, "floatingips/\(floating.id)", TestCloud.alice, ["floatingip": ["qos_policy_id": nil]])["floatingip"]
            #expect(cleared?["qos_policy_id"] == .null)
            let gateway: JSON = ["network_id": .string(external), "qos_policy_id": .string(id)]
            let router = await cloud.send(
                .post, "routers", TestCloud.alice, ["router": ["external_gateway_info": gateway]])["router"] ?? .null
            #expect(router["external_gateway_info"]?["qos_policy_id"]?.string == id)
            await cloud.refuse(.delete, "qos/policies/\(id)", Self.manager, nil, .conflict, "QosPolicyInUse")
            await cloud.send(.put, "routers/\(router.id)", TestCloud.alice, ["router": ["external_gateway_info": [:]]])
            await cloud.send(.delete, "qos/policies/\(id)", Self.manager)
        }
    }

    @Test func reservationsAreAskedOfPlacement() async throws {
        try await TestCloud.with { cloud in
            let id = await policy(cloud)
            let minimum = await rule(cloud, id, "minimum_bandwidth", ["min_kbps": 500])
            _ = await rule(cloud, id, "minimum_packet_rate", ["min_kpps": 3, "direction": "any"])
            let port = await cloud.port(await cloud.network(), TestCloud.alice, ["qos_policy_id": .string(id)])
            #expect(port["resource_request"] == nil)
            let request = await cloud.send(.get, "ports/\(port.id)", TestCloud.admin)["port"]?["resource_request"]
            let groups = request?["request_groups"]
            #expect(groups?[0]?["resources"] == ["NET_BW_EGR_KILOBIT_PER_SEC": 500])
            #expect(groups?[0]?["required"] == ["CUSTOM_NETWORK_TUNNEL_PROVIDER", "CUSTOM_VNIC_TYPE_NORMAL"])
            #expect(groups?[0]?.id == NamedIdentifier.make(namespace: port.id, name: minimum.id))
            #expect(groups?[1]?["resources"] == ["NET_PACKET_RATE_KILOPACKET_PER_SEC": 3])
            #expect(request?["same_subtree"]?.array?.count == 2)
            await cloud.send(
                .put, "ports/\(port.id)", TestCloud.admin, ["port": ["device_owner": "compute:nova"]])
            await cloud.send(
                .put, "qos/policies/\(id)/minimum_bandwidth_rules/\(minimum.id)", Self.manager,
                ["minimum_bandwidth_rule": ["min_kbps": 1]], expect: .notImplemented)
            let limit = await rule(cloud, id, "packet_rate_limit", ["max_kpps": 1])
            #expect(limit["max_kpps"] == 1)
            let plain = await cloud.port(await cloud.network())
            #expect(await cloud.send(.get, "ports/\(plain.id)", TestCloud.admin)["port"]?["resource_request"] == .null)
        }
    }

    @Test func identifiersOfNamesAreRFC9562s() {
        // The RFC's own example for version 5: www.example.com in the namespace of DNS.
        let id = NamedIdentifier.make(namespace: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", name: "www.example.com")
        #expect(id == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
    }

    @Test func typesOfRulesAreListed() async throws {
        try await TestCloud.with { cloud in
            let types = await cloud.send(.get, "qos/rule-types")["rule_types"]
            #expect(types?.array?.count == 5 && types?[0]?["drivers"] == nil)
            #expect(await cloud.send(.get, "qos/rule-types?all_rules=true")["rule_types"]?.array?.count == 5)
            await cloud.send(.get, "qos/rule-types/bandwidth_limit", expect: .forbidden)
            let shown = await cloud.send(.get, "qos/rule-types/dscp_marking", TestCloud.admin)["rule_type"]
            #expect(shown?["drivers"]?[0]?["supported_parameters"]?[0]?["parameter_values"]?.array?.count == 22)
            await cloud.send(.get, "qos/rule-types/colour", TestCloud.admin, expect: .notFound)
        }
    }
}
