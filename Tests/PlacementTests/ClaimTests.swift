import CloudCore
import CloudStore
import Testing

@testable import Placement

@Suite struct ClaimTests {
    private let server: Resources = ["VCPU": 2, "MEMORY_MB": 2_048, "DISK_GB": 10]

    private func claim(_ site: Site, _ consumer: String, _ provider: String, _ resources: Resources) async throws {
        try await site.database.write { [placement = site.placement] transaction in
            try placement.claim(
                consumer: consumer, project: "p", user: "u", allocations: [provider: resources], in: transaction)
        }
    }

    @Test func givesWhatThereIsAndNoMore() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            // 7,680 MiB are free: three servers fit.
            var refused = 0
            for _ in 0..<4 {
                do { try await claim(site, Identifier.uuid(), host, server) } catch let error as ClaimRefused {
                    #expect(error == ClaimRefused(reason: .capacity, resourceClass: "MEMORY_MB", provider: host))
                    refused += 1
                }
            }
            #expect(refused == 1)
            let used = try await site.database.read { try AllocationRecords.usage(provider: host, in: $0) }
            #expect(used.map(\.amount) == [30, 6_144, 6])
        }
    }

    @Test func manyAtOnceNeverGetMoreThanThereIs() async throws {
        try await Site.with { site in
            let host = try await site.host("one", ["VCPU": Inventory(total: 10)])
            let granted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        do {
                            try await claim(site, Identifier.uuid(), host, ["VCPU": 1])
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(granted == 10)
        }
    }

    @Test func repeatingAClaimOrAReleaseIsHarmless() async throws {
        try await Site.with { site in
            let (host, consumer) = (try await site.host("one"), Identifier.uuid())
            for _ in 0..<3 { try await claim(site, consumer, host, server) }
            let placement = site.placement
            #expect(try await site.database.read { try placement.allocations(consumer: consumer, in: $0) } == [host: server])
            #expect(try await site.database.write { try placement.release(consumer: consumer, in: $0) })
            #expect(try await !site.database.write { try placement.release(consumer: consumer, in: $0) })
            #expect(try await site.database.read { try placement.allocations(provider: host, in: $0) }.isEmpty)
        }
    }

    @Test func aClaimMovesAConsumer() async throws {
        try await Site.with { site in
            let (from, to, consumer) = (try await site.host("one"), try await site.host("two"), Identifier.uuid())
            try await claim(site, consumer, from, server)
            try await claim(site, consumer, to, server)
            let placement = site.placement
            #expect(try await site.database.read { try placement.allocations(consumer: consumer, in: $0) } == [to: server])
        }
    }

    @Test func unitsAndClassesAreChecked() async throws {
        try await Site.with { site in
            let inventory = Inventory(total: 100, minimumUnit: 4, maximumUnit: 16, stepSize: 4)
            let host = try await site.host("one", ["VCPU": inventory])
            for amount in [2, 20, 6] {
                await #expect(throws: ClaimRefused(reason: .unit, resourceClass: "VCPU", provider: host)) {
                    try await claim(site, Identifier.uuid(), host, ["VCPU": amount])
                }
            }
            await #expect(throws: ClaimRefused(reason: .noInventory, resourceClass: "DISK_GB", provider: host)) {
                try await claim(site, Identifier.uuid(), host, ["DISK_GB": 1])
            }
            await #expect(throws: PlacementError.self) { try await claim(site, Identifier.uuid(), host, ["NO_SUCH": 1]) }
            await #expect(throws: PlacementError.self) { try await claim(site, Identifier.uuid(), Identifier.uuid(), ["VCPU": 4]) }
        }
    }

    @Test func anExcessMayBeLessenedButNotEnlarged() async throws {
        try await Site.with { site in
            let (host, consumer) = (try await site.host("one", ["VCPU": Inventory(total: 10)]), Identifier.uuid())
            try await claim(site, consumer, host, ["VCPU": 10])
            try await site.database.write { [placement = site.placement] transaction in
                try placement.setInventory(provider: host, inventories: ["VCPU": Inventory(total: 4)], in: transaction)
            }
            try await claim(site, consumer, host, ["VCPU": 8])
            await #expect(throws: ClaimRefused.self) { try await claim(site, consumer, host, ["VCPU": 9]) }
        }
    }

    @Test func aReportThatChangesNothingCostsNoGenerationAndKeepsWhatIsGiven() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            try await claim(site, Identifier.uuid(), host, ["DISK_GB": 5])
            let generation: @Sendable () async throws -> Int? = {
                try await site.database.read { try ProviderRecords.find(host, in: $0)?.generation }
            }
            let report: @Sendable ([String: Inventory]) async throws -> Void = { inventories in
                try await site.database.write { [placement = site.placement] transaction in
                    try placement.ensureProvider(uuid: host, name: "one", in: transaction)
                    try placement.setInventory(provider: host, inventories: inventories, in: transaction)
                }
            }
            let before = try await generation()
            try await report(Site.inventories)
            #expect(try await generation() == before)
            try await report(["VCPU": Inventory(total: 2)])
            let left = try await site.database.read { try InventoryRecords.list(of: host, in: $0).map(\.resourceClass) }
            #expect(left == ["VCPU", "DISK_GB"])
        }
    }

    @Test func pagesThroughEverything() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            var consumers: [String] = []
            for _ in 0..<7 {
                consumers.append(Identifier.uuid())
                try await claim(site, consumers[consumers.count - 1], host, ["VCPU": 1, "DISK_GB": 1])
            }
            var (found, last) = ([String](), "")
            while true {
                let page = try await site.database.read { [placement = site.placement, last] reader in
                    try placement.allAllocations(afterConsumer: last, limit: 3, in: reader).map(\.consumer)
                }
                found += page
                guard page.count == 3 else { break }
                last = page[2]
            }
            #expect(found == consumers.sorted())
        }
    }
}

