import CloudAPI
import CloudCore
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct SharingTests {
    private static let carolID = "c0000000-0000-4000-8000-000000000000"
    private static let daveID = "d0000000-0000-4000-8000-000000000000"
    private static let carol = "\(carolID):member,reader"
    private static let dave = "\(daveID):member,reader"

    private func share(
        _ cloud: TestCloud, _ object: String, with target: String, _ token: String = TestCloud.alice,
        action: String = "access_as_shared", expect status: HTTPResponse.Status? = nil, at location: SourceLocation = #_sourceLocation
    ) async -> JSON {
        let body: JSON = [
            "rbac_policy": [
                "object_type": "network", "object_id": .string(object), "target_tenant": .string(target), "action": .string(action),
            ],
        ]
        return await cloud.send(.post, "rbac-policies", token, body, expect: status, at: location)["rbac_policy"] ?? .null
    }

    @Test func aPolicyOpensANetworkToItsTargetOnly() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let subnet = await cloud.subnet(network)
            await cloud.refuse(.get, "networks/\(network)", Self.carol, nil, .notFound, "NetworkNotFound")
            let policy = await share(cloud, network, with: Self.carolID)
            #expect(policy["target_tenant"] == .string(Self.carolID) && policy["object_type"] == "network")
            #expect(policy["project_id"] == "alice" && policy["action"] == "access_as_shared")
            // Shared is what is shared with the one who asks.
            #expect(await cloud.send(.get, "networks/\(network)", Self.carol)["network"]?["shared"] == true)
            #expect(await cloud.send(.get, "networks/\(network)")["network"]?["shared"] == false)
            #expect(await cloud.send(.get, "networks?shared=true", Self.carol)["networks"]?.texts("id") == [network])
            #expect(await cloud.send(.get, "networks?shared=true")["networks"] == [])
            #expect(await cloud.send(.get, "subnets", Self.carol)["subnets"]?.texts("id") == [subnet])
            await cloud.refuse(.get, "networks/\(network)", Self.dave, nil, .notFound, "NetworkNotFound")
            await cloud.refuse(.get, "subnets/\(subnet)", Self.dave, nil, .notFound, "SubnetNotFound")
            #expect(await cloud.send(.get, "networks", Self.dave)["networks"] == [])
            // The policy is its owner's: its target does not see it.
            #expect(await cloud.send(.get, "rbac-policies")["rbac_policies"] == [policy])
            #expect(await cloud.send(.get, "rbac-policies", Self.carol)["rbac_policies"] == [])
            await cloud.refuse(.get, "rbac-policies/\(policy.id)", Self.carol, nil, .notFound, "RbacPolicyNotFound")
        }
    }

    @Test func sharedMakesAPolicyForEveryone() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network(TestCloud.admin, ["shared": true])
            let policies = await cloud.send(.get, "rbac-policies", TestCloud.admin)["rbac_policies"]
            #expect(policies?.texts("target_tenant") == ["*"] && policies?.texts("object_id") == [network])
            await cloud.send(.put, "networks/\(network)", TestCloud.admin, ["network": ["shared": false]])
            #expect(await cloud.send(.get, "rbac-policies", TestCloud.admin)["rbac_policies"] == [])
            _ = await share(cloud, network, with: "*", TestCloud.admin)
            let shown = await cloud.send(.get, "networks/\(network)")["network"]
            #expect(shown?["shared"] == true)
            await cloud.send(.delete, "networks/\(network)", TestCloud.admin)
            #expect(await cloud.send(.get, "rbac-policies", TestCloud.admin)["rbac_policies"] == [])
        }
    }

    @Test func whatIsUsedStaysShared() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let policy = await share(cloud, network, with: Self.carolID)
            let port = await cloud.port(network, Self.carol)
            await cloud.refuse(.delete, "rbac-policies/\(policy.id)", TestCloud.alice, nil, .conflict, "RbacPolicyInUse")
            let moved: JSON = ["rbac_policy": ["target_tenant": .string(Self.daveID)]]
            await cloud.refuse(.put, "rbac-policies/\(policy.id)", TestCloud.alice, moved, .conflict, "RbacPolicyInUse")
            // The network's owner may delete the port.
            await cloud.send(.delete, "ports/\(port.id)")
            #expect(
                await cloud.send(.put, "rbac-policies/\(policy.id)", TestCloud.alice, moved)["rbac_policy"]?["target_tenant"]
                    == .string(Self.daveID))
            await cloud.send(.delete, "rbac-policies/\(policy.id)")
            await cloud.refuse(.get, "networks/\(network)", Self.dave, nil, .notFound, "NetworkNotFound")
        }
    }

    @Test func aPolicyForEveryoneIsNeededByThoseWithoutTheirOwn() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network(TestCloud.admin, ["shared": true])
            _ = await cloud.port(network, Self.carol)
            await cloud.refuse(
                .put, "networks/\(network)", TestCloud.admin, ["network": ["shared": false]], .conflict, "InvalidSharedSetting")
            _ = await share(cloud, network, with: Self.carolID, TestCloud.admin)
            await cloud.send(.put, "networks/\(network)", TestCloud.admin, ["network": ["shared": false]])
            await cloud.send(.get, "networks/\(network)", Self.carol)
            await cloud.refuse(.get, "networks/\(network)", Self.dave, nil, .notFound, "NetworkNotFound")
        }
    }

    @Test func policiesAreChecked() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            _ = await share(cloud, network, with: Self.carolID)
            _ = await share(cloud, network, with: Self.carolID, expect: .conflict)
            _ = await share(cloud, network, with: "*", expect: .forbidden)
            _ = await share(cloud, network, with: "somebody", expect: .badRequest)
            _ = await share(cloud, network, with: Self.daveID, action: "access_as_owner", expect: .badRequest)
            // A target may not pass on what is another's.
            _ = await share(cloud, network, with: Self.daveID, Self.carol, expect: .badRequest)
            _ = await share(cloud, "00000000-0000-4000-8000-000000000000", with: Self.daveID, expect: .badRequest)
            let policy = await cloud.send(.get, "rbac-policies")["rbac_policies"]?.array?.first ?? .null
            let everyone: JSON = ["rbac_policy": ["target_tenant": "*"]]
            await cloud.refuse(.put, "rbac-policies/\(policy.id)", TestCloud.alice, everyone, .forbidden, "PolicyNotAuthorized")
            #expect(await cloud.send(.get, "rbac-policies?target_tenant=\(Self.daveID)")["rbac_policies"] == [])
            #expect(
                await cloud.send(.get, "rbac-policies?fields=object_type&fields=object_id")["rbac_policies"]
                    == [["object_type": "network", "object_id": .string(network)]])
        }
    }

    @Test func policiesHaveAQuota() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            for number in 0..<10 {
                _ = await share(cloud, network, with: "c0000000-0000-4000-8000-00000000000\(number)")
            }
            _ = await share(cloud, network, with: Self.daveID, expect: .conflict)
            #expect(await cloud.send(.get, "quotas/alice")["quota"]?["rbac_policy"] == 10)
        }
    }

    @Test func aPolicyMakesANetworkExternal() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network(TestCloud.admin)
            _ = await cloud.subnet(network, "198.51.100.0/24", TestCloud.admin)
            let policy = await share(cloud, network, with: Self.carolID, TestCloud.admin, action: "access_as_external")
            #expect(await cloud.send(.get, "networks/\(network)", Self.carol)["network"]?["router:external"] == true)
            await cloud.refuse(.get, "networks/\(network)", Self.dave, nil, .notFound, "NetworkNotFound")
            #expect(await cloud.send(.get, "networks", Self.dave)["networks"] == [])
            let gateway: JSON = ["router": ["external_gateway_info": ["network_id": .string(network)]]]
            await cloud.send(.post, "routers", Self.dave, gateway, expect: .notFound)
            let router = await cloud.send(.post, "routers", Self.carol, gateway)["router"] ?? .null
            await cloud.refuse(.delete, "rbac-policies/\(policy.id)", TestCloud.admin, nil, .conflict, "RbacPolicyInUse")
            await cloud.send(.delete, "routers/\(router.id)", Self.carol)
            await cloud.send(.delete, "rbac-policies/\(policy.id)", TestCloud.admin)
            #expect(await cloud.send(.get, "networks/\(network)", TestCloud.admin)["network"]?["router:external"] == false)
        }
    }
}
