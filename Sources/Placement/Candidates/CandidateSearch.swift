import CloudCore

/// Finds the allocation candidates of a request in a snapshot: a function of its arguments alone.
///
/// Upstream's rules (placement/objects/allocation_candidate.py): a group with a suffix comes from one provider, the group
/// without one from the providers of a tree and those that share with it; what is combined into one candidate belongs to
/// one tree, and must fit together.
struct CandidateSearch {
    /// How many options are looked at for one request at most. What was found until then is the answer: a request that
    /// needs more would hold a thread for longer than its client waits.
    static let maximumSteps = 20_000_000

    private let plan: CandidatePlan
    private let options: CandidateOptions
    private var steps = CandidateSearch.maximumSteps
    private var requests: [AllocationRequest] = []
    /// Candidates of providers that all share can be found from several trees.
    private var seen: Set<AllocationRequest> = []

    private init(_ plan: CandidatePlan, _ options: CandidateOptions) { (self.plan, self.options) = (plan, options) }

    /// The candidates, and the providers of all trees that they use.
    static func run(
        _ request: CandidateRequest, over snapshot: ProviderSnapshot, _ options: CandidateOptions = CandidateOptions(),
        using generator: inout some RandomNumberGenerator
    ) -> CandidateAnswer {
        var search = CandidateSearch(CandidatePlan(request, over: snapshot), options)
        // A random part is a part of all: the limit comes after the draw then.
        let limit = options.isRandomized ? nil : request.limit
        let maximum = min(limit ?? .max, options.maximum ?? .max)
        switch options.strategy {
        case .depthFirst: search.goDeep(maximum)
        case .breadthFirst: search.goBroad(maximum)
        }
        if options.isRandomized { search.requests.shuffle(using: &generator) }
        if let limit = request.limit, search.requests.count > limit {
            search.requests.removeLast(search.requests.count - limit)
        }
        return CandidateAnswer(requests: search.requests, providers: search.providers())
    }

    /// The same with the process's random numbers.
    static func run(
        _ request: CandidateRequest, over snapshot: ProviderSnapshot, _ options: CandidateOptions = CandidateOptions()
    ) -> CandidateAnswer {
        var generator = ChoiceGenerator()
        return run(request, over: snapshot, options, using: &generator)
    }

    private mutating func goDeep(_ maximum: Int) {
        var roots: [Int] = []
        plan.roots.forEach { roots.append($0) }
        for root in roots where requests.count < maximum {
            var walk = CandidateWalk(plan, root: root)
            while requests.count < maximum, let request = walk.next(steps: &steps) { take(request) }
        }
    }

    private mutating func goBroad(_ maximum: Int) {
        var walks: [CandidateWalk] = []
        plan.roots.forEach { walks.append(CandidateWalk(plan, root: $0)) }
        while !walks.isEmpty, requests.count < maximum {
            var left: [CandidateWalk] = []
            for var walk in walks where requests.count < maximum {
                guard let request = walk.next(steps: &steps) else { continue }
                take(request)
                left.append(walk)
            }
            walks = left
        }
    }

    private mutating func take(_ request: AllocationRequest) {
        guard plan.request.spansTrees || !usesTreeTwice(request) else { return }
        if plan.snapshot.hasSharing, request.shares.allSatisfy({ plan.snapshot.sharing.contains($0.provider) }) {
            guard seen.insert(request).inserted else { return }
        }
        requests.append(request)
    }

    /// Whether several providers of one tree are used.
    private func usesTreeTwice(_ request: AllocationRequest) -> Bool {
        let providers = Set(request.shares.map(\.provider))
        return Set(providers.map { plan.snapshot.roots[$0] }).count < providers.count
    }

    /// The providers of the trees that are used; before API 1.29 in a cloud with trees only those that are used themselves.
    private func providers() -> [Int] {
        var used = ProviderSet(capacity: plan.snapshot.count)
        for request in requests { for share in request.shares { used.insert(share.provider) } }
        if plan.request.spansTrees, plan.snapshot.hasTrees {
            var trees = used
            used.forEach { for member in plan.snapshot.members[plan.snapshot.roots[$0]] { trees.insert(member) } }
            used = trees
        }
        var providers: [Int] = []
        used.forEach { providers.append($0) }
        return providers
    }
}
