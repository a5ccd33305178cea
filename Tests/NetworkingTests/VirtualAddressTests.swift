import CloudAPI
import CloudCore
import NetworkMessages
import Testing

@testable import Networking

/// What the data plane learns of ports beyond their own rows.
@Suite(.timeLimit(.minutes(3))) struct VirtualAddressTests {
    /// Runs a test in a cloud whose data plane follows.
    private func run(_ body: (TestCloud) async throws -> Void) async throws {
        try await TestCloud.with { cloud in try await cloud.reconciling { try await body(cloud) } }
    }

    private func carrier(_ cloud: TestCloud, _ network: String, of address: String) async -> String {
        await cloud.port(network, TestCloud.alice, ["allowed_address_pairs": [["ip_address": .string(address)]]]).id
    }

    @Test func aPortWhoseAddressOthersCarryIsVirtual() async throws {
        try await run { cloud in
            let network = await cloud.network()
            _ = await cloud.subnet(network)
            let (address, other) = (await cloud.port(network), await cloud.port(network))
            let text = address["fixed_ips"]?[0]?["ip_address"]?.string ?? ""
            try await cloud.settled()
            #expect(cloud.plane.port(address.id)?.virtualAddress == nil)
            let first = await carrier(cloud, network, of: text)
            let second = await carrier(cloud, network, of: "\(text)/32")
            // A range is no single address.
            _ = await cloud.port(network, TestCloud.alice, ["allowed_address_pairs": [["ip_address": "10.0.0.0/8"]]])
            try await cloud.settled()
            #expect(cloud.plane.port(address.id)?.virtualAddress == VirtualAddress(address: text, parents: [first, second].sorted()))
            #expect(cloud.plane.port(other.id)?.virtualAddress == nil && cloud.plane.port(first)?.virtualAddress == nil)
            await cloud.send(.put, "ports/\(first)", TestCloud.alice, ["port": ["allowed_address_pairs": []]])
            try await cloud.settled()
            #expect(cloud.plane.port(address.id)?.virtualAddress?.parents == [second])
            await cloud.send(.delete, "ports/\(second)")
            try await cloud.settled()
            #expect(cloud.plane.port(address.id)?.virtualAddress == nil)
        }
    }

    @Test func aPortOnAHostCarriesItsOwnAddress() async throws {
        try await run { cloud in
            let network = await cloud.network()
            _ = await cloud.subnet(network)
            let port = await cloud.port(network)
            _ = await carrier(cloud, network, of: port["fixed_ips"]?[0]?["ip_address"]?.string ?? "")
            try await cloud.settled()
            #expect(cloud.plane.port(port.id)?.virtualAddress != nil)
            await cloud.send(.put, "ports/\(port.id)", TestCloud.admin, ["port": ["binding:host_id": "host1"]])
            try await cloud.settled()
            #expect(cloud.plane.port(port.id)?.virtualAddress == nil)
        }
    }

    @Test func aNameIsKnownInTheNetworksDomain() async throws {
        try await run { cloud in
            let network = await cloud.network(TestCloud.alice, ["dns_domain": "lab.example."])
            _ = await cloud.subnet(network)
            let port = await cloud.port(network, TestCloud.alice, ["dns_name": "web"])
            try await cloud.settled()
            #expect(cloud.plane.port(port.id)?.domain == "lab.example")
            await cloud.send(.put, "networks/\(network)", TestCloud.alice, ["network": ["dns_domain": "other.example."]])
            try await cloud.settled()
            #expect(cloud.plane.port(port.id)?.domain == "other.example")
        }
    }

    @Test func aGatewayKnowsTheSmallestPacketOfItsNetworks() async throws {
        try await run { cloud in
            let (external, network) = (await cloud.external(), await cloud.network())
            let subnet = await cloud.subnet(network)
            let gateway: JSON = ["router": ["external_gateway_info": ["network_id": .string(external)]]]
            let router = await cloud.send(.post, "routers", TestCloud.alice, gateway)["router"]?.id ?? ""
            await cloud.send(.put, "routers/\(router)/add_router_interface", TestCloud.alice, ["subnet_id": .string(subnet)])
            try await cloud.settled()
            let size = cloud.plane.network(network)?.mtu ?? 0
            #expect(cloud.plane.router(router)?.gateway?.mtu == size)
            await cloud.send(.put, "networks/\(network)", TestCloud.alice, ["network": ["mtu": 1280]])
            try await cloud.settled()
            #expect(cloud.plane.router(router)?.gateway?.mtu == 1280)
        }
    }

    @Test func furtherSegmentsAreOnPhysicalNetworksOfTheirOwn() async throws {
        func with(_ body: (TestCloud) async throws -> Void) async throws {
            try await TestCloud.with({ options in
                options.physicalNetworks.append(PhysicalNetwork(label: "physnet2", vlans: 100...110))
            }, { cloud in try await cloud.reconciling { try await body(cloud) } })
        }
        func segment(_ network: String, _ physical: String, _ tag: Int) -> JSON {
            [
                "segment": [
                    "network_id": .string(network), "network_type": "vlan", "physical_network": .string(physical),
                    "segmentation_id": .int(tag),
                ]
            ]
        }
        try await with { cloud in
            let network = await cloud.network(TestCloud.admin, [
                "provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 101,
            ])
            let second = await cloud.send(.post, "segments", TestCloud.admin, segment(network, "physnet2", 102))["segment"]
            await cloud.send(.post, "segments", TestCloud.admin, segment(network, "physnet1", 103))
            try await cloud.settled()
            #expect(cloud.plane.network(network)?.physical == PhysicalAttachment(label: "physnet1", vlan: 101))
            #expect(cloud.plane.network(network)?.furtherPhysical == [PhysicalAttachment(label: "physnet2", vlan: 102)])
            await cloud.send(.delete, "segments/\(second?.id ?? "")", TestCloud.admin)
            try await cloud.settled()
            #expect(cloud.plane.network(network)?.furtherPhysical == [])
        }
    }

    @Test func tagsCountAsChanges() async throws {
        try await run { cloud in
            let network = await cloud.network()
            func revision() async -> Int? { await cloud.send(.get, "networks/\(network)")["network"]?["revision_number"]?.int }
            let first = await revision() ?? 0
            await cloud.send(.put, "networks/\(network)/tags/red", TestCloud.alice, expect: .created)
            #expect(await revision() == first + 1)
            await cloud.send(.put, "networks/\(network)/tags/red", TestCloud.alice, expect: .created)
            #expect(await revision() == first + 1)
            await cloud.send(.delete, "networks/\(network)/tags/red", TestCloud.alice)
            #expect(await revision() == first + 2)
        }
    }
}
