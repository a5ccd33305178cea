import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

/// Private networks and the roles of their ports, as upstream's extension `pvlan` has them.
@Suite(.timeLimit(.minutes(3))) struct PrivateVLANTests {
    private func network(_ cloud: TestCloud, _ members: JSONObject = ["pvlan": true]) async -> String {
        let made = await cloud.send(.post, "networks", TestCloud.alice, ["network": .object(members)])["network"]?.id ?? ""
        await cloud.send(
            .post, "subnets", TestCloud.alice, ["subnet": ["network_id": .string(made), "ip_version": 4, "cidr": "10.0.0.0/24"]])
        return made
    }

    private func port(_ cloud: TestCloud, _ network: String, _ members: JSONObject = [:]) async -> JSON {
        var members = members
        members["network_id"] = .string(network)
        return await cloud.send(.post, "ports", TestCloud.alice, ["port": .object(members)])["port"] ?? .null
    }

    @Test func portsHaveRoles() async throws {
        try await TestCloud.with { cloud in
            let network = await network(cloud)
            #expect(await cloud.send(.get, "networks")["networks"]?[0]?["pvlan"] == true)
            let open = await port(cloud, network)
            #expect(open["pvlan_type"] == "promiscuous" && open["pvlan_community"] == .null)
            let alone = await port(cloud, network, ["pvlan_type": "isolated"])
            #expect(alone["pvlan_type"] == "isolated")
            let web = await port(cloud, network, ["pvlan_type": "community", "pvlan_community": "web"])
            #expect(web["pvlan_community"] == "web")
            let moved = await cloud.send(
                .put, "ports/\(alone.id)", TestCloud.alice, ["port": ["pvlan_type": "community", "pvlan_community": "db"]])["port"]
            #expect(moved?["pvlan_type"] == "community" && moved?["pvlan_community"] == "db")
            // The name stays while nothing is said of it, and goes with the type.
            let named = await cloud.send(.put, "ports/\(alone.id)", TestCloud.alice, ["port": ["name": "x"]])["port"]
            #expect(named?["pvlan_community"] == "db")
            let back = await cloud.send(.put, "ports/\(alone.id)", TestCloud.alice, ["port": ["pvlan_type": "isolated"]])["port"]
            #expect(back?["pvlan_community"] == .null)
            #expect(await cloud.send(.get, "ports?pvlan_type=community")["ports"]?.texts("id") == [web.id])
            await cloud.send(.put, "networks/\(network)", TestCloud.alice, ["network": ["pvlan": false]])
            #expect(await cloud.send(.get, "ports/\(web.id)")["port"]?["pvlan_type"] == .null)
        }
    }

    @Test func rolesNeedAPrivateNetworkAndPortSecurity() async throws {
        try await TestCloud.with { cloud in
            let plain = await network(cloud, [:])
            func refuse(_ network: String, _ members: JSONObject, _ type: String) async {
                var members = members
                members["network_id"] = .string(network)
                await cloud.refuse(.post, "ports", TestCloud.alice, ["port": .object(members)], .badRequest, type)
            }
            await refuse(plain, ["pvlan_type": "isolated"], "PVLANNotEnabledOnNetwork")
            await refuse(plain, ["pvlan_community": "a"], "PVLANNotEnabledOnNetwork")
            let closed = await network(cloud)
            await refuse(closed, ["pvlan_type": "community"], "PVLANCommunityNameRequired")
            await refuse(closed, ["pvlan_type": "isolated", "pvlan_community": "a"], "PVLANCannotSetCommunityName")
            await refuse(closed, ["port_security_enabled": false], "PVLANPortSecurityDisabled")
            for name in ["", "1a", "a b"] {
                await refuse(closed, ["pvlan_type": "community", "pvlan_community": .string(name)], "HTTPBadRequest")
            }
            await refuse(closed, ["pvlan_type": "public"], "HTTPBadRequest")
            await cloud.refuse(
                .post, "networks", TestCloud.alice, ["network": ["pvlan": true, "port_security_enabled": false]], .badRequest,
                "PVLANNetworkPortSecurityDisabled")
            _ = await port(cloud, plain, ["port_security_enabled": false])
            await cloud.refuse(
                .put, "networks/\(plain)", TestCloud.alice, ["network": ["pvlan": true]], .badRequest, "PVLANPortSecurityDisabled")
        }
    }

    @Test func theDataPlaneLearnsWhoIsKeptApart() async throws {
        try await TestCloud.with { cloud in
            try await cloud.reconciling {
                let network = await network(cloud)
                let alone = await port(cloud, network, ["pvlan_type": "isolated"])
                let pair: JSON = ["mac_address": "fa:16:3e:00:00:01", "ip_address": "10.0.0.200"]
                let web = await port(
                    cloud, network, ["pvlan_type": "community", "pvlan_community": "web", "allowed_address_pairs": [pair]])
                let open = await port(cloud, network)
                try await cloud.settled()
                let separation = cloud.plane.network(network)?.separation
                #expect(separation?.isolated == [alone["mac_address"]?.string ?? ""])
                #expect(separation?.communities["web"]?.sorted() == ["fa:16:3e:00:00:01", web["mac_address"]?.string ?? ""].sorted())
                #expect(cloud.plane.port(web.id)?.isolation == .community("web"))
                #expect(cloud.plane.port(open.id)?.isolation == nil)
                await cloud.send(.delete, "ports/\(alone.id)")
                await cloud.send(.put, "ports/\(web.id)", TestCloud.alice, ["port": ["pvlan_type": "promiscuous"]])
                try await cloud.settled()
                #expect(cloud.plane.network(network)?.separation == PortSeparation(isolated: [], communities: [:]))
                #expect(cloud.plane.port(web.id)?.isolation == nil)
            }
        }
    }
}
