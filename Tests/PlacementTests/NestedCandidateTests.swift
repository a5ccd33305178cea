import CloudCore
import Testing

@testable import Placement

/// Two hosts with two network cards each, below a NUMA node each.
private var hostsWithCards: Cloud {
    var cloud = Cloud()
    for host in ["h1", "h2"] {
        cloud.add(host, ["VCPU": 16], aggregates: ["near-\(host)"])
        for node in ["a", "b"] {
            cloud.add("\(host)-\(node)", in: host, [:], traits: node == "b" ? ["NUMA_B"] : [])
            cloud.add("\(host)-\(node)-card", in: "\(host)-\(node)", ["VF": 8], traits: node == "b" ? ["GENEVE"] : [])
        }
    }
    return cloud
}

@Suite struct TreeCandidateTests {
    @Test func aGroupIsSpreadOverATree() {
        let cloud = hostsWithCards
        var request = CandidateRequest.plain(["VCPU": 2, "VF": 1])
        #expect(cloud.candidates(request) == [
            "VCPU:2@h1 VF:1@h1-a-card", "VCPU:2@h1 VF:1@h1-b-card", "VCPU:2@h2 VF:1@h2-a-card", "VCPU:2@h2 VF:1@h2-b-card",
        ])
        #expect(cloud.summaries(request).count == 10)
        request.groups[0].traits.required = [["GENEVE"]]
        #expect(cloud.candidates(request) == ["VCPU:2@h1 VF:1@h1-b-card", "VCPU:2@h2 VF:1@h2-b-card"])
        // A forbidden trait rules out its provider, not the tree.
        request.groups[0].traits = TraitFilter(forbidden: ["GENEVE"])
        #expect(cloud.candidates(request) == ["VCPU:2@h1 VF:1@h1-a-card", "VCPU:2@h2 VF:1@h2-a-card"])
        request.groups[0].inTree = "h1-b"
        #expect(cloud.candidates(request) == ["VCPU:2@h1 VF:1@h1-a-card"])
    }

    @Test func beforeNestingEachTreeIsUsedOnce() {
        let cloud = hostsWithCards
        var request = CandidateRequest.plain(["VCPU": 2, "VF": 1])
        request.spansTrees = false
        #expect(cloud.candidates(request).isEmpty)
        request = .plain(["VF": 1])
        request.spansTrees = false
        #expect(cloud.candidates(request).count == 4)
        #expect(cloud.summaries(request) == ["h1-a-card", "h1-b-card", "h2-a-card", "h2-b-card"])
    }

    @Test func aggregatesOfTheRootHoldForTheTreeUnlessOneProviderIsWanted() {
        let cloud = hostsWithCards
        var request = CandidateRequest.plain(["VF": 1])
        request.groups[0].memberOf = [["near-h1"]]
        #expect(cloud.candidates(request) == ["VF:1@h1-a-card", "VF:1@h1-b-card"])
        request.groups[0].memberOf = []
        request.groups[0].forbiddenAggregates = ["near-h1"]
        #expect(cloud.candidates(request) == ["VF:1@h2-a-card", "VF:1@h2-b-card"])
        request.groups[0].suffix = "1"
        #expect(cloud.candidates(request).count == 4)
        request.groups[0].forbiddenAggregates = []
        request.groups[0].memberOf = [["near-h1"]]
        #expect(cloud.candidates(request).isEmpty)
    }

    private static func cards(_ first: Int, _ second: Int, isolated: Bool) -> CandidateRequest {
        .groups(
            RequestGroup(resources: ["VCPU": 2]), RequestGroup(suffix: "_1", resources: ["VF": first]),
            RequestGroup(suffix: "_2", resources: ["VF": second]), isolated: isolated)
    }

    @Test func isolationKeepsGroupsApart() {
        let cloud = hostsWithCards
        #expect(cloud.candidates(Self.cards(1, 2, isolated: true)) == [
            "VCPU:2@h1 VF:1@h1-a-card VF:2@h1-b-card", "VCPU:2@h1 VF:1@h1-b-card VF:2@h1-a-card",
            "VCPU:2@h2 VF:1@h2-a-card VF:2@h2-b-card", "VCPU:2@h2 VF:1@h2-b-card VF:2@h2-a-card",
        ])
        let together = cloud.candidates(Self.cards(1, 1, isolated: false))
        #expect(together.count == 8)
        #expect(together.count { $0.contains("VF:2") } == 4)
        // Each fits a card, but both together do not.
        #expect(cloud.candidates(Self.cards(5, 5, isolated: false)).count == 4)
        #expect(cloud.candidates(Self.cards(9, 1, isolated: false)).isEmpty)
    }

    @Test func mappingsTellWhichGroupIsWhere() {
        let snapshot = hostsWithCards.snapshot
        let answer = CandidateSearch.run(Self.cards(1, 1, isolated: true), over: snapshot)
        let mappings = answer.requests.map { $0.mappings.map { $0.map { snapshot.providers[$0].uuid } } }
        #expect(Set(mappings) == [
            [["h1"], ["h1-a-card"], ["h1-b-card"]], [["h1"], ["h1-b-card"], ["h1-a-card"]],
            [["h2"], ["h2-a-card"], ["h2-b-card"]], [["h2"], ["h2-b-card"], ["h2-a-card"]],
        ])
    }

    @Test func aSubtreeHasOneOfItsProvidersAtTheTop() {
        let cloud = hostsWithCards
        var request = CandidateRequest.groups(
            RequestGroup(suffix: "_CARD", resources: ["VF": 1]),
            RequestGroup(suffix: "_NODE", traits: TraitFilter(required: [["NUMA_B"]])))
        request.sameSubtrees = [["_CARD", "_NODE"]]
        #expect(cloud.candidates(request) == ["VF:1@h1-b-card", "VF:1@h2-b-card"])
        request.groups.append(RequestGroup(suffix: "_CPU", resources: ["VCPU": 1]))
        #expect(cloud.candidates(request).count == 2)
        // Two cards are below a common host, which is none of them.
        request = Self.cards(1, 1, isolated: true)
        request.sameSubtrees = [["_1", "_2"]]
        #expect(cloud.candidates(request).isEmpty)
        request.isIsolated = false
        #expect(cloud.candidates(request).count == 4)
    }

    @Test func breadthFirstVisitsEveryTree() {
        let cloud = hostsWithCards
        var options = CandidateOptions()
        options.maximum = 2
        #expect(cloud.candidates(.plain(["VF": 1]), options) == ["VF:1@h1-a-card", "VF:1@h1-b-card"])
        options.strategy = .breadthFirst
        #expect(cloud.candidates(.plain(["VF": 1]), options) == ["VF:1@h1-a-card", "VF:1@h2-a-card"])
        options.maximum = nil
        #expect(cloud.candidates(.plain(["VF": 1]), options).count == 4)
    }

    @Test func randomAnswersAreAPartOfAll() {
        let cloud = hostsWithCards
        var (options, request) = (CandidateOptions(), CandidateRequest.plain(["VF": 1]))
        options.isRandomized = true
        request.limit = 1
        var generator = SequenceGenerator(state: 1)
        let snapshot = cloud.snapshot
        let found = (0..<64).map { _ in
            CandidateSearch.run(request, over: snapshot, options, using: &generator).requests.map(\.shares[0].provider)
        }
        #expect(found.allSatisfy { $0.count == 1 })
        #expect(Set(found).count == 4)
    }

    @Test func wideTreesDoNotDrownTheSearch() {
        var cloud = Cloud()
        cloud.add("host", ["VCPU": 8])
        for card in 10..<26 { cloud.add("host-\(card)", in: "host", ["PGPU": 1]) }
        let groups = (0..<16).map { RequestGroup(suffix: "_\($0)", resources: ["PGPU": 1]) }
        var request = CandidateRequest(groups: groups, limit: 50)
        #expect(cloud.candidates(request).count == 50)
        // One more than there are: seen at once, whatever may be combined.
        request.groups.append(RequestGroup(suffix: "_16", resources: ["PGPU": 1]))
        #expect(cloud.candidates(request).isEmpty)
    }
}

