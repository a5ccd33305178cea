import CloudCore
import CloudStore

/// What a service of this program wants of one tree of providers: the query of `GET /allocation_candidates` as a value.
public struct ProviderRequest: Sendable, Hashable {
    /// Resources that belong together, with what their providers must be like.
    public struct Group: Sendable, Hashable {
        /// The group's name: empty for the one that may be spread over a tree and those that share with it; any other
        /// comes from one provider.
        public var suffix: String
        /// Amounts by resource class.
        public var resources: Resources
        /// Of each set, one trait at least.
        public var requiredTraits: [Set<String>]
        /// Traits that must not be there.
        public var forbiddenTraits: Set<String>
        /// Of each set, one aggregate at least.
        public var memberOf: [Set<String>]
        /// Aggregates that must not be.
        public var forbiddenAggregates: Set<String>
        /// A provider whose tree it must be; nil for any.
        public var inTree: String?

        /// A group.
        public init(
            suffix: String = "", resources: Resources, requiredTraits: [Set<String>] = [], forbiddenTraits: Set<String> = [],
            memberOf: [Set<String>] = [], forbiddenAggregates: Set<String> = [], inTree: String? = nil
        ) {
            (self.suffix, self.resources, self.inTree) = (suffix, resources, inTree)
            (self.requiredTraits, self.forbiddenTraits) = (requiredTraits, forbiddenTraits)
            (self.memberOf, self.forbiddenAggregates) = (memberOf, forbiddenAggregates)
        }
    }

    /// The groups.
    public var groups: [Group]
    /// Whether groups with a name must each have a provider of their own.
    public var isIsolated: Bool
    /// Traits that the root of the tree must have.
    public var rootRequired: Set<String>
    /// Traits that the root of the tree must not have.
    public var rootForbidden: Set<String>
    /// The names of groups whose providers must be in one subtree.
    public var sameSubtrees: [Set<String>]

    /// A request.
    public init(
        groups: [Group], isIsolated: Bool = false, rootRequired: Set<String> = [], rootForbidden: Set<String> = [],
        sameSubtrees: [Set<String>] = []
    ) {
        (self.groups, self.isIsolated, self.sameSubtrees) = (groups, isIsolated, sameSubtrees)
        (self.rootRequired, self.rootForbidden) = (rootRequired, rootForbidden)
    }

    var candidateRequest: CandidateRequest {
        var request = CandidateRequest(groups: groups.map { group in
            RequestGroup(
                suffix: group.suffix, resources: group.resources,
                traits: TraitFilter(required: group.requiredTraits, forbidden: group.forbiddenTraits), memberOf: group.memberOf,
                forbiddenAggregates: group.forbiddenAggregates, inTree: group.inTree)
        })
        request.isIsolated = isIsolated
        request.rootTraits = TraitFilter(required: rootRequired.sorted().map { [$0] }, forbidden: rootForbidden)
        request.sameSubtrees = sameSubtrees
        return request
    }
}

/// The trees that can give what was asked, each in one way.
public struct ProviderMatches: Sendable {
    /// The UUID of each tree's root.
    public let roots: [String]
    /// How much of each watched class each root has left; classes vary fastest. Zero for what it has none of.
    public let free: [Int]
    /// Whether these are all trees that match.
    public let isComplete: Bool
    /// How each tree gives it; nil where one group comes from the root itself.
    private let ways: [AllocationRequest]?
    private let request: CandidateRequest
    private let snapshot: ProviderSnapshot

    init(
        _ roots: [Int], ways: [AllocationRequest]?, isComplete: Bool, watching classes: [String], request: CandidateRequest,
        over snapshot: ProviderSnapshot
    ) {
        self.roots = roots.map { snapshot.providers[$0].uuid }
        (self.ways, self.isComplete, self.request, self.snapshot) = (ways, isComplete, request, snapshot)
        let columns = classes.map { snapshot.number(ofClass: $0).map { snapshot.columns[$0] } }
        var free: [Int] = []
        free.reserveCapacity(roots.count * classes.count)
        for root in roots { for column in columns { free.append(column?[root]?.free ?? 0) } }
        self.free = free
    }

