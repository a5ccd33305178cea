import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Placement

@Suite struct ReshaperTests {
    /// A host with a server on it, and a child provider that has nothing yet.
    private func stage(_ site: Site) async throws -> (host: String, child: String, consumer: String) {
        let host = try await site.host("host", ["VCPU": Inventory(total: 8), "DISK_GB": Inventory(total: 100)])
        let (child, consumer) = (Identifier.uuid(), Identifier.uuid())
        await site.expect(
            .ok, .post, "/resource_providers",
            ["name": "numa", "uuid": .string(child), "parent_provider_uuid": .string(host)])
        await site.expect(.noContent, .put, "/allocations/\(consumer)", Site.claim([host: ["VCPU": 4, "DISK_GB": 10]]))
        return (host, child, consumer)
    }

    private func shape(_ inventories: [String: (generation: Int, inventories: JSON)], _ allocations: [String: JSON]) -> JSON {
        var (shapes, claims) = (JSONObject(), JSONObject())
        for (provider, shape) in inventories {
            shapes[provider] = ["resource_provider_generation": .int(shape.generation), "inventories": shape.inventories]
        }
        for (consumer, claim) in allocations { claims[consumer] = claim }
        return ["inventories": .object(shapes), "allocations": .object(claims)]
    }

    @Test func movesInventoriesWithWhatWasGivenOfThem() async throws {
        try await Site.with { site in
            let (host, child, consumer) = try await stage(site)
            let body = shape(
                [host: (2, ["DISK_GB": ["total": 100]]), child: (0, ["VCPU": ["total": 8]])],
                [consumer: Site.claim([host: ["DISK_GB": 10], child: ["VCPU": 4]], generation: 1)])
            await site.expect(.forbidden, .post, "/reshaper", body)
            await site.expect(.notFound, .post, "/reshaper", version: "1.29", token: "service", body)
            await site.expect(.noContent, .post, "/reshaper", token: "service", body)
            let usage = await site.expect(.ok, .get, "/resource_providers/\(child)/usages")
            #expect(usage.json["usages"] == ["VCPU": 4])
            let rest = await site.expect(.ok, .get, "/resource_providers/\(host)/inventories")
            #expect(rest.json["inventories"]?.object?.names == ["DISK_GB"])
        }
    }

    @Test func whatDoesNotFitChangesNothing() async throws {
        try await Site.with { site in
            let (host, child, consumer) = try await stage(site)
            func refused(_ status: HTTPResponse.Status, _ code: String?, _ body: JSON) async {
                let response = await site.expect(status, .post, "/reshaper", token: "service", body)
                if let code { #expect(response.json["errors"]?[0]?["code"]?.string == code, "\(response.text)") }
            }
            let moved = Site.claim([host: ["DISK_GB": 10], child: ["VCPU": 4]], generation: 1)
            let rest: JSON = ["DISK_GB": ["total": 100]]
            await refused(.conflict, "placement.concurrent_update", shape([host: (1, rest)], [:]))
            await refused(.conflict, "placement.inventory.inuse", shape([host: (2, rest)], [:]))
            await refused(.badRequest, "placement.resource_provider.not_found", shape([Identifier.uuid(): (0, rest)], [:]))
            await refused(.badRequest, nil, shape([host: (2, ["CUSTOM_NONE": ["total": 1]])], [:]))
            await refused(.badRequest, nil, shape([:], [:]))
            await refused(.conflict, nil, shape([host: (2, rest), child: (0, ["VCPU": ["total": 3]])], [consumer: moved]))
            let stale = Site.claim([host: ["DISK_GB": 10], child: ["VCPU": 4]], generation: 7)
            await refused(
                .conflict, "placement.concurrent_update", shape([host: (2, rest), child: (0, ["VCPU": ["total": 8]])], [consumer: stale]))
            let usage = await site.expect(.ok, .get, "/resource_providers/\(host)/usages")
            #expect(usage.json == ["resource_provider_generation": 2, "usages": ["VCPU": 4, "DISK_GB": 10]])
        }
    }
}

@Suite struct LastUnitTests {
    @Test func ofManyWhoWantTheLastUnitOneGetsIt() async throws {
        try await Site.with { site in
            let host = try await site.host("one", ["VCPU": Inventory(total: 1)])
            let answers = await withTaskGroup(of: HTTPResponse.Status.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        await site.call(.put, "/allocations/\(Identifier.uuid())", Site.claim([host: ["VCPU": 1]])).status
                    }
                }
                return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(answers == [.noContent: 1, .conflict: 63])
            let usage = await site.expect(.ok, .get, "/resource_providers/\(host)/usages")
            #expect(usage.json["usages"] == ["VCPU": 1])
        }
    }

    @Test func amountsBeyondAllMeasureAreRefused() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            let claim = Site.claim([host: ["VCPU": .int(.max), "DISK_GB": .int(.max)]])
            var both = JSONObject()
            for _ in 0..<2 { both[Identifier.uuid()] = claim }
            await site.expect(.conflict, .post, "/allocations", .object(both))
        }
    }
}
