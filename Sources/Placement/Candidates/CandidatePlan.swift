/// A choice to be made for each candidate: which provider gives some of the resources.
struct ChoicePoint: Sendable {
    /// An amount of a class.
    struct Demand: Sendable {
        let resourceClass: Int
        let amount: Int
        /// Whether another choice takes of the same class, so that both together may be too much.
        var isContested = false
    }
    /// The group's place in the request.
    let group: Int
    /// Whether the provider must be the only one of its group, and under isolation the only one of all groups.
    let usesOneProvider: Bool
    var demands: [Demand]
    /// Which providers can give it to which tree.
    var options: AnchoredProviders
    /// Whether the group's providers are all chosen after this choice.
    var endsGroup = true
}

/// Providers by the root of the tree that they can give something to: their own tree, or one they share with.
struct AnchoredProviders: Sendable {
    /// Where each root's providers begin; one more than there are roots.
    private let starts: [Int]
    private let providers: [Int]

    /// - Parameters:
    ///   - count: how many providers there are at all.
    ///   - walk: calls its argument with each pair of a root and a provider; it is walked twice.
    init(count: Int, _ walk: ((_ root: Int, _ provider: Int) -> Void) -> Void) {
        var starts = Array(repeating: 0, count: count + 1)
        walk { root, _ in starts[root + 1] += 1 }
        for root in 0..<count { starts[root + 1] += starts[root] }
        var next = starts
        var providers = Array(repeating: 0, count: starts[count])
        walk { root, provider in
            providers[next[root]] = provider
            next[root] += 1
        }
        (self.starts, self.providers) = (starts, providers)
    }

    subscript(root: Int) -> ArraySlice<Int> { providers[starts[root]..<starts[root + 1]] }

    /// The roots that have any, out of some.
    func roots(of allowed: ProviderSet, capacity: Int) -> ProviderSet {
        var roots = ProviderSet(capacity: capacity)
        allowed.forEach { if starts[$0] < starts[$0 + 1] { roots.insert($0) } }
        return roots
    }
}

/// A request laid out over a snapshot: the choices to make, and the trees that have at least one option for each. A
/// class, because each of the walks through thousands of trees holds it; it does not change once it is made.
final class CandidatePlan {
    let snapshot: ProviderSnapshot
    let request: CandidateRequest
    private(set) var points: [ChoicePoint] = []
    /// The roots of the trees that may have candidates.
    private(set) var roots: ProviderSet
    /// The traits that each group's providers must have together: of each set, a provider at least.
    let requiredTraits: [[ProviderSet]]
    /// The groups that must make a subtree, by the place of the last of them.
    private(set) var subtrees: [Int: [Set<Int>]] = [:]

    init(_ request: CandidateRequest, over snapshot: ProviderSnapshot) {
        (self.request, self.snapshot) = (request, snapshot)
        requiredTraits = request.groups.map { $0.traits.required.map(snapshot.providers(withAnyTrait:)) }
        roots = Self.roots(request.rootTraits, snapshot)
        for (place, group) in request.groups.enumerated() where !roots.isEmpty {
            let isWhole = group.usesOneProvider || (!snapshot.hasTrees && !snapshot.hasSharing)
            guard isWhole ? addWhole(group, at: place) : addSpread(group, at: place) else {
                roots = ProviderSet(capacity: snapshot.count)
                return
            }
        }
        markContested()
        for suffixes in request.sameSubtrees {
            let groups = Set(request.groups.indices.filter { suffixes.contains(request.groups[$0].suffix) })
            if let last = groups.max() { subtrees[last, default: []].append(groups) }
        }
    }

    /// The roots that can give a request alone, where that is all there is to find: one group, and no provider is below
    /// another or shares. Spares the plan with its choices, in a cloud of thousands of hosts most of a search.
    /// - Returns: nil when there are choices to make.
    static func rootsAlone(_ request: CandidateRequest, over snapshot: ProviderSnapshot) -> ProviderSet? {
        guard !snapshot.hasTrees, !snapshot.hasSharing, request.groups.count == 1, let group = request.groups.first else { return nil }
        let none = ProviderSet(capacity: snapshot.count)
        let traits = group.traits.required.map(snapshot.providers(withAnyTrait:))
        guard let demands = demands(group, snapshot), let fitting = fitting(group, demands, traits, snapshot) else { return none }
        var roots = roots(request.rootTraits, snapshot)
        roots.formIntersection(fitting)
        return roots
    }

    private static func roots(_ traits: TraitFilter, _ snapshot: ProviderSnapshot) -> ProviderSet {
        var roots = ProviderSet(capacity: snapshot.count)
        for (provider, root) in snapshot.roots.enumerated() where provider == root { roots.insert(root) }
        for anyTraits in traits.required { roots.formIntersection(snapshot.providers(withAnyTrait: anyTraits)) }
        if !traits.forbidden.isEmpty { roots.subtract(snapshot.providers(withAnyTrait: traits.forbidden)) }
        return roots
    }

    private func add(_ point: ChoicePoint) -> Bool {
        points.append(point)
        roots = point.options.roots(of: roots, capacity: snapshot.count)
        return !roots.isEmpty
    }

    private func markContested() {
        var counts: [Int: Int] = [:]
        for point in points { for demand in point.demands { counts[demand.resourceClass, default: 0] += 1 } }
        for place in points.indices {
            for position in points[place].demands.indices {
                let resourceClass = points[place].demands[position].resourceClass
                points[place].demands[position].isContested = (counts[resourceClass] ?? 0) > 1
            }
        }
    }

