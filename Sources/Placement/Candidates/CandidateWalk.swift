/// Walks through the candidates of one tree, one at a time: choice after choice, and back as soon as a choice cannot
/// lead to a candidate.
struct CandidateWalk {
    private let plan: CandidatePlan
    private let root: Int
    /// The options of each choice in this tree.
    private let options: [ArraySlice<Int>]
    /// Where each choice stands in its options.
    private var positions: [Int]
    /// The provider of each choice made so far.
    private var chosen: [Int]
    private var level = 0

    /// The walk through the tree of a root.
    init(_ plan: CandidatePlan, root: Int) {
        (self.plan, self.root) = (plan, root)
        options = plan.points.map { $0.options[root] }
        positions = options.map(\.startIndex)
        chosen = Array(repeating: -1, count: options.count)
        if options.isEmpty || !mayFit() { level = -1 }
    }

    /// The next candidate; nil after the last.
    /// - Parameter steps: how many options may still be looked at; a search that has used them up ends.
    mutating func next(steps: inout Int) -> AllocationRequest? {
        while level >= 0 {
            guard positions[level] < options[level].endIndex, steps > 0 else {
                level -= 1
                continue
            }
            steps -= 1
            chosen[level] = options[level][positions[level]]
            positions[level] += 1
            guard isPossible() else { continue }
            if level == options.count - 1 { return candidate() }
            level += 1
            positions[level] = options[level].startIndex
        }
        return nil
    }

    // MARK: What cannot be

    /// Whether the choice just made goes with those before it.
    private func isPossible() -> Bool {
        let point = plan.points[level]
        return !(plan.request.isIsolated && point.usesOneProvider && isTaken())
            && hasRoom(point) && (!point.endsGroup || endsWell(point.group))
    }

    /// Whether another group that uses one provider uses this one.
    private func isTaken() -> Bool {
        for place in 0..<level where chosen[place] == chosen[level] && plan.points[place].usesOneProvider { return true }
        return false
    }

    /// Each amount fits alone; those that come together at one provider must fit together.
    private func hasRoom(_ point: ChoicePoint) -> Bool {
        for demand in point.demands where demand.isContested {
            var sum = demand.amount
            for place in 0..<level where chosen[place] == chosen[level] {
                for other in plan.points[place].demands where other.resourceClass == demand.resourceClass { sum += other.amount }
            }
            guard sum == demand.amount || plan.snapshot.columns[demand.resourceClass][chosen[level]]?.holds(sum) == true
            else { return false }
        }
        return true
    }

    /// Whether a group whose providers are all chosen has its traits and its place in the tree.
    private func endsWell(_ group: Int) -> Bool {
        for traits in plan.requiredTraits[group] where !traits.contains(chosen[level]) {
            guard hasAny(traits, group) else { return false }
        }
        for groups in plan.subtrees[group] ?? [] {
            var providers: Set<Int> = []
            for place in 0...level where groups.contains(plan.points[place].group) { providers.insert(chosen[place]) }
            guard plan.snapshot.isSubtree(providers) else { return false }
        }
        return true
    }

    private func hasAny(_ traits: ProviderSet, _ group: Int) -> Bool {
        for place in 0..<level where plan.points[place].group == group && traits.contains(chosen[place]) { return true }
        return false
    }

    /// Whether the tree's options could hold the sum of what is wanted, and are as many as must be different: spares
    /// the walk through trees that are nearly full.
    private func mayFit() -> Bool {
        if plan.request.isIsolated {
            let alone = plan.points.indices.filter { plan.points[$0].usesOneProvider }
            guard Set(alone.flatMap { options[$0] }).count >= alone.count else { return false }
        }
        var wanted: [Int: (sum: Int, providers: Set<Int>)] = [:]
        for (place, point) in plan.points.enumerated() {
            for demand in point.demands where demand.isContested {
                wanted[demand.resourceClass, default: (0, [])].sum += demand.amount
                wanted[demand.resourceClass]?.providers.formUnion(options[place])
            }
        }
        return wanted.allSatisfy { resourceClass, wanted in
            let column = plan.snapshot.columns[resourceClass]
            let free = wanted.providers.reduce(0) { $0 + min(column[$1]?.free ?? 0, wanted.sum) }
            return free >= wanted.sum
        }
    }

    // MARK: What is found

    private func candidate() -> AllocationRequest {
        var shares: [AllocationRequest.Share] = []
        shares.reserveCapacity(plan.points.reduce(0) { $0 + $1.demands.count })
        var mappings: [[Int]] = Array(repeating: [], count: plan.request.groups.count)
        for (place, point) in plan.points.enumerated() {
            let provider = chosen[place]
            if !mappings[point.group].contains(provider) { mappings[point.group].append(provider) }
            for demand in point.demands {
                if demand.isContested, let known = shares.firstIndex(where: {
                    $0.provider == provider && $0.resourceClass == demand.resourceClass
                }) {
                    shares[known].amount += demand.amount
                } else {
                    shares.append(.init(provider: provider, resourceClass: demand.resourceClass, amount: demand.amount))
                }
            }
        }
        if plan.points.count > 1 {
            shares.sort { ($0.provider, $0.resourceClass) < ($1.provider, $1.resourceClass) }
            for group in mappings.indices { mappings[group].sort() }
        }
        return AllocationRequest(shares: shares, mappings: mappings)
    }
}
