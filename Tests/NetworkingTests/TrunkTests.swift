import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct TrunkTests {
    private func subport(_ port: JSON, _ tag: Int) -> JSON {
        ["port_id": .string(port.id), "segmentation_type": "vlan", "segmentation_id": .int(tag)]
    }

    private func trunk(_ cloud: TestCloud, _ parent: JSON, _ subports: [JSON] = []) async -> JSON {
        let body: JSON = ["trunk": ["port_id": .string(parent.id), "sub_ports": .array(subports)]]
        return await cloud.send(.post, "trunks", TestCloud.alice, body)["trunk"] ?? .null
    }

    @Test func aTrunkCarriesPorts() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let (parent, first, second) = (await cloud.port(network), await cloud.port(network), await cloud.port(network))
            let made = await trunk(cloud, parent, [subport(first, 10)])
            #expect(made["status"] == "ACTIVE" && made["sub_ports"] == [subport(first, 10)] && made["admin_state_up"] == true)
            #expect(await cloud.send(.get, "trunks/\(made.id)")["trunk"] == made)
            let grown = await cloud.send(
                .put, "trunks/\(made.id)/add_subports", TestCloud.alice, ["sub_ports": [subport(second, 20)]])
            #expect(grown["sub_ports"] == [subport(first, 10), subport(second, 20)] && grown.id == made.id)
            #expect(await cloud.send(.get, "trunks/\(made.id)/get_subports")["sub_ports"] == grown["sub_ports"])
            let details = await cloud.send(.get, "ports/\(parent.id)")["port"]?["trunk_details"]
            #expect(details?["trunk_id"]?.string == made.id)
            #expect(details?["sub_ports"]?.texts("mac_address").first == first["mac_address"]?.string)
            #expect(await cloud.send(.get, "ports/\(first.id)")["port"]?["device_owner"] == "trunk:subport")
            let carriers = try await cloud.database.read { try TrunkRecords.carriers(of: [first.id, second.id], in: $0) }
            #expect(carriers[first.id]?.parentID == parent.id && carriers[second.id]?.tag == 20)
            for port in [parent, first] {
                await cloud.send(.delete, "ports/\(port.id)", expect: .conflict)
            }
            let shrunk = await cloud.send(
                .put, "trunks/\(made.id)/remove_subports", TestCloud.alice, ["sub_ports": [["port_id": .string(first.id)]]])
            #expect(shrunk["sub_ports"] == [subport(second, 20)])
            #expect(await cloud.send(.get, "ports/\(first.id)")["port"]?["device_owner"] == "")
            await cloud.send(.delete, "trunks/\(made.id)")
            await cloud.send(.delete, "ports/\(second.id)")
            await cloud.send(.delete, "ports/\(parent.id)")
        }
    }

    @Test func subportsAreWhereTheirParentIs() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let (parent, child, late) = (await cloud.port(network), await cloud.port(network), await cloud.port(network))
            let made = await trunk(cloud, parent, [subport(child, 10)])
            await cloud.send(.put, "ports/\(parent.id)", TestCloud.admin, ["port": ["binding:host_id": "h1"]])
            try await cloud.database.write { transaction in
                _ = try PortRecords.setStatus(parent.id, host: "h1", .active, in: transaction)
                try TrunkRecords.settleSubports(of: parent.id, in: transaction)
            }
            await cloud.send(.put, "trunks/\(made.id)/add_subports", TestCloud.alice, ["sub_ports": [subport(late, 20)]])
            for port in [child, late] {
                let shown = await cloud.send(.get, "ports/\(port.id)", TestCloud.admin)["port"]
                #expect(shown?["status"] == "ACTIVE" && shown?["binding:host_id"] == "h1")
            }
            await cloud.send(
                .put, "trunks/\(made.id)/remove_subports", TestCloud.alice, ["sub_ports": [["port_id": .string(child.id)]]])
            let shown = await cloud.send(.get, "ports/\(child.id)", TestCloud.admin)["port"]
            #expect(shown?["status"] == "DOWN" && shown?["binding:host_id"] == "")
        }
    }

    @Test func subportsMustFit() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let (parent, port, other) = (await cloud.port(network), await cloud.port(network), await cloud.port(network))
            let made = await trunk(cloud, parent, [subport(port, 10)])
            let add = "trunks/\(made.id)/add_subports"
            func refuse(_ subports: JSON, _ status: HTTPResponse.Status, _ type: String) async {
                await cloud.refuse(.put, add, TestCloud.alice, ["sub_ports": subports], status, type)
            }
            await refuse([subport(other, 10)], .conflict, "DuplicateSubPort")
            await refuse([subport(port, 11)], .conflict, "TrunkPortInUse")
            await refuse([subport(parent, 11)], .conflict, "ParentPortInUse")
            await refuse([subport(other, 4095)], .badRequest, "InvalidInput")
            await refuse([["port_id": .string(other.id)]], .badRequest, "InvalidInput")
            await refuse([["port_id": .string(other.id), "segmentation_type": "inherit"]], .badRequest, "InvalidInput")
            await refuse([subport(other, 1), subport(other, 2)], .badRequest, "InvalidInput")
            await refuse([["port_id": .string(Identifier.uuid()), "segmentation_type": "vlan", "segmentation_id": 5]], .notFound, "PortNotFound")
            let stranger = await cloud.port(await cloud.network(TestCloud.bob), TestCloud.bob)
            await refuse([subport(stranger, 5)], .notFound, "PortNotFound")
            await cloud.send(.put, add, TestCloud.alice, ["sub_ports": subport(other, 5)], expect: .badRequest)
            await cloud.refuse(
                .put, "trunks/\(made.id)/remove_subports", TestCloud.alice, ["sub_ports": [["port_id": .string(other.id)]]],
                .notFound, "SubPortNotFound")
            await cloud.refuse(.put, add, TestCloud.bob, ["sub_ports": []], .notFound, "TrunkNotFound")
            #expect(await cloud.send(.get, "trunks/\(made.id)")["trunk"] == made)
        }
    }

    @Test func networksLendTheirTagsAndLimitTheirPackets() async throws {
        try await TestCloud.with { cloud in
            let provider: JSONObject = [
                "provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 104,
                "project_id": "alice",
            ]
            let vlan = await cloud.network(TestCloud.admin, provider)
            let (large, small) = (await cloud.port(vlan), await cloud.port(await cloud.network()))
            let parent = await cloud.port(vlan)
            let inherited: JSON = ["port_id": .string(large.id), "segmentation_type": "inherit"]
            #expect(await trunk(cloud, parent, [inherited, subport(small, 7)])["sub_ports"]?[0] == subport(large, 104))
            let narrow = await cloud.port(await cloud.network())
            let body: JSON = ["trunk": ["port_id": .string(narrow.id), "sub_ports": [subport(await cloud.port(vlan), 8)]]]
            await cloud.refuse(.post, "trunks", TestCloud.alice, body, .conflict, "SubPortMtuGreaterThanTrunkPortMtu")
        }
    }

    @Test func disabledAndPluggedTrunksStayAsTheyAre() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let parent = await cloud.port(network)
            let made = await trunk(cloud, parent)
            await cloud.send(.put, "trunks/\(made.id)", TestCloud.alice, ["trunk": ["admin_state_up": false]])
            await cloud.refuse(.delete, "trunks/\(made.id)", TestCloud.alice, nil, .conflict, "TrunkDisabled")
            await cloud.refuse(
                .put, "trunks/\(made.id)/add_subports", TestCloud.alice, ["sub_ports": []], .conflict, "TrunkDisabled")
            let enabled = await cloud.send(
                .put, "trunks/\(made.id)", TestCloud.alice, ["trunk": ["admin_state_up": true]])["trunk"]
            #expect(enabled?["revision_number"] == 3)
            await cloud.send(.put, "ports/\(parent.id)", TestCloud.admin, ["port": ["binding:host_id": "a"]])
            await cloud.refuse(.delete, "trunks/\(made.id)", TestCloud.alice, nil, .conflict, "TrunkInUse")
            await cloud.send(.put, "ports/\(parent.id)", TestCloud.admin, ["port": ["binding:host_id": ""]])
            #expect(await cloud.send(.get, "trunks/\(made.id)")["trunk"]?["status"] == "DOWN")
            await cloud.refuse(
                .post, "trunks", TestCloud.alice, ["trunk": ["port_id": .string(parent.id)]], .conflict, "ParentPortInUse")
            await cloud.send(.put, "trunks/\(made.id)/tags/red", expect: .created)
            #expect(await cloud.send(.get, "trunks?tags=red")["trunks"]?.texts("id") == [made.id])
        }
    }
}
