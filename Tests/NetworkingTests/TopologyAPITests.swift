import CloudAPI
import CloudCore
import Testing

@testable import Networking

@Suite(.timeLimit(.minutes(3))) struct AutoAllocationTests {
    private func prepare(_ cloud: TestCloud) async {
        let external = await cloud.external()
        await cloud.send(.put, "networks/\(external)", TestCloud.admin, ["network": ["is_default": true]])
        let pool: JSON = [
            "subnetpool": [
                "name": "p", "prefixes": ["10.40.0.0/16"], "is_default": true, "shared": true, "default_prefixlen": 24,
            ],
        ]
        await cloud.send(.post, "subnetpools", TestCloud.admin, pool)
    }

    @Test func aTopologyIsMadeOnceAndTakenAway() async throws {
        try await TestCloud.with { cloud in
            let path = "auto-allocated-topology/alice"
            await cloud.refuse(.get, path, TestCloud.alice, nil, .conflict, "AutoAllocationFailure")
            await cloud.refuse(.get, "\(path)?fields=dry-run", TestCloud.alice, nil, .conflict, "AutoAllocationFailure")
            await prepare(cloud)
            let dry = await cloud.send(.get, "\(path)?fields=dry-run")["auto_allocated_topology"]
            #expect(dry?["id"] == "dry-run=pass" && dry?["project_id"] == "alice")
            #expect(await cloud.send(.get, "networks?project_id=alice")["networks"] == [])
            let made = await cloud.send(.get, path)["auto_allocated_topology"] ?? .null
            #expect(await cloud.send(.get, path)["auto_allocated_topology"] == made)
            #expect(await cloud.send(.get, "auto-allocated-topology/None")["auto_allocated_topology"] == made)
            let network = await cloud.send(.get, "networks/\(made.id)")["network"]
            #expect(network?["name"] == "auto_allocated_network" && network?["admin_state_up"] == true)
            #expect(await cloud.send(.get, "subnets?network_id=\(made.id)")["subnets"]?.texts("cidr") == ["10.40.0.0/24"])
            let routers = await cloud.send(.get, "routers")["routers"]
            #expect(routers?.texts("name") == ["auto_allocated_router"])
            await cloud.refuse(.get, path, TestCloud.bob, nil, .forbidden, "PolicyNotAuthorized")
            await cloud.send(.delete, path)
            #expect(await cloud.send(.get, "routers")["routers"] == [])
            await cloud.refuse(.get, "networks/\(made.id)", TestCloud.alice, nil, .notFound, "NetworkNotFound")
            await cloud.send(.delete, path)
        }
    }

    @Test func oneExternalNetworkIsTheDefault() async throws {
        try await TestCloud.with { cloud in
            await prepare(cloud)
            let second: JSON = ["network": ["router:external": true, "is_default": true]]
            await cloud.refuse(.post, "networks", TestCloud.admin, second, .conflict, "DefaultExternalNetworkExists")
            let network = await cloud.network(TestCloud.admin, ["is_default": true])
            // Only external networks have the attribute.
            #expect(await cloud.send(.get, "networks/\(network)", TestCloud.admin)["network"]?["is_default"] == nil)
        }
    }
}