    /// The amounts by class number; nil when nobody has any of a class.
    private static func demands(_ group: RequestGroup, _ snapshot: ProviderSnapshot) -> [ChoicePoint.Demand]? {
        var demands: [ChoicePoint.Demand] = []
        for (name, amount) in group.resources {
            guard let resourceClass = snapshot.number(ofClass: name) else { return nil }
            demands.append(ChoicePoint.Demand(resourceClass: resourceClass, amount: amount))
        }
        return demands.sorted { $0.resourceClass < $1.resourceClass }
    }

    private static func intersection(_ aggregates: [Set<String>], _ snapshot: ProviderSnapshot) -> ProviderSet? {
        guard let first = aggregates.first else { return nil }
        var result = snapshot.providers(inAnyAggregate: first)
        for others in aggregates.dropFirst() { result.formIntersection(snapshot.providers(inAnyAggregate: others)) }
        return result
    }
}

// MARK: A group from one provider

extension CandidatePlan {
    /// - Returns: whether there may still be candidates.
    private func addWhole(_ group: RequestGroup, at place: Int) -> Bool {
        guard let demands = Self.demands(group, snapshot),
            let fitting = Self.fitting(group, demands, requiredTraits[place], snapshot)
        else { return false }
        let (snapshot, roots) = (snapshot, roots)
        let options = AnchoredProviders(count: snapshot.count) { visit in
            fitting.forEach { provider in
                let own = snapshot.roots[provider]
                if roots.contains(own) { visit(own, provider) }
                guard snapshot.sharing.contains(provider), var others = snapshot.sharedWith[provider] else { return }
                others.formIntersection(roots)
                others.forEach { if $0 != own { visit($0, provider) } }
            }
        }
        return add(ChoicePoint(group: place, usesOneProvider: group.usesOneProvider, demands: demands, options: options))
    }

    /// Those who satisfy the group alone; aggregates are their own ones.
    private static func fitting(
        _ group: RequestGroup, _ demands: [ChoicePoint.Demand], _ requiredTraits: [ProviderSet], _ snapshot: ProviderSnapshot
    ) -> ProviderSet? {
        var fitting = ProviderSet.all(capacity: snapshot.count)
        for traits in requiredTraits { fitting.formIntersection(traits) }
        if !group.traits.forbidden.isEmpty { fitting.subtract(snapshot.providers(withAnyTrait: group.traits.forbidden)) }
        if let members = intersection(group.memberOf, snapshot) { fitting.formIntersection(members) }
        if !group.forbiddenAggregates.isEmpty {
            fitting.subtract(snapshot.providers(inAnyAggregate: group.forbiddenAggregates))
        }
        if let inTree = group.inTree {
            guard let tree = snapshot.tree(of: inTree) else { return nil }
            fitting.formIntersection(tree)
        }
        for demand in demands where !fitting.isEmpty {
            fitting.formIntersection(snapshot.providers(with: demand.amount, ofClass: demand.resourceClass))
        }
        return fitting.isEmpty ? nil : fitting
    }
}

// MARK: A group spread over a tree

extension CandidatePlan {
    /// - Returns: whether there may still be candidates.
    private func addSpread(_ group: RequestGroup, at place: Int) -> Bool {
        guard let demands = Self.demands(group, snapshot) else { return false }
        let members = Self.intersection(group.memberOf, snapshot)
        let outcasts = group.forbiddenAggregates.isEmpty ? nil : snapshot.providers(inAnyAggregate: group.forbiddenAggregates)
        let tree = group.inTree.map { snapshot.tree(of: $0) ?? ProviderSet(capacity: snapshot.count) }
        let hated = group.traits.forbidden.isEmpty ? nil : snapshot.providers(withAnyTrait: group.traits.forbidden)
        for (position, demand) in demands.enumerated() {
            var fitting = snapshot.providers(with: demand.amount, ofClass: demand.resourceClass)
            if let tree { fitting.formIntersection(tree) }
            if let hated { fitting.subtract(hated) }
            if let outcasts { fitting.subtract(outcasts) }
            let options = spread(fitting, sharing: tree == nil, members: members, outcasts: outcasts)
            let point = ChoicePoint(
                group: place, usesOneProvider: false, demands: [demand], options: options,
                endsGroup: position == demands.count - 1)
            guard add(point) else { return false }
        }
        return true
    }

    /// Who can give to which tree: everybody to its own, those who share also to others. An aggregate that the root is
    /// in holds for its whole tree.
    private func spread(
        _ fitting: ProviderSet, sharing: Bool, members: ProviderSet?, outcasts: ProviderSet?
    ) -> AnchoredProviders {
        let (snapshot, roots) = (snapshot, roots)
        return AnchoredProviders(count: snapshot.count) { visit in
            fitting.forEach { provider in
                let own = snapshot.roots[provider]
                let isMember = members?.contains(provider) ?? true
                if roots.contains(own), isMember || members?.contains(own) == true, outcasts?.contains(own) != true {
                    visit(own, provider)
                }
                guard sharing, isMember, snapshot.sharing.contains(provider), var others = snapshot.sharedWith[provider]
                else { return }
                others.formIntersection(roots)
                if let outcasts { others.subtract(outcasts) }
                others.forEach { if $0 != own { visit($0, provider) } }
            }
        }
    }
}
