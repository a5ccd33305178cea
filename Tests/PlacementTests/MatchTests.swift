import CloudCore
import CloudStore
import Testing

@testable import Placement

/// What services of this program find without going through HTTP.
@Suite struct MatchTests {
    private let server: Resources = ["VCPU": 2, "MEMORY_MB": 2_048]

    private func match(
        _ site: Site, _ request: ProviderRequest, from place: Double = 0, limit: Int = 100
    ) async throws -> ProviderMatches {
        try await site.database.read { [placement = site.placement] reader in
            try placement.matches(request, watching: ["MEMORY_MB", "NONE"], from: place, limit: limit, in: reader)
        }
    }

    @Test func findsHostsWithRoomTraitsAndAggregates() async throws {
        try await Site.with { site in
            let hosts = [try await site.host("one"), try await site.host("two")]
            _ = try await site.host("three", ["VCPU": Inventory(total: 8)])
            let aggregate = Identifier.uuid()
            try await site.database.write { [placement = site.placement] transaction in
                try placement.setTraits(["HW_CPU_X86_AVX2"], provider: hosts[0], in: transaction)
                try placement.setTraits(["COMPUTE_STATUS_DISABLED"], provider: hosts[1], in: transaction)
                try placement.setMembership(true, of: hosts[1], inAggregate: aggregate, in: transaction)
            }
            let plain = try await match(site, ProviderRequest(groups: [.init(resources: server)]))
            #expect(Set(plain.roots) == [hosts[0], hosts[1]])
            #expect(plain.free == [7_680, 0, 7_680, 0])
            #expect(plain.isComplete)
            #expect(plain.resources(at: 0) == [plain.roots[0]: server])
            let fast = ProviderRequest(groups: [.init(resources: server, requiredTraits: [["HW_CPU_X86_AVX2"]])])
            #expect(try await match(site, fast).roots == [hosts[0]])
            let enabled = ProviderRequest(groups: [.init(resources: server)], rootForbidden: ["COMPUTE_STATUS_DISABLED"])
            #expect(try await match(site, enabled).roots == [hosts[0]])
            let member = ProviderRequest(groups: [.init(resources: server, memberOf: [[aggregate]])])
            #expect(try await match(site, member).roots == [hosts[1]])
            let stranger = ProviderRequest(groups: [.init(resources: server, forbiddenAggregates: [aggregate])])
            #expect(try await match(site, stranger).roots == [hosts[0]])
            #expect(try await match(site, ProviderRequest(groups: [.init(resources: ["NONE": 1])])).roots == [])
        }
    }

    @Test func beginsAnywhereAndGoesRound() async throws {
        try await Site.with { site in
            for number in 0..<8 { _ = try await site.host("host-\(number)") }
            let request = ProviderRequest(groups: [.init(resources: server)])
            let all = try await match(site, request).roots
            #expect(try await match(site, request, from: 0.5).roots == Array(all[4...] + all[..<4]))
            let part = try await match(site, request, from: 0.5, limit: 2)
            #expect(part.roots == Array(all[4..<6]))
            #expect(!part.isComplete)
        }
    }

    @Test func combinesProvidersOfATree() async throws {
        try await Site.with { site in
            let host = try await site.host("host"), device = Identifier.uuid()
            try await site.database.write { [placement = site.placement] transaction in
                try Providers.create(uuid: device, name: "device", parent: host, now: .now, in: transaction)
                try placement.setInventory(provider: device, inventories: ["FPGA": Inventory(total: 1)], in: transaction)
            }
            let request = ProviderRequest(groups: [.init(resources: server), .init(suffix: "port", resources: ["FPGA": 1])])
            let found = try await match(site, request)
            #expect(found.roots == [host])
            #expect(found.resources(at: 0) == [host: server, device: ["FPGA": 1]])
            #expect(found.providers(at: 0) == ["port": [device]])
        }
    }

    @Test func handsClaimsOverWithoutRoomForBoth() async throws {
        try await Site.with { site in
            let host = try await site.host("host", ["VCPU": Inventory(total: 2)])
            let (server, migration) = (Identifier.uuid(), Identifier.uuid())
            try await site.database.write { [placement = site.placement] transaction in
                try placement.claim(consumer: server, project: "p", user: "u", allocations: [host: ["VCPU": 2]], in: transaction)
                try placement.move(from: server, to: migration, project: "p", user: "u", type: "MIGRATION", in: transaction)
                #expect(try placement.allocations(consumer: server, in: transaction) == [:])
                #expect(try placement.allocations(consumer: migration, in: transaction) == [host: ["VCPU": 2]])
                try placement.move(from: migration, to: server, project: "p", user: "u", type: "INSTANCE", in: transaction)
                #expect(try placement.allocations(consumer: server, in: transaction) == [host: ["VCPU": 2]])
            }
        }
    }
}