@Suite(.timeLimit(.minutes(3))) struct SegmentTests {
    @Test func networksHaveSegments() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            let segments = await cloud.send(.get, "segments?network_id=\(network)", TestCloud.admin)["segments"]
            #expect(segments?.texts("network_type") == ["geneve"])
            #expect(await cloud.send(.get, "segments")["segments"] == [])
            let body: JSON = [
                "segment": [
                    "network_id": .string(network), "network_type": "vlan", "physical_network": "physnet1", "segmentation_id": 101,
                    "name": "second",
                ],
            ]
            await cloud.refuse(.post, "segments", TestCloud.alice, body, .forbidden, "PolicyNotAuthorized")
            let second = await cloud.send(.post, "segments", TestCloud.admin, body)["segment"] ?? .null
            #expect(second["segmentation_id"] == 101 && second["name"] == "second" && second["description"] == "")
            await cloud.refuse(.post, "segments", TestCloud.admin, body, .conflict, "VlanIdInUse")
            let shown = await cloud.send(.get, "networks/\(network)", TestCloud.admin)["network"]
            #expect(shown?["segments"]?.texts("provider:network_type") == ["geneve", "vlan"])
            #expect(shown?["provider:network_type"] == nil)
            let changed = await cloud.send(.put, "segments/\(second.id)", TestCloud.admin, ["segment": ["name": .null]])["segment"]
            #expect(changed?["name"] == .null && changed?["revision_number"] == 2)
            await cloud.refuse(
                .delete, "segments/\(segments?.array?.first?.id ?? "")", TestCloud.admin, nil, .conflict, "SegmentInUse")
            await cloud.send(.delete, "segments/\(second.id)", TestCloud.admin)
            await cloud.refuse(.get, "segments/\(second.id)", TestCloud.admin, nil, .notFound, "SegmentNotFound")
        }
    }

    @Test func severalSegmentsAtOnce() async throws {
        try await TestCloud.with { cloud in
            let vlan: JSON = ["provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 102]
            let tunnel: JSON = ["provider:network_type": "geneve"]
            let network = await cloud.network(TestCloud.admin, ["segments": [vlan, tunnel]])
            let shown = await cloud.send(.get, "networks/\(network)", TestCloud.admin)["network"]
            #expect(shown?["segments"]?.texts("provider:network_type") == ["vlan", "geneve"])
            let both: JSON = ["network": ["segments": [tunnel], "provider:network_type": "vlan"]]
            await cloud.refuse(.post, "networks", TestCloud.admin, both, .badRequest, "SegmentsSetInConjunctionWithProviders")
            let twice: JSON = ["network": ["segments": [vlan, vlan]]]
            await cloud.refuse(.post, "networks", TestCloud.admin, twice, .badRequest, "SegmentsContainDuplicateEntry")
            await cloud.refuse(.post, "networks", TestCloud.alice, ["network": ["segments": [vlan]]], .forbidden, "PolicyNotAuthorized")
        }
    }

    @Test func subnetsAreOnSegmentsAllOrNone() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network(TestCloud.admin)
            let segment = await cloud.send(.get, "segments?network_id=\(network)", TestCloud.admin)["segments"]?.array?.first?.id ?? ""
            let subnet = await cloud.subnet(network, "10.0.0.0/24", TestCloud.admin, ["segment_id": .string(segment)])
            #expect(await cloud.send(.get, "subnets/\(subnet)", TestCloud.admin)["subnet"]?["segment_id"] == .string(segment))
            let loose: JSON = ["subnet": ["network_id": .string(network), "cidr": "10.0.1.0/24", "ip_version": 4]]
            await cloud.refuse(.post, "subnets", TestCloud.admin, loose, .badRequest, "SubnetsNotAllAssociatedWithSegments")
        }
    }

    @Test func rangesGiveProjectsTheirNumbers() async throws {
        try await TestCloud.with { cloud in
            func body(_ first: Int, _ last: Int) -> JSON {
                [
                    "network_segment_range": [
                        "name": "r", "shared": false, "project_id": "alice", "network_type": "geneve", "minimum": .int(first),
                        "maximum": .int(last),
                    ],
                ]
            }
            let path = "network_segment_ranges"
            await cloud.refuse(.post, path, TestCloud.alice, body(70000, 70001), .forbidden, "PolicyNotAuthorized")
            let range = await cloud.send(.post, path, TestCloud.admin, body(70000, 70001))["network_segment_range"] ?? .null
            #expect(range["available"] == [70000, 70001] && range["used"] == [:] && range["default"] == false)
            await cloud.refuse(.post, path, TestCloud.admin, body(70001, 70005), .conflict, "NetworkSegmentRangeOverlaps")
            let network = await cloud.network()
            let number = await cloud.send(.get, "networks/\(network)", TestCloud.admin)["network"]?["provider:segmentation_id"]?.int ?? 0
            #expect([70000, 70001].contains(number))
            let shown = await cloud.send(.get, "\(path)/\(range.id)", TestCloud.admin)["network_segment_range"]
            #expect(shown?["used"] == .object([String(number): "alice"]))
            await cloud.refuse(.delete, "\(path)/\(range.id)", TestCloud.admin, nil, .conflict, "NetworkSegmentRangeReferencedByProject")
            await cloud.send(.delete, "networks/\(network)")
            await cloud.send(.delete, "\(path)/\(range.id)", TestCloud.admin)
            let defaults = await cloud.send(.get, path, TestCloud.admin)[path]?.array ?? []
            #expect(Set(defaults.compactMap { $0["network_type"]?.string }) == ["geneve", "gre", "vlan", "vxlan"])
            await cloud.refuse(
                .delete, "\(path)/\(defaults.first?.id ?? "")", TestCloud.admin, nil, .badRequest, "NetworkSegmentRangeDefaultReadOnly")
        }
    }

    @Test func sixtyFourClientsNeverGetOneAddressTwice() async throws {
        try await TestCloud.with { cloud in
            let network = await cloud.network()
            _ = await cloud.subnet(network, "10.0.0.0/24")
            let addresses = await withTaskGroup(of: [String].self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        var addresses: [String] = []
                        for _ in 0..<2 { addresses += await cloud.port(network).addresses }
                        return addresses
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(addresses.count == 128 && Set(addresses).count == 128)
        }
    }
}