    /// What would be claimed of a tree, by provider.
    /// - Parameter place: its place among the roots.
    public func resources(at place: Int) -> [String: Resources] {
        guard let way = ways?[place] else { return [roots[place]: request.groups.first?.resources ?? [:]] }
        var resources: [String: Resources] = [:]
        for share in way.shares {
            resources[snapshot.providers[share.provider].uuid, default: [:]][snapshot.classNames[share.resourceClass], default: 0]
                += share.amount
        }
        return resources
    }

    /// The providers of each group with a name.
    /// - Parameter place: its place among the roots.
    public func providers(at place: Int) -> [String: [String]] {
        guard let way = ways?[place] else {
            return Dictionary(uniqueKeysWithValues: request.groups.filter(\.usesOneProvider).map { ($0.suffix, [roots[place]]) })
        }
        var providers: [String: [String]] = [:]
        for (group, mapped) in zip(request.groups, way.mappings) where group.usesOneProvider {
            providers[group.suffix] = mapped.map { snapshot.providers[$0].uuid }
        }
        return providers
    }
}

extension Placement {
    /// The trees that can give what is asked, from a place among them on and round again: who begins at random spreads
    /// what it places.
    /// - Parameters:
    ///   - classes: the resource classes of which the answer tells how much is left.
    ///   - place: where to begin, from 0 to 1.
    ///   - limit: how many trees at most.
    ///   - reader: a snapshot of the store, not a transaction.
    ///
    /// What was given within the last moment may still count as free, and the other way round; nothing is said to be full because of
    /// that.
    public func matches(
        _ request: ProviderRequest, watching classes: [String], from place: Double, limit: Int, in reader: any Reader
    ) throws -> ProviderMatches {
        let wanted = request.candidateRequest
        let last = try snapshots.snapshot(usageAge: Self.usageAge, in: reader)
        let found = Self.matches(wanted, watching: classes, from: place, limit: limit, over: last)
        guard found.roots.isEmpty else { return found }
        let now = try snapshots.snapshot(in: reader)
        return now === last ? found : Self.matches(wanted, watching: classes, from: place, limit: limit, over: now)
    }

    /// With thousands of providers it takes some milliseconds to take up claims: too much to be done for each.
    private static let usageAge = Duration.milliseconds(50)

    private static func matches(
        _ wanted: CandidateRequest, watching classes: [String], from place: Double, limit: Int, over snapshot: ProviderSnapshot
    ) -> ProviderMatches {
        if let fitting = CandidatePlan.rootsAlone(wanted, over: snapshot) {
            let roots = turned(fitting, from: place, snapshot.count)
            return ProviderMatches(
                Array(roots.prefix(limit)), ways: nil, isComplete: roots.count <= limit, watching: classes, request: wanted,
                over: snapshot)
        }
        let plan = CandidatePlan(wanted, over: snapshot)
        var (steps, found, ways, isComplete) = (CandidateSearch.maximumSteps, [Int](), [AllocationRequest](), true)
        for root in turned(plan.roots, from: place, snapshot.count) {
            var walk = CandidateWalk(plan, root: root)
            guard let way = walk.next(steps: &steps) else { continue }
            guard found.count < limit else {
                isComplete = false
                break
            }
            found.append(root)
            ways.append(way)
        }
        return ProviderMatches(found, ways: ways, isComplete: isComplete, watching: classes, request: wanted, over: snapshot)
    }

    private static func turned(_ roots: ProviderSet, from place: Double, _ count: Int) -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(roots.count)
        roots.forEach { numbers.append($0) }
        let first = Int(place * Double(count))
        let split = numbers.firstIndex { $0 >= first } ?? 0
        return split == 0 ? numbers : Array(numbers[split...] + numbers[..<split])
    }
}
