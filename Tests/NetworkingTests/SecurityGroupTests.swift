import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct SecurityGroupTests {
    private func group(_ cloud: TestCloud, _ token: String = TestCloud.alice, _ members: JSONObject = [:]) async -> JSON {
        var group: JSONObject = ["name": "g"]
        for member in members { group[member.name] = member.value }
        return await cloud.send(.post, "security-groups", token, ["security_group": .object(group)])["security_group"] ?? .null
    }

    private func rule(_ group: String, _ members: JSONObject) -> JSON {
        var rule: JSONObject = ["security_group_id": .string(group), "direction": "ingress"]
        for member in members { rule[member.name] = member.value }
        return ["security_group_rule": .object(rule)]
    }

    @Test func portsAreCheckedAsNeutronDoes() async throws {
        try await TestCloud.with { cloud in
            let id = await group(cloud).id
            let wrong: [(JSONObject, String, String)] = [
                (["protocol": "tcp", "port_range_min": -16, "port_range_max": 80], "SecurityGroupInvalidPortValue", "port -16"),
                (["protocol": "tcp", "port_range_min": 80, "port_range_max": 65536], "SecurityGroupInvalidPortValue", "port 65536"),
                (["protocol": "tcp", "port_range_min": 80, "port_range_max": 79], "SecurityGroupInvalidPortRange", "<= port_range_max"),
                (["protocol": "icmp", "port_range_min": 1, "port_range_max": 256], "SecurityGroupInvalidIcmpValue", "for ICMP code"),
                (["protocol": "icmp", "port_range_max": 6], "SecurityGroupMissingIcmpType", "(port-range-min) is missing"),
                (["port_range_min": 1, "port_range_max": 2], "SecurityGroupProtocolRequiredWithPorts", "protocol"),
                (["protocol": "tcp", "ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"],
                 "SecurityGroupRuleParameterConflict", "Conflicting value ethertype IPv6"),
            ]
            for (members, type, words) in wrong {
                let answer = await cloud.send(
                    .post, "security-group-rules", TestCloud.alice, rule(id, members), expect: .badRequest)
                #expect(answer["NeutronError"]?["type"]?.string == type, "\(members)")
                #expect(answer["NeutronError"]?["message"]?.string?.contains(words) == true, "\(answer)")
            }
        }
    }

    @Test func rulesMayNameAddressGroups() async throws {
        try await TestCloud.with { cloud in
            try await cloud.reconciling {
                let addresses: JSON = ["10.1.0.0/16", "10.2.0.1/32", "2001:db8::/32"]
                let made = await cloud.send(
                    .post, "address-groups", TestCloud.alice, ["address_group": ["name": "a", "addresses": addresses]])
                let (addressGroup, id) = (made["address_group"]?.id ?? "", await group(cloud).id)
                await cloud.send(
                    .post, "security-group-rules", TestCloud.alice, rule(id, ["remote_address_group_id": .string(addressGroup)]))
                try await cloud.settled()
                func ranges() -> [String] { (cloud.plane.group(id)?.rules ?? []).compactMap(\.remoteCIDR).sorted() }
                #expect(ranges() == ["10.1.0.0/16", "10.2.0.1/32"])
                await cloud.send(
                    .put, "address-groups/\(addressGroup)/remove_addresses", TestCloud.alice, ["addresses": ["10.1.0.0/16"]])
                try await cloud.settled()
                #expect(ranges() == ["10.2.0.1/32"])
                await cloud.refuse(.delete, "address-groups/\(addressGroup)", TestCloud.alice, nil, .conflict, "AddressGroupInUse")
                let other = rule(id, ["remote_address_group_id": .string(addressGroup), "remote_ip_prefix": "10.0.0.0/8"])
                await cloud.refuse(
                    .post, "security-group-rules", TestCloud.alice, other, .badRequest, "SecurityGroupMultipleRemoteEntites")
            }
        }
    }

    @Test func addressGroupsAreChangedRangeByRange() async throws {
        try await TestCloud.with { cloud in
            let made = await cloud.send(
                .post, "address-groups", TestCloud.alice, ["address_group": ["addresses": ["10.0.0.5/24", "10.0.0.0/24"]]])
            #expect(made["address_group"]?["addresses"] == ["10.0.0.0/24"])
            let path = "address-groups/\(made["address_group"]?.id ?? "")"
            let added = await cloud.send(.put, "\(path)/add_addresses", TestCloud.alice, ["addresses": ["10.0.1.1/32"]])
            #expect(added["address_group"]?["addresses"] == ["10.0.0.0/24", "10.0.1.1/32"])
            #expect(added["address_group"]?["revision_number"] == 2)
            await cloud.refuse(
                .put, "\(path)/add_addresses", TestCloud.alice, ["addresses": ["10.0.1.1/32"]], .badRequest, "AddressesAlreadyExist")
            await cloud.refuse(
                .put, "\(path)/remove_addresses", TestCloud.alice, ["addresses": ["10.0.9.0/24"]], .notFound, "AddressesNotFound")
            await cloud.refuse(.put, "\(path)/add_addresses", TestCloud.alice, ["addresses": ["nowhere"]], .badRequest, "HTTPBadRequest")
            await cloud.refuse(.get, path, TestCloud.bob, nil, .notFound, "AddressGroupNotFound")
            await cloud.send(.delete, path)
        }
    }

    @Test func newGroupsBeginWithTheTemplates() async throws {
        try await TestCloud.with { cloud in
            #expect(await cloud.send(.get, "default-security-group-rules")["default_security_group_rules"]?.array?.count == 4)
            let template: JSON = ["default_security_group_rule": ["direction": "ingress", "protocol": "tcp",
                                                                  "port_range_min": 22, "port_range_max": 22]]
            await cloud.refuse(
                .post, "default-security-group-rules", TestCloud.alice, template, .forbidden, "PolicyNotAuthorized")
            let made = await cloud.send(.post, "default-security-group-rules", TestCloud.admin, template)
            await cloud.refuse(
                .post, "default-security-group-rules", TestCloud.admin, template, .conflict, "DefaultSecurityGroupRuleExists")
            let rules = await group(cloud)["security_group_rules"]?.array ?? []
            #expect(rules.count == 3 && rules.contains { $0["port_range_min"] == 22 })
            let groups = await cloud.send(.get, "security-groups?name=default")["security_groups"]?.array ?? []
            #expect(groups.first?["security_group_rules"]?.array?.count == 4)
            let id = made["default_security_group_rule"]?.id ?? ""
            await cloud.send(.delete, "default-security-group-rules/\(id)", TestCloud.admin)
            await cloud.refuse(
                .delete, "default-security-group-rules/\(id)", TestCloud.admin, nil, .notFound, "DefaultSecurityGroupRuleNotFound")
            #expect(await group(cloud)["security_group_rules"]?.array?.count == 2)
        }
    }

    @Test func statefulnessHasADefault() async throws {
        try await TestCloud.with { cloud in
            let path = "security-groups-default-statefulness"
            let name = "security_groups_default_statefulness"
            await cloud.send(.post, path, TestCloud.admin, [name: ["project_id": .null, "stateful": false]])
            #expect(await group(cloud)["stateful"] == false)
            let own = await cloud.send(.post, path, TestCloud.admin, [name: ["project_id": "alice", "stateful": true]])
            #expect(await group(cloud)["stateful"] == true)
            #expect(await group(cloud, TestCloud.alice, ["stateful": false])["stateful"] == false)
            await cloud.refuse(
                .post, path, TestCloud.admin, [name: ["project_id": "alice"]], .conflict,
                "SecurityGroupDefaultStatefulnessAlreadyExists")
            #expect(await cloud.send(.get, path)[name]?.texts("project_id") == ["alice"])
            let id = own[name]?.id ?? ""
            await cloud.refuse(.delete, "\(path)/\(id)", TestCloud.alice, nil, .forbidden, "PolicyNotAuthorized")
            await cloud.send(.delete, "\(path)/\(id)", TestCloud.admin)
        }
    }

    @Test func groupsAreSharedWithProjects() async throws {
        let otherID = "b0000000-0000-4000-8000-000000000000"
        let other = "\(otherID):member,reader"
        try await TestCloud.with { cloud in
            let id = await group(cloud).id
            await cloud.refuse(.get, "security-groups/\(id)", other, nil, .notFound, "SecurityGroupNotFound")
            let network = await cloud.network(other)
            let port: JSON = ["port": ["network_id": .string(network), "security_groups": [.string(id)]]]
            await cloud.refuse(.post, "ports", other, port, .notFound, "SecurityGroupNotFound")
            let policy: JSONObject = [
                "object_type": "security_group", "object_id": .string(id), "action": "access_as_shared", "target_tenant": .string(otherID),
            ]
            let made = await cloud.send(.post, "rbac-policies", TestCloud.alice, ["rbac_policy": .object(policy)])
            let shown = await cloud.send(.get, "security-groups/\(id)", other)
            #expect(shown["security_group"]?["shared"] == true)
            #expect(await cloud.send(.get, "security-groups?shared=true", other)["security_groups"]?.texts("id") == [id])
            await cloud.refuse(
                .put, "security-groups/\(id)", other, ["security_group": ["name": "x"]], .forbidden, "PolicyNotAuthorized")
            await cloud.send(.post, "ports", other, port)
            await cloud.send(
                .delete, "rbac-policies/\(made["rbac_policy"]?.id ?? "")", TestCloud.alice, expect: .conflict)
        }
    }

    @Test func packetLogsGoWithTheirGroups() async throws {
        try await TestCloud.with { cloud in
            let id = await group(cloud, TestCloud.admin).id
            let log: JSON = ["log": ["resource_type": "security_group", "resource_id": .string(id), "event": "DROP"]]
            await cloud.refuse(.post, "log/logs", TestCloud.alice, log, .forbidden, "PolicyNotAuthorized")
            let made = await cloud.send(.post, "log/logs", TestCloud.admin, log)["log"] ?? .null
            #expect(made["enabled"] == true && made["event"] == "DROP" && made["target_id"] == .null)
            let changed = await cloud.send(.put, "log/logs/\(made.id)", TestCloud.admin, ["log": ["enabled": false]])["log"]
            #expect(changed?["enabled"] == false && changed?["revision_number"] == 2)
            let wrong: JSON = ["log": ["resource_type": "weather"]]
            await cloud.refuse(.post, "log/logs", TestCloud.admin, wrong, .badRequest, "InvalidLogResourceType")
            let types = await cloud.send(.get, "log/loggable-resources", TestCloud.admin)["loggable_resources"]
            #expect(types?.texts("type") == ["security_group"])
            await cloud.send(.delete, "security-groups/\(id)", TestCloud.admin)
            await cloud.refuse(.get, "log/logs/\(made.id)", TestCloud.admin, nil, .notFound, "LogResourceNotFound")
        }
    }

    @Test func logsReachTheDataPlane() async throws {
        try await TestCloud.with { cloud in
            try await cloud.reconciling {
                let group: JSON = ["security_group": ["name": "watched"]]
                let id = await cloud.send(.post, "security-groups", TestCloud.alice, group)["security_group"]?.id ?? ""
                let port = await cloud.port(await cloud.network(), TestCloud.alice, ["security_groups": [.string(id)]]).id
                func expectLogged(_ wanted: LoggedPackets?, at location: SourceLocation = #_sourceLocation) async throws {
                    try await cloud.settled()
                    let found = cloud.plane.group(id)?.logged
                    #expect(found == wanted, sourceLocation: location)
                }
                try await expectLogged(nil)
                // A log of a port's packets is one of its groups'.
                let log: JSON = ["log": ["resource_type": "security_group", "target_id": .string(port), "event": "DROP"]]
                let made = await cloud.send(.post, "log/logs", TestCloud.admin, log)["log"]?.id ?? ""
                try await expectLogged(LoggedPackets(admitted: false, dropped: true))
                await cloud.send(.put, "log/logs/\(made)", TestCloud.admin, ["log": ["enabled": false]])
                try await expectLogged(nil)
                await cloud.send(.put, "log/logs/\(made)", TestCloud.admin, ["log": ["enabled": true]])
                await cloud.send(.put, "ports/\(port)", TestCloud.alice, ["port": ["security_groups": []]])
                try await expectLogged(nil)
                await cloud.send(.put, "ports/\(port)", TestCloud.alice, ["port": ["security_groups": [.string(id)]]])
                try await expectLogged(LoggedPackets(admitted: false, dropped: true))
                await cloud.send(.delete, "ports/\(port)")
                try await expectLogged(nil)
            }
        }
    }
}
