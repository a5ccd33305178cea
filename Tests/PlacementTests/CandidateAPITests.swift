import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Placement

/// What a client sees of candidates.
private func claims(_ response: TestResponse) -> Set<JSON> {
    Set(response.json["allocation_requests"]?.array?.compactMap { $0["allocations"] } ?? [])
}

@Suite struct CandidateQueryTests {
    /// What is refused, from which version on it would be something else, and what the answer says.
    private static let refused: [(query: String, version: String, text: String)] = [
        ("resources=VCPU:1&limit=5", "1.15", "'limit' was unexpected"),
        ("resources=VCPU:1&limit=0", "1.16", "Failed validating 'pattern'"),
        ("resources=VCPU:1&limit=%2B1", "1.39", "Failed validating 'pattern'"),
        ("limit=1", "1.16", "'resources' is a required property"),
        ("resources1=VCPU:1", "1.24", "'resources1' was unexpected"),
        ("resources01=VCPU:1", "1.25", "'resources01' does not match any of the regexes"),
        ("resources_A=VCPU:1", "1.32", "'resources_A' does not match any of the regexes"),
        ("resources1@=VCPU:1", "1.33", "^member_of([a-zA-Z0-9_-]{1,64})?$"),
        ("resources=VCPU:1&nonsense=1&other=1", "1.39", "'nonsense', 'other' do not match any of the regexes"),
        ("resources=VCPU:1&in_tree1=x", "1.30", "does not match any of the regexes"),
        ("resources=VCPU:1&in_tree=x", "1.31", "Expected 'in_tree' parameter to be a format of uuid"),
        ("resources=VCPU:1&group_policy=x", "1.25", "'x' is not one of ['none', 'isolate']"),
        ("resources1=VCPU:1&resources2=VCPU:1", "1.25", "group_policy"),
        ("required=A&required1=B", "1.25", "orphaned traits keys: required, required1"),
        ("in_tree=9b2b4d8c-6f3a-4e1d-8f5a-7c2e1b0d3f4a&resources1=VCPU:1", "1.31", "All request groups must specify resources."),
        ("group_policy=none", "1.25", "At least one request group"),
        ("group_policy=none", "1.36", "There must be at least one resources or resources[$S] parameter."),
        ("resources1=VCPU:1&required2=HW_CPU_X86_VMX&group_policy=none", "1.36", "bad group(s) - ['2']"),
        ("resources1=VCPU:1&same_subtree=1,2", "1.36", "['2'] not found in ['1']"),
        ("resources1=VCPU:1&same_subtree=1,", "1.36", "Empty string (unsuffixed group)"),
        ("resources=VCPU:1&root_required=A&root_required=B", "1.35", "may be specified only once"),
        ("resources=VCPU:1&root_required=A,!A", "1.35", "Conflicting required and forbidden traits found in root_required: A"),
        ("resources=VCPU:1&root_required=in:A,B", "1.39", "only supported since microversion 1.39"),
        ("resources=VCPU:1&root_required=CUSTOM_NO", "1.35", "No such trait(s): CUSTOM_NO"),
        ("resources1=VCPU:1&required1=CUSTOM_NO", "1.25", "No such trait(s): CUSTOM_NO"),
        ("resources=VCPU:1&required=in:A,B&required=!A,!B", "1.39", "traits keys: required: (A, B)"),
        ("resources=VCPU:1&required=in:A", "1.38", "only supported since microversion 1.39"),
        ("resourcesX=CUSTOM_NO:1", "1.33", "No such resource class CUSTOM_NO"),
        ("resourcesX=VCPU:0", "1.33", "requires amount >= 1"),
    ]

    @Test(arguments: refused) func whatMakesNoSenseIsRefused(_ refused: (query: String, version: String, text: String)) async throws {
        try await Site.with { site in
            let response = await site.expect(
                .badRequest, .get, "/allocation_candidates?" + refused.query, version: refused.version)
            let detail = response.json["errors"]?[0]?["detail"]?.string ?? ""
            #expect(detail.contains(refused.text), "\(detail)")
        }
    }