@Suite struct CandidateTests {
    @Test func findsThoseWithRoomAndTraits() async throws {
        try await Site.with { site in
            let (small, large) = (try await site.host("small", ["VCPU": Inventory(total: 2)]), try await site.host("large"))
            let placement = site.placement
            try await site.database.write { try placement.setTraits(["HW_CPU_X86_VMX"], provider: large, in: $0) }
            let find: @Sendable (Resources, Set<String>, Set<String>) async throws -> [String] = { resources, required, forbidden in
                try await site.database.read { reader in
                    try placement.candidates(
                        resources: resources, requiredTraits: required, forbiddenTraits: forbidden, limit: 10, in: reader
                    ).map(\.provider).sorted()
                }
            }
            #expect(try await find(["VCPU": 2], [], []) == [small, large].sorted())
            #expect(try await find(["VCPU": 3], [], []) == [large])
            #expect(try await find(["VCPU": 2, "DISK_GB": 1], [], []) == [large])
            #expect(try await find(["VCPU": 2], ["HW_CPU_X86_VMX"], []) == [large])
            #expect(try await find(["VCPU": 2], [], ["HW_CPU_X86_VMX"]) == [small])
            #expect(try await find(["VCPU": 33], [], []) == [])
        }
    }

    @Test func tellsWhatIsFree() async throws {
        try await Site.with { site in
            let (host, placement) = (try await site.host("one"), site.placement)
            let candidates = try await site.database.write { transaction in
                try placement.claim(
                    consumer: Identifier.uuid(), project: "p", user: "u", allocations: [host: ["MEMORY_MB": 1_000]], in: transaction)
                return try placement.candidates(resources: ["VCPU": 1], limit: 5, in: transaction)
            }
            #expect(candidates == [Candidate(provider: host, free: ["VCPU": 32, "MEMORY_MB": 6_680, "DISK_GB": 100])])
        }
    }

    @Test func takesARandomFewOfManyWithoutLookingAtAll() async throws {
        try await Site.with { site in
            let placement = site.placement
            try await site.database.write { transaction in
                for number in 0..<500 {
                    let uuid = Identifier.uuid()
                    try placement.ensureProvider(uuid: uuid, name: "host-\(number)", in: transaction)
                    try placement.setInventory(provider: uuid, inventories: Site.inventories, in: transaction)
                }
            }
            var seen: Set<String> = []
            for _ in 0..<20 {
                let found = try await site.database.read { reader in
                    try placement.candidates(resources: ["VCPU": 1, "MEMORY_MB": 512], limit: 10, in: reader).map(\.provider)
                }
                #expect(Set(found).count == 10)
                seen.formUnion(found)
            }
            #expect(seen.count > 50)
            let plan = try await site.database.read { reader in
                try reader.all("EXPLAIN QUERY PLAN " + CandidateRecords.query(
                    ProviderFilter(resources: ["VCPU": 1, "MEMORY_MB": 512]), "d.provider_uuid >= 'a'", 10)
                ) { try $0[3] as String }
            }
            #expect(plan.allSatisfy { !$0.hasPrefix("SCAN") && !$0.contains("TEMP B-TREE") }, "\(plan)")
        }
    }
}
