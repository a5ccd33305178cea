import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The placement service: who has how much of what to give, and to whom it was given (Placement's API 1.0 to 1.39).
///
/// A claim is checked against rows and written in one transaction, so that no amount is ever given twice and no usage
/// can drift. Services in this program use the methods that take their own reader or transaction; everybody else the
/// API.
public final class Placement: Sendable {
    let database: any Database
    let candidateOptions: CandidateOptions
    let snapshots = SnapshotCache()

    /// The service over its database, whose migrations have run.
    public init(database: any Database, candidates: CandidateOptions = CandidateOptions()) {
        (self.database, candidateOptions) = (database, candidates)
    }

    /// The service's tables.
    public static var migrations: MigrationSet { PlacementSchema.migrations }

    /// The service's default policy rules.
    public static var rules: [PolicyRule] { PlacementPolicies.rules }

    /// The service's front.
    public var api: ServiceAPI { PlacementAPI(placement: self).service }
}

// MARK: For services in this program

extension Placement {
    /// Makes sure that there is a root provider of this UUID, and that it has this name.
    /// - Throws: `PlacementError.duplicateProvider` when another provider has the name.
    public func ensureProvider(uuid: String, name: String, in transaction: any Transaction) throws {
        let now = Timestamp.now
        guard var provider = try ProviderRecords.find(uuid, in: transaction) else {
            return try Providers.create(uuid: uuid, name: name, parent: nil, now: now, in: transaction)
        }
        guard provider.name != name else { return }
        provider.name = name
        try Providers.save(&provider, now: now, in: transaction)
    }

    /// Makes sure that there is a provider of this UUID and name below the root provider of another name.
    /// - Returns: false when there is no provider of that name.
    /// - Throws: `PlacementError.duplicateProvider` when another provider has the name.
    public func ensureProvider(
        uuid: String, name: String, belowProviderNamed parent: String, in transaction: any Transaction
    ) throws -> Bool {
        guard let above = try ProviderRecords.uuid(named: parent, in: transaction) else { return false }
        guard try ProviderRecords.find(uuid, in: transaction) == nil else { return true }
        try Providers.create(uuid: uuid, name: name, parent: above, now: .now, in: transaction)
        return true
    }

    /// Makes sure that there are these custom traits.
    public func ensureTraits(_ names: Set<String>, in transaction: any Transaction) throws {
        for name in try TraitRecords.unknown(names, in: transaction) { try TraitRecords.insert(name, now: .now, in: transaction) }
    }

    /// Makes the inventories of a provider what is given here; equal ones change nothing, not even the generation.
    /// What somebody has been given of stays, even when it is left out.
    /// - Throws: `PlacementError` for an unknown provider or class.
    public func setInventory(
        provider uuid: String, inventories: [String: Inventory], in transaction: any Transaction
    ) throws {
        let provider = try Providers.get(uuid, in: transaction)
        let present = try InventoryRecords.list(of: uuid, in: transaction)
        var wanted = inventories
        let left = present.map(\.resourceClass).filter { inventories[$0] == nil }
        let kept = try InventoryRecords.inUse(left, of: uuid, in: transaction)
        for stored in present where kept.contains(stored.resourceClass) { wanted[stored.resourceClass] = stored.inventory }
        guard wanted != Dictionary(uniqueKeysWithValues: present.map { ($0.resourceClass, $0.inventory) }) else { return }
        try Inventories.replace(wanted, of: provider, now: .now, in: transaction)
    }

    /// Sets a provider's traits; equal ones change nothing.
    /// - Throws: `PlacementError` for an unknown provider or trait.
    public func setTraits(_ traits: Set<String>, provider uuid: String, in transaction: any Transaction) throws {
        let provider = try Providers.get(uuid, in: transaction)
        let unknown = try TraitRecords.unknown(traits, in: transaction)
        guard unknown.isEmpty else { throw PlacementError.badRequest("No such trait \(unknown.joined(separator: ", "))") }
        try Providers.setTraits(traits, of: provider, now: .now, in: transaction)
    }

    /// A provider's traits; none for an unknown one.
    public func traits(provider uuid: String, in reader: any Reader) throws -> Set<String> {
        Set(try TraitRecords.list(provider: uuid, in: reader).map(\.name))
    }

    /// Those of the names that are no traits.
    public func unknownTraits(_ names: Set<String>, in reader: any Reader) throws -> Set<String> {
        Set(try TraitRecords.unknown(names, in: reader))
    }

    /// Puts a provider into an aggregate or takes it out; what others have put it into stays.
    /// - Throws: `PlacementError` for an unknown provider.
    public func setMembership(
        _ isMember: Bool, of uuid: String, inAggregate aggregate: String, in transaction: any Transaction
    ) throws {
        _ = try Providers.get(uuid, in: transaction)
        let present = try ProviderRecords.aggregates(of: uuid, in: transaction)
        guard present.contains(aggregate) != isMember else { return }
        let wanted = isMember ? present + [aggregate] : present.filter { $0 != aggregate }
        try ProviderRecords.setAggregates(wanted, of: uuid, in: transaction)
        try ProviderRecords.bumpGenerations(of: [uuid], now: .now, in: transaction)
    }

    /// Removes a provider of which nothing is given, with those below it. An unknown one is success.
    /// - Throws: `PlacementError` when something of it is given.
    public func removeProvider(_ uuid: String, in transaction: any Transaction) throws {
        guard let provider = try ProviderRecords.find(uuid, in: transaction) else { return }
        let children = Dictionary(
            grouping: try ProviderRecords.parents(inTree: provider.rootUUID, in: transaction), by: \.parent)
        for child in children[uuid] ?? [] { try removeProvider(child.uuid, in: transaction) }
        try Providers.delete(uuid, in: transaction)
    }

    /// Hands all that a consumer has over to another, which may not have anything yet.
    /// - Throws: `PlacementError` and `ClaimRefused` as `claim`; nothing may have been changed then.
    public func move(
        from source: String, to consumer: String, project: String, user: String, type: String, in transaction: any Transaction
    ) throws {
        let resources = try allocations(consumer: source, in: transaction)
        guard !resources.isEmpty else { return }
        let now = Timestamp.now
        try Claims.write(
            [
                ConsumerClaim(consumer: source, projectID: project, userID: user, resources: [:]),
                ConsumerClaim(consumer: consumer, projectID: project, userID: user, type: type, resources: resources),
            ], now: now, in: transaction)
    }

    /// What providers have of each class and how much of it is given, by provider.
    public func summaries(
        _ providers: [String], in reader: any Reader
    ) throws -> [String: [(resourceClass: String, capacity: Int, used: Int)]] {
        try CandidateRecords.summaries(providers, in: reader).mapValues { $0.map { ($0.resourceClass, $0.capacity, $0.used) } }
    }

    /// Providers that each have room for all the resources, and all and none of the traits; which ones, when there
    /// are more than the limit, is random.
    public func candidates(
        resources: Resources, requiredTraits: Set<String> = [], forbiddenTraits: Set<String> = [],
        aggregates: [Set<String>] = [], limit: Int, in reader: any Reader
    ) throws -> [Candidate] {
        let traits = TraitFilter(required: requiredTraits.sorted().map { [$0] }, forbidden: forbiddenTraits)
        let filter = ProviderFilter(resources: resources, traits: traits, memberOf: aggregates)
        let providers = try CandidateRecords.providers(filter, from: Identifier.uuid(), limit: limit, in: reader)
        let summaries = try CandidateRecords.summaries(providers, in: reader)
        return providers.map { provider in
            let free = (summaries[provider] ?? []).map { ($0.resourceClass, $0.capacity - $0.used) }
            return Candidate(provider: provider, free: Dictionary(uniqueKeysWithValues: free))
        }
    }

    /// Makes what a consumer has exactly this: resources by provider. Repeating it is harmless.
    /// - Throws: `ClaimRefused` when it does not fit, and nothing may have been changed then;
    ///   `PlacementError` for an unknown provider or class.
    public func claim(
        consumer: String, project: String, user: String, type: String = "INSTANCE", allocations: [String: Resources],
        in transaction: any Transaction
    ) throws {
        let claim = ConsumerClaim(consumer: consumer, projectID: project, userID: user, type: type, resources: allocations)
        try Claims.write([claim], now: .now, in: transaction)
    }

    /// Changes what a consumer has by differences, by provider and class; a consumer that has nothing stays so.
    /// - Throws: `ClaimRefused` when it does not fit, and nothing may have been changed then;
    ///   `PlacementError` for an unknown provider or class.
    public func adjust(consumer id: String, by difference: [String: [String: Int]], in transaction: any Transaction) throws {
        guard let consumer = try AllocationRecords.consumer(id, in: transaction) else { return }
        var resources = try allocations(consumer: id, in: transaction)
        for (provider, amounts) in difference { resources[provider, default: [:]].merge(amounts) { $0 + $1 } }
        resources = resources.mapValues { $0.filter { $0.value > 0 } }.filter { !$0.value.isEmpty }
        let claim = ConsumerClaim(
            consumer: id, projectID: consumer.projectID, userID: consumer.userID, type: consumer.type, resources: resources)
        try Claims.write([claim], now: .now, in: transaction)
    }

    /// Gives back all that a consumer has. Repeating it is harmless.
    /// - Returns: whether it had anything.
    @discardableResult
    public func release(consumer: String, in transaction: any Transaction) throws -> Bool {
        try Claims.release(consumer, in: transaction)
    }

    /// What a consumer has, by provider.
    public func allocations(consumer: String, in reader: any Reader) throws -> [String: Resources] {
        try AllocationRecords.list(consumer: consumer, in: reader).byProvider
    }

    /// What a provider has given, by consumer.
    public func allocations(provider: String, in reader: any Reader) throws -> [String: Resources] {
        var consumers: [String: Resources] = [:]
        for (allocation, _) in try AllocationRecords.list(provider: provider, in: reader) {
            consumers[allocation.consumer, default: [:]][allocation.resourceClass] = allocation.amount
        }
        return consumers
    }

    /// What everybody has, for reconcilers that look for what nobody needs any more: a page of consumers in the order
    /// of their UUIDs, each with its resources by provider.
    /// - Parameters:
    ///   - consumer: the last of the page before; empty for the first page.
    ///   - limit: how many consumers at most. A shorter page is the last.
    public func allAllocations(
        afterConsumer consumer: String = "", limit: Int = 1_000, in reader: any Reader
    ) throws -> [(consumer: String, resources: [String: Resources])] {
        let allocations = try AllocationRecords.list(afterConsumer: consumer, limit: limit, in: reader)
        return Dictionary(grouping: allocations, by: \.consumer).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value.byProvider) }
    }
}

extension [Allocation] {
    /// The amounts by provider and class.
    var byProvider: [String: Resources] {
        reduce(into: [:]) { $0[$1.provider, default: [:]][$1.resourceClass] = $1.amount }
    }
}