    @Test func errorsHaveTheirCodes() async throws {
        try await Site.with { site in
            for (query, code) in [
                ("group_policy=none", "missing_value"), ("resources1=VCPU:1&same_subtree=2", "bad_value"),
                ("resources=VCPU:1&root_required=A&root_required=B", "duplicate_key"),
            ] {
                let response = await site.expect(.badRequest, .get, "/allocation_candidates?" + query)
                #expect(response.json["errors"]?[0]?["code"]?.string == "placement.query." + code)
            }
        }
    }

    @Test func tooManyGroupsAreRefused() async throws {
        try await Site.with { site in
            let groups = (0..<300).map { "resources_\($0)=VCPU:1" }.joined(separator: "&")
            await site.expect(.badRequest, .get, "/allocation_candidates?group_policy=none&" + groups)
        }
    }
}

@Suite struct CandidateTreeAPITests {
    /// A host with a card below it.
    private static func tree(_ site: Site) async throws -> (host: String, card: String) {
        let host = try await site.host("host")
        let card = await site.expect(.ok, .post, "/resource_providers", ["name": "card", "parent_provider_uuid": .string(host)])
        let uuid = try #require(card.json["uuid"]?.string)
        await site.expect(.created, .post, "/resource_providers/\(uuid)/inventories", ["resource_class": "SRIOV_NET_VF", "total": 4])
        return (host, uuid)
    }

    @Test func treesAreOneCandidateFromNestingOn() async throws {
        try await Site.with { site in
            let (host, card) = try await Self.tree(site)
            let query = "/allocation_candidates?resources=VCPU:1,SRIOV_NET_VF:2"
            let latest = await site.expect(.ok, .get, query)
            #expect(claims(latest) == [[host: ["resources": ["VCPU": 1]], card: ["resources": ["SRIOV_NET_VF": 2]]]])
            #expect(latest.json["allocation_requests"]?[0]?["mappings"] == ["": .array([host, card].sorted().map { .string($0) })])
            #expect(latest.json["provider_summaries"]?[card]?["parent_provider_uuid"]?.string == host)
            #expect(latest.json["provider_summaries"]?[card]?["root_provider_uuid"]?.string == host)
            let older = await site.expect(.ok, .get, query, version: "1.28")
            #expect(older.json["allocation_requests"] == [])
            #expect(older.json["provider_summaries"] == [:])
        }
    }

    @Test func suffixesComeBackInMappings() async throws {
        try await Site.with { site in
            let (host, card) = try await Self.tree(site)
            let query = "/allocation_candidates?resources_CPU=VCPU:1&resources_VF=SRIOV_NET_VF:2&group_policy=isolate"
            let answer = await site.expect(.ok, .get, query)
            #expect(answer.json["allocation_requests"]?[0]?["mappings"] == ["_CPU": [.string(host)], "_VF": [.string(card)]])
            let before = await site.expect(.ok, .get, query, version: "1.33")
            #expect(before.json["allocation_requests"]?[0]?["mappings"] == nil)
            #expect(claims(before) == claims(answer))
        }
    }
}

@Suite struct CandidateFreshnessTests {
    private static let query = "/allocation_candidates?resources=VCPU:1"

    /// What candidates were made of before must not be seen once a change is on disk, whatever the change.
    @Test func everyChangeIsSeenAtOnce() async throws {
        try await Site.with { site in
            func hosts() async -> Set<String> {
                Set(claims(await site.call(.get, Self.query)).flatMap { $0.object?.map(\.name) ?? [] })
            }
            #expect(await hosts() == [])
            let (one, two) = (try await site.host("one"), try await site.host("two"))
            #expect(await hosts() == [one, two])
            let consumer = Identifier.uuid()
            await site.expect(.noContent, .put, "/allocations/\(consumer)", Site.claim([one: ["VCPU": 32]]))
            #expect(await hosts() == [two])
            await site.expect(.noContent, .delete, "/allocations/\(consumer)")
            #expect(await hosts() == [one, two])
            await site.expect(.noContent, .delete, "/resource_providers/\(one)/inventories/VCPU")
            #expect(await hosts() == [two])
            await site.expect(.noContent, .delete, "/resource_providers/\(two)/inventories", version: "1.39")
            await site.expect(.noContent, .delete, "/resource_providers/\(two)")
            #expect(await hosts() == [])
        }
    }

