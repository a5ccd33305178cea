import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct FirewallTests {
    private func rule(_ cloud: TestCloud, _ members: JSONObject = ["action": "allow", "protocol": "tcp"]) async -> JSON {
        await cloud.send(.post, "fwaas/firewall_rules", TestCloud.alice, ["firewall_rule": .object(members)])["firewall_rule"] ?? .null
    }

    private func policy(_ cloud: TestCloud, _ rules: [JSON]) async -> JSON {
        let body: JSON = ["firewall_policy": ["name": "p", "firewall_rules": .array(rules.map { .string($0.id) })]]
        return await cloud.send(.post, "fwaas/firewall_policies", TestCloud.alice, body)["firewall_policy"] ?? .null
    }

    /// A port of Alice's router.
    private func interface(_ cloud: TestCloud, _ cidr: String = "10.0.0.0/24") async -> String {
        let network = await cloud.network()
        let subnet = await cloud.subnet(network, cidr)
        let router = await cloud.send(.post, "routers", TestCloud.alice, ["router": [:]])["router"]?.id ?? ""
        let info = await cloud.send(
            .put, "routers/\(router)/add_router_interface", TestCloud.alice, ["subnet_id": .string(subnet)])
        return info["port_id"]?.string ?? ""
    }

    @Test func rulesFitTogether() async throws {
        try await TestCloud.with { cloud in
            let made = await rule(cloud, [
                "name": "r", "protocol": "TCP", "destination_port": "80:90", "source_ip_address": "10.0.0.5", "action": "ALLOW",
            ])
            #expect(made["protocol"] == "tcp" && made["destination_port"] == "80:90" && made["action"] == "allow")
            #expect(made["source_ip_address"] == "10.0.0.5/32" && made["ip_version"] == 4 && made["enabled"] == true)
            #expect(made["firewall_policy_id"] == .null && made["revision_number"] == 1)
            let refused: [(JSONObject, String)] = [
                (["destination_port": "80"], "FirewallRuleWithPortWithoutProtocolInvalid"),
                (["destination_port": "80", "protocol": "icmp"], "FirewallRuleInvalidICMPParameter"),
                (["destination_port": "90:80", "protocol": "tcp"], "FirewallRuleInvalidPortValue"),
                (["source_ip_address": "fd00::/64"], "FirewallIpAddressConflict"),
            ]
            for (members, type) in refused {
                await cloud.refuse(
                    .post, "fwaas/firewall_rules", TestCloud.alice, ["firewall_rule": .object(members)], .badRequest, type)
            }
            await cloud.send(
                .post, "fwaas/firewall_rules", TestCloud.alice, ["firewall_rule": ["action": "shout"]], expect: .badRequest)
            let item = "fwaas/firewall_rules/\(made.id)"
            await cloud.refuse(
                .put, item, TestCloud.alice, ["firewall_rule": ["protocol": "icmp"]], .badRequest,
                "FirewallRuleInvalidICMPParameter")
            #expect(await cloud.send(.put, item, TestCloud.alice, ["firewall_rule": ["action": "deny"]])["firewall_rule"]?["action"] == "deny")
            await cloud.refuse(
                .put, item, TestCloud.alice, ["firewall_rule": ["shared": true]], .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.get, item, TestCloud.bob, nil, .notFound, "FirewallRuleNotFound")
            await cloud.send(.put, item, TestCloud.admin, ["firewall_rule": ["shared": true]])
            await cloud.send(.get, item, TestCloud.bob)
            await cloud.refuse(.delete, item, TestCloud.bob, nil, .forbidden, "PolicyNotAuthorized")
            await cloud.send(.delete, item)
        }
    }

    @Test func policiesKeepTheirRulesInOrder() async throws {
        try await TestCloud.with { cloud in
            let (one, two, three) = (await rule(cloud), await rule(cloud), await rule(cloud))
            let made = await policy(cloud, [one, two])
            #expect(made["firewall_rules"] == [.string(one.id), .string(two.id)] && made["audited"] == false)
            let item = "fwaas/firewall_policies/\(made.id)"
            let audited = await cloud.send(.put, item, TestCloud.alice, ["firewall_policy": ["audited": true]])["firewall_policy"]
            #expect(audited?["audited"] == true)
            func place(_ rule: JSON, _ more: JSONObject = [:]) -> JSON {
                var members: JSONObject = ["firewall_rule_id": .string(rule.id)]
                for member in more { members[member.name] = member.value }
                return .object(members)
            }
            var shown = await cloud.send(
                .put, "\(item)/insert_rule", TestCloud.alice, place(three, ["insert_after": .string(one.id)]))
            #expect(shown["firewall_rules"] == [.string(one.id), .string(three.id), .string(two.id)])
            #expect(shown["audited"] == false)
            await cloud.refuse(
                .put, "\(item)/insert_rule", TestCloud.alice, place(three), .conflict, "FirewallRuleAlreadyAssociated")
            await cloud.refuse(.put, "\(item)/insert_rule", TestCloud.alice, [:], .badRequest, "FirewallRuleInfoMissing")
            shown = await cloud.send(.put, "\(item)/remove_rule", TestCloud.alice, place(one))
            #expect(shown["firewall_rules"] == [.string(three.id), .string(two.id)])
            await cloud.refuse(
                .put, "\(item)/remove_rule", TestCloud.alice, place(one), .badRequest, "FirewallRuleNotAssociatedWithPolicy")
            await cloud.refuse(
                .delete, "fwaas/firewall_rules/\(two.id)", TestCloud.alice, nil, .conflict, "FirewallRuleInUse")
            await cloud.refuse(
                .put, item, TestCloud.admin, ["firewall_policy": ["shared": true]], .conflict, "FirewallPolicySharingConflict")
            #expect(await cloud.send(.get, "fwaas/firewall_rules/\(two.id)")["firewall_rule"]?["firewall_policy_id"] == [.string(made.id)])
            await cloud.send(.delete, item)
            await cloud.send(.delete, "fwaas/firewall_rules/\(two.id)")
        }
    }

    @Test func everyProjectHasADefaultGroup() async throws {
        try await TestCloud.with { cloud in
            let listed = await cloud.send(.get, "fwaas/firewall_groups")["firewall_groups"]
            #expect(listed?.texts("name") == ["default"])
            #expect(await cloud.send(.get, "fwaas/firewall_groups")["firewall_groups"] == listed)
            let group = listed?[0] ?? .null
            #expect(group["status"] == "INACTIVE" && group["ports"] == [])
            let policies = await cloud.send(.get, "fwaas/firewall_policies?sort_key=name&sort_dir=asc")["firewall_policies"]
            #expect(policies?.texts("name") == ["default egress", "default ingress"])
            #expect(await cloud.send(.get, "fwaas/firewall_rules?action=deny")["firewall_rules"]?.array?.count == 2)
            await cloud.refuse(
                .post, "fwaas/firewall_groups", TestCloud.alice, ["firewall_group": ["name": "default"]], .conflict,
                "FirewallDefaultParameterExists")
            let item = "fwaas/firewall_groups/\(group.id)"
            await cloud.refuse(
                .put, item, TestCloud.alice, ["firewall_group": ["description": "x"]], .conflict,
                "FirewallDefaultObjectUpdateRestricted")
            await cloud.refuse(.delete, item, TestCloud.alice, nil, .conflict, "FirewallGroupCannotRemoveDefault")
            await cloud.send(.delete, item, TestCloud.admin)
            #expect(await cloud.send(.get, "fwaas/firewall_groups", TestCloud.bob)["firewall_groups"]?.texts("project_id") == ["bob"])
        }
    }

    @Test func groupsGuardPorts() async throws {
        try await TestCloud.with { cloud in
            let (allow, deny) = (await rule(cloud), await rule(cloud, ["protocol": "udp"]))
            let (ingress, egress) = (await policy(cloud, [allow]), await policy(cloud, [deny]))
            let (one, two) = (await interface(cloud), await interface(cloud, "10.1.0.0/24"))
            let body: JSON = ["firewall_group": [
                "name": "g", "ports": [.string(one)], "ingress_firewall_policy_id": .string(ingress.id),
                "egress_firewall_policy_id": .string(egress.id),
            ]]
            let made = await cloud.send(.post, "fwaas/firewall_groups", TestCloud.alice, body)["firewall_group"] ?? .null
            #expect(made["status"] == "ACTIVE" && made["ports"] == [.string(one)])
            let item = "fwaas/firewall_groups/\(made.id)"
            #expect(await cloud.send(.get, item)["firewall_group"] == made)
            let effective = try await cloud.database.read { try FirewallGroupRecords.effective(ports: [one, two], in: $0) }
            #expect(effective[one]?.ingress.map(\.id) == [allow.id] && effective[one]?.egress.map(\.id) == [deny.id])
            #expect(effective[two] == nil)
            await cloud.send(.put, "fwaas/firewall_rules/\(allow.id)", TestCloud.alice, ["firewall_rule": ["enabled": false]])
            let later = try await cloud.database.read { try FirewallGroupRecords.effective(ports: [one], in: $0) }
            #expect(later[one]?.ingress == [] && later[one]?.isAdminUp == true)
            await cloud.refuse(
                .post, "fwaas/firewall_groups", TestCloud.alice, ["firewall_group": ["ports": [.string(one)]]], .conflict,
                "FirewallGroupPortInUse")
            let plain = await cloud.port(await cloud.network())
            await cloud.refuse(
                .post, "fwaas/firewall_groups", TestCloud.alice, ["firewall_group": ["ports": [.string(plain.id)]]], .conflict,
                "FirewallGroupPortInvalid")
            await cloud.refuse(
                .post, "fwaas/firewall_groups", TestCloud.bob, ["firewall_group": ["ports": [.string(two)]]], .notFound,
                "PortNotFound")
            await cloud.refuse(
                .delete, "fwaas/firewall_policies/\(ingress.id)", TestCloud.alice, nil, .conflict, "FirewallPolicyInUse")
            await cloud.refuse(.delete, item, TestCloud.alice, nil, .conflict, "FirewallGroupInUse")
            let moved = await cloud.send(.put, item, TestCloud.alice, ["firewall_group": ["ports": [.string(two)]]])
            #expect(moved["firewall_group"]?["ports"] == [.string(two)])
            #expect(await cloud.send(.get, "fwaas/firewall_groups?ports=\(two)")["firewall_groups"]?.texts("id") == [made.id])
            let down = await cloud.send(.put, item, TestCloud.alice, ["firewall_group": ["admin_state_up": false]])
            #expect(down["firewall_group"]?["status"] == "DOWN")
            await cloud.send(.put, item, TestCloud.alice, ["firewall_group": ["ports": []]])
            await cloud.send(.delete, item)
        }
    }

    @Test func firewallsAreCounted() async throws {
        try await TestCloud.with { cloud in
            await cloud.send(.put, "quotas/alice", TestCloud.admin, ["quota": ["firewall_rule": 1, "firewall_group": 0]])
            _ = await rule(cloud)
            await cloud.refuse(.post, "fwaas/firewall_rules", TestCloud.alice, ["firewall_rule": [:]], .conflict, "OverQuota")
            await cloud.refuse(.post, "fwaas/firewall_groups", TestCloud.alice, ["firewall_group": [:]], .conflict, "OverQuota")
            let details = await cloud.send(.get, "quotas/alice/details.json")["quota"]?["firewall_rule"]
            #expect(details == ["limit": 1, "used": 1, "reserved": 0])
        }
    }
}
