import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct PortForwardingTests {
    /// A network of Alice's behind a router with a gateway, and a floating IP of hers.
    private struct Ground {
        var network: String
        var router: String
        var subnet: String
        var floatingIP: String
        var outside: String
        var forwardings: String { "floatingips/\(floatingIP)/port_forwardings" }
    }

    private func ground(_ cloud: TestCloud) async -> Ground {
        let outside = await cloud.external()
        let network = await cloud.network()
        let subnet = await cloud.subnet(network)
        let gateway: JSON = ["router": ["external_gateway_info": ["network_id": .string(outside)]]]
        let router = await cloud.send(.post, "routers", TestCloud.alice, gateway)["router"]?.id ?? ""
        await cloud.send(.put, "routers/\(router)/add_router_interface", TestCloud.alice, ["subnet_id": .string(subnet)])
        let floatingIP = await cloud.send(
            .post, "floatingips", TestCloud.alice, ["floatingip": ["floating_network_id": .string(outside)]])["floatingip"]
        return Ground(network: network, router: router, subnet: subnet, floatingIP: floatingIP?.id ?? "", outside: outside)
    }

    private func body(_ port: JSON, _ inner: Int, _ external: Int, _ more: JSONObject = [:]) -> JSON {
        var members: JSONObject = [
            "internal_port_id": .string(port.id), "internal_ip_address": .string(port.addresses.first ?? ""),
            "internal_port": .int(inner), "external_port": .int(external), "protocol": "tcp",
        ]
        for member in more { members[member.name] = member.value }
        return ["port_forwarding": .object(members)]
    }

    @Test func aForwardingLivesWithItsFloatingIP() async throws {
        try await TestCloud.with { cloud in
            let ground = await ground(cloud)
            let port = await cloud.port(ground.network)
            #expect(await cloud.send(.get, "floatingips/\(ground.floatingIP)")["floatingip"]?["port_forwardings"] == [])
            let made = await cloud.send(.post, ground.forwardings, TestCloud.alice, body(port, 1111, 2222))["port_forwarding"] ?? .null
            let address = port.addresses[0]
            #expect(made == [
                "id": .string(made.id), "internal_port_id": .string(port.id), "internal_ip_address": .string(address),
                "protocol": "tcp", "internal_port": 1111, "internal_port_range": "1111:1111", "external_port": 2222,
                "external_port_range": "2222:2222", "description": "",
            ])
            let shown = await cloud.send(.get, "floatingips/\(ground.floatingIP)")["floatingip"]
            #expect(shown?["port_forwardings"] == [[
                "id": .string(made.id), "protocol": "tcp", "internal_ip_address": .string(address),
                "internal_port_id": .string(port.id), "internal_port": 1111, "external_port": 2222,
            ]])
            #expect(shown?["status"] == "ACTIVE" && shown?["router_id"] == .string(ground.router) && shown?["port_id"] == .null)
            let item = "\(ground.forwardings)/\(made.id)"
            let changed = await cloud.send(.put, item, TestCloud.alice, ["port_forwarding": ["internal_port": 3333]])
            #expect(changed["port_forwarding"]?["internal_port"] == 3333 && changed["port_forwarding"]?["external_port"] == 2222)
            let mapping = PortForwardingMapping(
                id: made.id, ipProtocol: "tcp", externalIP: shown?["floating_ip_address"]?.string ?? "", externalPort: 2222,
                internalIP: address, internalPort: 3333)
            let routers = try await cloud.projectedRouters()
            #expect(routers.flatMap(\.forwardings) == [mapping])
            #expect(await cloud.send(.get, "\(ground.forwardings)?external_port=2222")["port_forwardings"]?.texts("id") == [made.id])
            await cloud.refuse(
                .delete, "floatingips/\(ground.floatingIP)", TestCloud.alice, nil, .conflict, "FipInUseByPortForwarding")
            await cloud.refuse(
                .put, "routers/\(ground.router)/remove_router_interface", TestCloud.alice,
                ["subnet_id": .string(ground.subnet)], .conflict, "RouterInterfaceInUseByFloatingIP")
            // Describing the floating IP leaves its router alone.
            await cloud.send(
                .put, "floatingips/\(ground.floatingIP)", TestCloud.alice, ["floatingip": ["description": "web"]])
            await cloud.send(.delete, item)
            await cloud.refuse(.get, item, TestCloud.alice, nil, .notFound, "PortForwardingNotFound")
            #expect(await cloud.send(.get, "floatingips/\(ground.floatingIP)")["floatingip"]?["status"] == "DOWN")
            await cloud.send(.delete, "floatingips/\(ground.floatingIP)")
        }
    }

    @Test func portsAreForwardedOnce() async throws {
        try await TestCloud.with { cloud in
            let ground = await ground(cloud)
            let (one, two) = (await cloud.port(ground.network), await cloud.port(ground.network))
            let path = ground.forwardings
            let made = await cloud.send(.post, path, TestCloud.alice, body(one, 1111, 2222))["port_forwarding"] ?? .null
            await cloud.refuse(.post, path, TestCloud.alice, body(two, 3333, 2222), .badRequest, "BadRequest")
            await cloud.refuse(.post, path, TestCloud.alice, body(one, 1111, 5555), .badRequest, "BadRequest")
            await cloud.send(.post, path, TestCloud.alice, body(one, 1111, 2222, ["protocol": "udp"]))
            let ranges: JSONObject = ["internal_port_range": "80:82", "external_port_range": "8080:8082"]
            let range = await cloud.send(.post, path, TestCloud.alice, body(two, 1, 1, ranges))["port_forwarding"]
            #expect(range?["external_port_range"] == "8080:8082" && range?["external_port"] == .null)
            await cloud.refuse(.post, path, TestCloud.alice, body(two, 90, 8081), .badRequest, "BadRequest")
            await cloud.refuse(
                .post, path, TestCloud.alice, body(two, 1, 1, ["internal_port_range": "90:92", "external_port_range": "90:91"]),
                .badRequest, "BadRequest")
            await cloud.send(
                .put, "\(path)/\(made.id)", TestCloud.alice, ["port_forwarding": ["external_port": 108343]], expect: .badRequest)
            await cloud.send(.post, path, TestCloud.alice, body(two, 444_444, 4444), expect: .badRequest)
            await cloud.send(.post, path, TestCloud.alice, body(two, 100, 100, ["protocol": "cat"]), expect: .badRequest)
            await cloud.refuse(.post, path, TestCloud.bob, body(two, 100, 100), .forbidden, "PolicyNotAuthorized")
            await cloud.refuse(.get, "\(path)/\(made.id)", TestCloud.bob, nil, .notFound, "PortForwardingNotFound")
            #expect(await cloud.send(.get, path, TestCloud.bob)["port_forwardings"] == [])
        }
    }

    @Test func forwardingsAndFloatingIPsExcludeEachOther() async throws {
        try await TestCloud.with { cloud in
            let ground = await ground(cloud)
            let (one, two) = (await cloud.port(ground.network), await cloud.port(ground.network))
            let whole: JSON = ["floatingip": ["floating_network_id": .string(ground.outside), "port_id": .string(one.id)]]
            let other = await cloud.send(.post, "floatingips", TestCloud.alice, whole)["floatingip"]?.id ?? ""
            await cloud.refuse(
                .post, "floatingips/\(other)/port_forwardings", TestCloud.alice, body(two, 1, 1), .conflict,
                "FloatingIPPortAlreadyAssociated")
            await cloud.refuse(
                .post, ground.forwardings, TestCloud.alice, body(one, 1, 1), .conflict, "PortHasBindingFloatingIP")
            await cloud.send(.post, ground.forwardings, TestCloud.alice, body(two, 1, 1))
            await cloud.refuse(
                .put, "floatingips/\(ground.floatingIP)", TestCloud.alice, ["floatingip": ["port_id": .string(one.id)]],
                .conflict, "FipInUseByPortForwarding")
            // Nothing leads to a port that is gone.
            await cloud.send(.delete, "ports/\(two.id)")
            #expect(await cloud.send(.get, ground.forwardings)["port_forwardings"] == [])
            #expect(await cloud.send(.get, "floatingips/\(ground.floatingIP)")["floatingip"]?["router_id"] == .null)
            let island = await cloud.network()
            _ = await cloud.subnet(island, "10.9.0.0/24")
            let lost = await cloud.port(island)
            await cloud.refuse(.post, ground.forwardings, TestCloud.alice, body(lost, 1, 1), .badRequest, "BadRequest")
        }
    }
}
