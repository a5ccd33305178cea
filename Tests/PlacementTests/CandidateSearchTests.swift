import CloudCore
import Testing

@testable import Placement

/// Providers written down shortly, and searched without a store.
struct Cloud {
    private var states: [String: ProviderState] = [:]

    /// Adds a provider, named by its UUID; what it has is all free.
    mutating func add(
        _ uuid: String, in parent: String? = nil, _ inventories: [String: Int] = [:], traits: Set<String> = [],
        aggregates: Set<String> = []
    ) {
        var state = ProviderState(uuid: uuid, parentUUID: parent, rootUUID: parent.flatMap { states[$0]?.rootUUID } ?? uuid)
        state.inventories = inventories.mapValues {
            InventoryState(capacity: $0, used: 0, minimumUnit: 1, maximumUnit: $0, stepSize: 1)
        }
        (state.traits, state.aggregates) = (traits, aggregates)
        states[uuid] = state
    }

    mutating func change(_ uuid: String, _ resourceClass: String, _ body: (inout InventoryState) -> Void) {
        guard var inventory = states[uuid]?.inventories[resourceClass] else { return }
        body(&inventory)
        states[uuid]?.inventories[resourceClass] = inventory
    }

    var snapshot: ProviderSnapshot { ProviderSnapshot(states.values.sorted { $0.uuid < $1.uuid }) }

    /// The candidates as texts such as `VCPU:1@one DISK_GB:5@shared`, each with its parts in order, sorted.
    func candidates(_ request: CandidateRequest, _ options: CandidateOptions = CandidateOptions()) -> [String] {
        let snapshot = snapshot
        return CandidateSearch.run(request, over: snapshot, options).requests.map { request in
            request.shares.map { share in
                "\(snapshot.classNames[share.resourceClass]):\(share.amount)@\(snapshot.providers[share.provider].uuid)"
            }.sorted().joined(separator: " ")
        }.sorted()
    }

    /// The UUIDs of the providers that the answer tells of.
    func summaries(_ request: CandidateRequest) -> [String] {
        let snapshot = snapshot
        return CandidateSearch.run(request, over: snapshot).providers.map { snapshot.providers[$0].uuid }
    }

    static let sharing: Set = [ProviderSnapshot.sharingTrait]
}

extension CandidateRequest {
    /// A request of groups by suffix.
    static func groups(_ groups: RequestGroup..., isolated: Bool = false) -> CandidateRequest {
        CandidateRequest(groups: groups, isIsolated: isolated)
    }

    static func plain(_ resources: Resources) -> CandidateRequest { groups(RequestGroup(resources: resources)) }
}

@Suite struct FlatCandidateTests {
    private var cloud: Cloud {
        var cloud = Cloud()
        cloud.add("one", ["VCPU": 8, "DISK_GB": 100], traits: ["A", "B"], aggregates: ["x"])
        cloud.add("two", ["VCPU": 4, "DISK_GB": 50], traits: ["B"], aggregates: ["x", "y"])
        cloud.add("six", ["VCPU": 2])
        return cloud
    }

    @Test func everyClassMustFitAtTheProvider() {
        #expect(cloud.candidates(.plain(["VCPU": 1, "DISK_GB": 5])) == ["DISK_GB:5@one VCPU:1@one", "DISK_GB:5@two VCPU:1@two"])
        #expect(cloud.candidates(.plain(["VCPU": 5])) == ["VCPU:5@one"])
        #expect(cloud.candidates(.plain(["VCPU": 9])).isEmpty)
        #expect(cloud.candidates(.plain(["VGPU": 1])).isEmpty)
        #expect(cloud.summaries(.plain(["DISK_GB": 60])) == ["one"])
    }

    @Test func unitsAndUsageLimitAmounts() {
        var cloud = Cloud()
        cloud.add("one", ["VCPU": 8])
        cloud.change("one", "VCPU") { $0.used = 5 }
        #expect(cloud.candidates(.plain(["VCPU": 3])).count == 1)
        #expect(cloud.candidates(.plain(["VCPU": 4])).isEmpty)
        cloud.change("one", "VCPU") { ($0.used, $0.minimumUnit, $0.maximumUnit, $0.stepSize) = (0, 2, 6, 2) }
        let fitting = (1...8).filter { !cloud.candidates(.plain(["VCPU": $0])).isEmpty }
        #expect(fitting == [2, 4, 6])
        // More was given than there is: a capacity can be taken away.
        cloud.change("one", "VCPU") { ($0.used, $0.capacity) = (5, .min) }
        #expect(cloud.candidates(.plain(["VCPU": 2])).isEmpty)
    }

    @Test func traitsAndAggregatesNarrow() {
        func found(_ traits: TraitFilter = TraitFilter(), _ memberOf: [Set<String>] = [], not: Set<String> = []) -> [String] {
            let group = RequestGroup(resources: ["VCPU": 1], traits: traits, memberOf: memberOf, forbiddenAggregates: not)
            return cloud.candidates(.groups(group)).map { String($0.dropFirst("VCPU:1@".count)) }
        }
        #expect(found(TraitFilter(required: [["A"], ["B"]])) == ["one"])
        #expect(found(TraitFilter(required: [["A", "B"]])) == ["one", "two"])
        #expect(found(TraitFilter(required: [["B"]], forbidden: ["A"])) == ["two"])
        #expect(found(TraitFilter(forbidden: ["B"])) == ["six"])
        #expect(found(TraitFilter(required: [["NOBODYS"]])).isEmpty)
        #expect(found(TraitFilter(), [["x"]]) == ["one", "two"])
        #expect(found(TraitFilter(), [["x"], ["y", "z"]]) == ["two"])
        #expect(found(TraitFilter(), [["x"]], not: ["y"]) == ["one"])
        #expect(found(not: ["x"]) == ["six"])
        #expect(found(TraitFilter(), [["nowhere"]]).isEmpty)
    }

    @Test func aTreeOrARootCanBeAskedFor() {
        let inTree = RequestGroup(resources: ["VCPU": 1], inTree: "two")
        #expect(cloud.candidates(.groups(inTree)) == ["VCPU:1@two"])
        #expect(cloud.candidates(.groups(RequestGroup(resources: ["VCPU": 1], inTree: "none"))).isEmpty)
        var request = CandidateRequest.plain(["VCPU": 1])
        request.rootTraits = TraitFilter(required: [["B"]], forbidden: ["A"])
        #expect(cloud.candidates(request) == ["VCPU:1@two"])
        request.rootTraits = TraitFilter(forbidden: ["B"])
        #expect(cloud.candidates(request) == ["VCPU:1@six"])
    }

    @Test func limitsBoundTheAnswer() {
        var request = CandidateRequest.plain(["VCPU": 1])
        request.limit = 2
        #expect(cloud.candidates(request) == ["VCPU:1@one", "VCPU:1@six"])
        #expect(cloud.summaries(request) == ["one", "six"])
        request.limit = .max
        var options = CandidateOptions()
        options.maximum = 1
        #expect(cloud.candidates(request, options).count == 1)
    }

    @Test func groupsShareAProviderUnlessIsolated() {
        let groups = [
            RequestGroup(suffix: "1", resources: ["VCPU": 2]), RequestGroup(suffix: "2", resources: ["VCPU": 2]),
        ]
        // Six has room for one of them only.
        #expect(cloud.candidates(CandidateRequest(groups: groups)) == ["VCPU:4@one", "VCPU:4@two"])
        // One tree is one provider here, so nothing can be apart.
        #expect(cloud.candidates(CandidateRequest(groups: groups, isIsolated: true)).isEmpty)
    }
}