    @Test func traitsAggregatesAndParentsAreSeenAtOnce() async throws {
        try await Site.with { site in
            let (one, two) = (try await site.host("one"), try await site.host("two"))
            let aggregate = Identifier.uuid()
            func count(_ suffix: String) async -> Int { claims(await site.call(.get, Self.query + suffix)).count }
            func generation(_ provider: String) async throws -> JSON {
                try #require(await site.call(.get, "/resource_providers/\(provider)").json["generation"])
            }
            #expect(await count("&required=HW_CPU_X86_VMX") == 0)
            #expect(await count("&member_of=\(aggregate)") == 0)
            #expect(await count("&in_tree=\(two)") == 1)
            await site.expect(.ok, .put, "/resource_providers/\(one)/traits", [
                "traits": ["HW_CPU_X86_VMX"], "resource_provider_generation": try await generation(one),
            ])
            await site.expect(.ok, .put, "/resource_providers/\(one)/aggregates", [
                "aggregates": [.string(aggregate)], "resource_provider_generation": try await generation(one),
            ])
            #expect(await count("&required=HW_CPU_X86_VMX") == 1)
            #expect(await count("&member_of=\(aggregate)") == 1)
            await site.expect(.ok, .put, "/resource_providers/\(one)", ["name": "one", "parent_provider_uuid": .string(two)])
            #expect(await count("&in_tree=\(two)") == 2)
            await site.expect(.noContent, .delete, "/resource_providers/\(one)/traits")
            #expect(await count("&required=HW_CPU_X86_VMX") == 0)
        }
    }

    /// A part is read again after a change, and must fit what is kept: the same as all read at once.
    @Test func aPartReadAgainGivesTheWhole() async throws {
        try await Site.with { site in
            let cache = SnapshotCache()
            for number in 0..<40 { _ = try await site.host("host-\(number)") }
            for round in 0..<5 {
                let host = try await site.host("late-\(round)")
                await site.expect(.noContent, .put, "/allocations/\(Identifier.uuid())", Site.claim([host: ["VCPU": 1]]))
                let (kept, fresh) = try await site.database.read { reader in
                    (try cache.snapshot(in: reader).providers.map(\.state), try SnapshotRecords.load(nil, in: reader))
                }
                #expect(kept == fresh)
                #expect(kept.first { $0.uuid == host }?.inventories["VCPU"]?.used == 1)
            }
        }
    }

    /// What is given and given back is taken up without reading anything else again.
    @Test func whatIsGivenIsTakenUpWherever() async throws {
        try await Site.with { site in
            let cache = SnapshotCache()
            var hosts: [String] = []
            for number in 0..<20 { hosts.append(try await site.host("host-\(number)")) }
            func used() async throws -> [Int?] {
                let (kept, fresh) = try await site.database.read { reader in
                    (try cache.snapshot(in: reader), try SnapshotRecords.load(nil, in: reader))
                }
                #expect(kept.providers.map(\.state) == fresh)
                return try hosts.map { host in
                    let (number, vcpus) = (try #require(kept.number(of: host)), try #require(kept.number(ofClass: "VCPU")))
                    return kept.columns[vcpus][number]?.used
                }
            }
            #expect(try await used() == hosts.map { _ in 0 })
            let consumers = hosts.map { _ in Identifier.uuid() }
            for (number, host) in hosts.enumerated() where number % 2 == 0 {
                await site.expect(.noContent, .put, "/allocations/\(consumers[number])", Site.claim([host: ["VCPU": 2]]))
            }
            #expect(try await used() == hosts.indices.map { $0 % 2 == 0 ? 2 : 0 })
            for number in hosts.indices where number % 4 == 0 {
                await site.expect(.noContent, .delete, "/allocations/\(consumers[number])")
            }
            #expect(try await used() == hosts.indices.map { $0 % 4 == 2 ? 2 : 0 })
        }
    }
}
