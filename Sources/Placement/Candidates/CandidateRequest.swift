/// What a request for allocation candidates wants.
struct CandidateRequest: Sendable, Hashable {
    /// The groups in the order of the request.
    var groups: [RequestGroup]
    /// Whether groups with a suffix must each have a provider of their own (`group_policy=isolate`).
    var isIsolated = false
    /// How many candidates at most.
    var limit: Int?
    /// What the root of the tree must have and must not have.
    var rootTraits = TraitFilter()
    /// The suffixes of groups whose providers must have one among them that is above the others.
    var sameSubtrees: [Set<String>] = []
    /// Whether several providers of one tree may be used (API 1.29).
    var spansTrees = true
}

/// Resources that belong together in a request, with what their providers must be like.
struct RequestGroup: Sendable, Hashable {
    /// The end of the group's query parameters' names; empty for the group that may be spread over the providers of a
    /// tree and those that share with it. Any other group is given by one provider.
    var suffix = ""
    var resources: Resources = [:]
    var traits = TraitFilter()
    /// Of each set, one aggregate at least.
    var memberOf: [Set<String>] = []
    var forbiddenAggregates: Set<String> = []
    /// A provider of the tree that the resources must come from.
    var inTree: String?

    /// Whether one provider must give all of it.
    var usesOneProvider: Bool { !suffix.isEmpty }
}

/// How candidates are generated.
public struct CandidateOptions: Sendable, Hashable {
    /// The order in which trees are visited.
    public enum Strategy: String, Sendable, Hashable, CaseIterable {
        /// All candidates of a tree before those of the next.
        case depthFirst = "depth-first"
        /// One candidate of each tree in turn.
        case breadthFirst = "breadth-first"
    }

    /// Whether the answer is in random order, and a random part where there is a limit.
    public var isRandomized = false
    /// How many candidates are generated for one request at most; nil for any number.
    public var maximum: Int? = 100_000
    /// The order in which trees are visited.
    public var strategy = Strategy.depthFirst

    /// Upstream's defaults, but that the number is bounded as upstream advises large clouds: the ways to spread a few
    /// groups over a wide tree are easily millions.
    public init() {}
}

/// One way to give what was wanted: a claim that fits now.
struct AllocationRequest: Sendable, Hashable {
    /// An amount of a class from a provider, by their numbers in the snapshot.
    struct Share: Sendable, Hashable {
        let provider: Int
        let resourceClass: Int
        var amount: Int
    }
    /// Sorted by provider and class; each pair comes once.
    let shares: [Share]
    /// The providers of each group, in the order of the groups; sorted.
    let mappings: [[Int]]
}

/// The candidates, with the providers that a client may want to know more about.
struct CandidateAnswer: Sendable {
    var requests: [AllocationRequest] = []
    /// The numbers of the providers, rising.
    var providers: [Int] = []
}