/// A generator with a known sequence (SplitMix64).
private struct SequenceGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct SharingCandidateTests {
    private var cloud: Cloud {
        var cloud = Cloud()
        cloud.add("c1", ["VCPU": 24], traits: ["SSE"], aggregates: ["agg"])
        cloud.add("c2", ["VCPU": 24, "DISK_GB": 1_600], traits: ["SSD"], aggregates: ["agg", "two"])
        cloud.add("c3", ["VCPU": 24])
        cloud.add("ss", ["DISK_GB": 2_000], traits: Cloud.sharing.union(["RAID"]), aggregates: ["agg"])
        return cloud
    }

    @Test func whatIsSharedServesTheAggregate() {
        #expect(cloud.candidates(.plain(["VCPU": 1, "DISK_GB": 1_500])) == [
            "DISK_GB:1500@c2 VCPU:1@c2", "DISK_GB:1500@ss VCPU:1@c1", "DISK_GB:1500@ss VCPU:1@c2",
        ])
        #expect(cloud.candidates(.plain(["VCPU": 1, "DISK_GB": 1_800])) == [
            "DISK_GB:1800@ss VCPU:1@c1", "DISK_GB:1800@ss VCPU:1@c2",
        ])
        #expect(cloud.summaries(.plain(["VCPU": 1, "DISK_GB": 1_800])) == ["c1", "c2", "ss"])
        // Found from three trees, but the same claim.
        #expect(cloud.candidates(.plain(["DISK_GB": 1_800])) == ["DISK_GB:1800@ss"])
    }

    @Test func traitsMayComeFromSeveralProviders() {
        var request = CandidateRequest.plain(["VCPU": 1, "DISK_GB": 1_500])
        request.groups[0].traits.required = [["SSD"], ["RAID"]]
        #expect(cloud.candidates(request) == ["DISK_GB:1500@ss VCPU:1@c2"])
        request.groups[0].traits = TraitFilter(required: [["SSE", "SSD"]], forbidden: ["RAID"])
        #expect(cloud.candidates(request) == ["DISK_GB:1500@c2 VCPU:1@c2"])
    }

    @Test func sharedResourcesMayBeAGroupOfTheirOwn() {
        let request = CandidateRequest.groups(
            RequestGroup(resources: ["VCPU": 1]), RequestGroup(suffix: "1", resources: ["DISK_GB": 10]))
        #expect(cloud.candidates(request) == [
            "DISK_GB:10@c2 VCPU:1@c2", "DISK_GB:10@ss VCPU:1@c1", "DISK_GB:10@ss VCPU:1@c2",
        ])
        // Asked for by a tree, only that tree gives.
        var local = CandidateRequest.plain(["VCPU": 1, "DISK_GB": 10])
        local.groups[0].inTree = "c2"
        #expect(cloud.candidates(local) == ["DISK_GB:10@c2 VCPU:1@c2"])
    }

    @Test func theTreeOfACandidateIsThatOfItsHost() {
        var request = CandidateRequest.plain(["VCPU": 1, "DISK_GB": 10])
        request.rootTraits = TraitFilter(required: [["SSE"]])
        #expect(cloud.candidates(request) == ["DISK_GB:10@ss VCPU:1@c1"])
        request.rootTraits = TraitFilter()
        request.groups[0].memberOf = [["two"]]
        #expect(cloud.candidates(request) == ["DISK_GB:10@c2 VCPU:1@c2"])
        request.groups[0].memberOf = []
        request.groups[0].forbiddenAggregates = ["two"]
        #expect(cloud.candidates(request) == ["DISK_GB:10@ss VCPU:1@c1"])
    }

    @Test func providersThatAllShareAreCombined() {
        var cloud = Cloud()
        cloud.add("s1", ["IPV4_ADDRESS": 24, "VF": 16, "DISK_GB": 1_600], traits: Cloud.sharing, aggregates: ["agg"])
        cloud.add("s2", ["VF": 16, "DISK_GB": 1_600], traits: Cloud.sharing, aggregates: ["agg"])
        let request = CandidateRequest.plain(["IPV4_ADDRESS": 2, "VF": 1, "DISK_GB": 1_500])
        #expect(cloud.candidates(request).count == 4)
        #expect(Set(cloud.candidates(request)).count == 4)
    }

    @Test func aSharingProviderMayHaveATree() {
        var cloud = hostsWithCards
        cloud.add("ss", [:])
        cloud.add("ss-pool", in: "ss", ["DISK_GB": 2_000], traits: Cloud.sharing, aggregates: ["near-h1"])
        let request = CandidateRequest.plain(["VCPU": 1, "VF": 1, "DISK_GB": 10])
        #expect(cloud.candidates(request) == [
            "DISK_GB:10@ss-pool VCPU:1@h1 VF:1@h1-a-card", "DISK_GB:10@ss-pool VCPU:1@h1 VF:1@h1-b-card",
        ])
        #expect(cloud.summaries(request) == ["h1", "h1-a", "h1-a-card", "h1-b", "h1-b-card", "ss", "ss-pool"])
    }
}
