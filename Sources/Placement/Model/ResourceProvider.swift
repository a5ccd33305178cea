import CloudCore

/// Something that has resources to give: a host, a part of one, a shared disk farm. Providers form trees.
struct ResourceProvider: Sendable, Hashable {
    let uuid: String
    var name: String
    /// Counts the changes of what the provider offers and has given; a writer names the one it has seen.
    var generation: Int
    var parentUUID: String?
    /// The root of its tree; itself for a root.
    var rootUUID: String
    let createdAt: Timestamp
    var updatedAt: Timestamp
}

/// Which providers are wanted.
struct ProviderFilter: Sendable, Hashable {
    var name: String?
    var uuid: String?
    /// Any provider of the tree that is wanted.
    var inTree: String?
    /// Amounts by resource class that one provider must have room for.
    var resources: [String: Int] = [:]
    var traits = TraitFilter()
    /// Of each set, one aggregate at least.
    var memberOf: [Set<String>] = []
    var forbiddenAggregates: Set<String> = []
}

/// Which traits are wanted.
struct TraitFilter: Sendable, Hashable {
    /// Of each set, one trait at least.
    var required: [Set<String>] = []
    var forbidden: Set<String> = []

    /// Every trait that is named.
    var names: Set<String> { required.reduce(forbidden) { $0.union($1) } }
}
