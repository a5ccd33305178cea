import CloudCore
import Synchronization

/// What a provider offers and has given, as stored.
struct ProviderState: Sendable, Hashable {
    let uuid: String
    var parentUUID: String?
    var rootUUID: String
    /// By resource class.
    var inventories: [String: InventoryState] = [:]
    var traits: Set<String> = []
    var aggregates: Set<String> = []

    /// Whether the provider is what it was, but for the amounts it has and has given.
    func differsInAmountsOnly(from other: ProviderState) -> Bool {
        parentUUID == other.parentUUID && rootUUID == other.rootUUID && traits == other.traits
            && aggregates == other.aggregates && inventories.keys == other.inventories.keys
    }
}

/// A provider as snapshots share it: the next snapshot copies a reference of each provider, not what it is made of.
final class SharedProvider: Sendable {
    let state: ProviderState

    init(_ state: ProviderState) { self.state = state }

    var uuid: String { state.uuid }
    var parentUUID: String? { state.parentUUID }
    var rootUUID: String { state.rootUUID }
    var inventories: [String: InventoryState] { state.inventories }
    var traits: Set<String> { state.traits }
    var aggregates: Set<String> { state.aggregates }
}

/// How much of a resource class a provider can still give, and in what pieces.
struct InventoryState: Sendable, Hashable {
    /// How much may be given in all.
    var capacity: Int
    /// How much of it is given.
    var used: Int
    var minimumUnit: Int
    var maximumUnit: Int
    var stepSize: Int

    /// Whether one allocation of this amount is possible now.
    func admits(_ amount: Int) -> Bool {
        amount >= minimumUnit && amount <= maximumUnit && amount % stepSize == 0 && holds(amount)
    }

    /// Whether amounts that are possible one by one are possible together.
    func holds(_ sum: Int) -> Bool { sum <= maximumUnit && sum <= free }

    /// How much is left; nothing where more is given than there is.
    var free: Int { capacity > used ? capacity - used : 0 }
}

/// All providers at one moment, arranged for finding those that fit: providers are numbers, and what they have in common
/// is a set of bits. An immutable class, because requests share it while it is replaced.
final class ProviderSnapshot: Sendable {
    /// The inventories of one resource class, beside the numbers of their providers in rising order.
    struct Column: Sendable {
        var providers: [Int] = []
        var inventories: [InventoryState] = []

        /// The inventory of a provider; nil when it has none of the class.
        subscript(provider: Int) -> InventoryState? { place(of: provider).map { inventories[$0] } }

        mutating func set(_ inventory: InventoryState, of provider: Int) {
            if let place = place(of: provider) { inventories[place] = inventory }
        }

        private func place(of provider: Int) -> Int? {
            var (low, high) = (0, providers.count)
            while low < high {
                let middle = (low + high) / 2
                if providers[middle] < provider { low = middle + 1 } else { high = middle }
            }
            return low < providers.count && providers[low] == provider ? low : nil
        }
    }

    /// The providers in the order of their numbers, which is that of their UUIDs.
    let providers: [SharedProvider]
    /// The number of each provider's root; of a root its own.
    let roots: [Int]
    /// The number of each provider's parent.
    let parents: [Int?]
    /// The providers of each tree, at the place of its root.
    let members: [[Int]]
    /// The names of the resource classes that somebody has, sorted: what is at a class's number.
    let classNames: [String]
    /// The classes of each provider by their numbers, rising: in which columns it has an inventory.
    let classesOfProviders: [[Int]]
    private let classNumbers: [String: Int]
    let columns: [Column]
    /// The traits of each provider: the standard ones before operators' own, as upstream has them.
    let traitsOfProviders: [[String]]
    private let traits: [String: ProviderSet]
    private let aggregates: [String: ProviderSet]
    private let numbers: [String: Int]
    /// Those who share what they have with the trees in their aggregates.
    let sharing: ProviderSet
    /// The roots of the trees that each sharing provider shares with.
    let sharedWith: [Int: ProviderSet]
    /// Whether there is a provider below another one.
    let hasTrees: Bool
    /// Whether there is one that shares.
    let hasSharing: Bool
    /// The providers as answers have written them, so that each is written once.
    let summaries: WrittenSummaries

    /// Who can give what was asked for lately.
    private let fitting = Mutex<[WantedAmount: ProviderSet]>([:])
    /// For how many different amounts that is kept.
    private static let maximumFitting = 64

    /// An amount of a resource class, by the class's number.
    private struct WantedAmount: Hashable {
        let resourceClass: Int
        let amount: Int
    }

    /// The trait that says that a provider shares.
    static let sharingTrait = "MISC_SHARES_VIA_AGGREGATE"

    /// - Parameter providers: sorted by UUID.
    init(_ providers: [ProviderState]) {
        self.providers = providers.map(SharedProvider.init)
        summaries = WrittenSummaries(Array(repeating: nil, count: providers.count))
        let numbers = Dictionary(uniqueKeysWithValues: providers.enumerated().map { ($1.uuid, $0) })
        let roots = providers.enumerated().map { numbers[$1.rootUUID] ?? $0 }
        (self.numbers, self.roots) = (numbers, roots)
        parents = providers.map { $0.parentUUID.flatMap { numbers[$0] } }
        hasTrees = providers.contains { $0.parentUUID != nil }
        var members: [[Int]] = Array(repeating: [], count: providers.count)
        for (provider, root) in roots.enumerated() { members[root].append(provider) }
        self.members = members

        let classes = ClassTable(providers)
        (classNames, classNumbers) = (classes.names, classes.numbers)
        (columns, classesOfProviders) = (classes.columns, classes.ofProviders)

        traitsOfProviders = providers.map {
            $0.traits.map { (isCustom: $0.isCustom, name: $0) }.sorted { ($0.isCustom ? 1 : 0, $0.name) < ($1.isCustom ? 1 : 0, $1.name) }
                .map(\.name)
        }
        traits = Self.index(providers, \.traits)
        aggregates = Self.index(providers, \.aggregates)
        let sharing = traits[Self.sharingTrait] ?? ProviderSet(capacity: providers.count)
        (self.sharing, hasSharing) = (sharing, !sharing.isEmpty)
        sharedWith = Self.sharedWith(sharing, providers, roots, aggregates)
    }

    /// The same providers after some have given or got back resources, or changed how much they have: what nearly every
    /// change is.
    /// - Parameter changed: the changed ones.
    /// - Returns: nil when more than amounts has changed, so that all must be arranged anew.
    func updated(_ changed: [ProviderState]) -> ProviderSnapshot? {
        var (providers, columns, written) = (providers, columns, summaries.all)
        for state in changed {
            guard let number = numbers[state.uuid], state.differsInAmountsOnly(from: providers[number].state) else { return nil }
            providers[number] = SharedProvider(state)
            written[number] = nil
            for (name, inventory) in state.inventories {
                guard let resourceClass = classNumbers[name] else { return nil }
                columns[resourceClass].set(inventory, of: number)
            }
        }
        return ProviderSnapshot(self, providers, columns, WrittenSummaries(written))
    }

    private init(_ other: ProviderSnapshot, _ providers: [SharedProvider], _ columns: [Column], _ summaries: WrittenSummaries) {
        (self.providers, self.columns, self.summaries) = (providers, columns, summaries)
        (roots, parents, members, numbers) = (other.roots, other.parents, other.members, other.numbers)
        (classNames, classNumbers, classesOfProviders) = (other.classNames, other.classNumbers, other.classesOfProviders)
        (traitsOfProviders, traits, aggregates) = (other.traitsOfProviders, other.traits, other.aggregates)
        (sharing, sharedWith, hasTrees, hasSharing) = (other.sharing, other.sharedWith, other.hasTrees, other.hasSharing)
    }

    /// Who has each of the names.
    private static func index(_ providers: [ProviderState], _ names: KeyPath<ProviderState, Set<String>>) -> [String: ProviderSet] {
        var index: [String: ProviderSet] = [:]
        for (number, provider) in providers.enumerated() {
            for name in provider[keyPath: names] {
                index[name, default: ProviderSet(capacity: providers.count)].insert(number)
            }
        }
        return index
    }

    private static func sharedWith(
        _ sharing: ProviderSet, _ providers: [ProviderState], _ roots: [Int], _ aggregates: [String: ProviderSet]
    ) -> [Int: ProviderSet] {
        var rootsOfAggregates: [String: ProviderSet] = [:]
        var result: [Int: ProviderSet] = [:]
        sharing.forEach { provider in
            var anchors = ProviderSet(capacity: providers.count)
            for aggregate in providers[provider].aggregates {
                let found = rootsOfAggregates[aggregate] ?? {
                    var found = ProviderSet(capacity: providers.count)
                    aggregates[aggregate]?.forEach { found.insert(roots[$0]) }
                    return found
                }()
                rootsOfAggregates[aggregate] = found
                anchors.formUnion(found)
            }
            result[provider] = anchors
        }
        return result
    }
}

/// The inventories turned from rows of providers into columns of classes.
private struct ClassTable {
    let names: [String]
    let numbers: [String: Int]
    private(set) var columns: [ProviderSnapshot.Column]
    private(set) var ofProviders: [[Int]] = []

    init(_ providers: [ProviderState]) {
        var found: Set<String> = []
        for provider in providers { for name in provider.inventories.keys where !found.contains(name) { found.insert(name) } }
        names = found.sorted()
        numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        columns = Array(repeating: ProviderSnapshot.Column(), count: names.count)
        ofProviders.reserveCapacity(providers.count)
        for (number, provider) in providers.enumerated() {
            var classes: [Int] = []
            for (name, inventory) in provider.inventories {
                guard let resourceClass = numbers[name] else { continue }
                classes.append(resourceClass)
                columns[resourceClass].providers.append(number)
                columns[resourceClass].inventories.append(inventory)
            }
            ofProviders.append(classes.sorted())
        }
    }
}

// MARK: Looking up

extension ProviderSnapshot {
    /// How many providers there are.
    var count: Int { providers.count }

    /// The number of a provider; nil when there is none of this UUID.
    func number(of uuid: String) -> Int? { numbers[uuid] }

    /// The number of a class; nil when nobody has any of it.
    func number(ofClass name: String) -> Int? { classNumbers[name] }

    /// Those who have one of the traits at least.
    func providers(withAnyTrait names: Set<String>) -> ProviderSet { union(names, traits) }

    /// Those who are in one of the aggregates at least.
    func providers(inAnyAggregate uuids: Set<String>) -> ProviderSet { union(uuids, aggregates) }

    private func union(_ names: Set<String>, _ index: [String: ProviderSet]) -> ProviderSet {
        var result = ProviderSet(capacity: count)
        for name in names { if let set = index[name] { result.formUnion(set) } }
        return result
    }

    /// Those who are in the same tree as a provider; nil when there is no such provider.
    func tree(of uuid: String) -> ProviderSet? {
        guard let number = numbers[uuid] else { return nil }
        var result = ProviderSet(capacity: count)
        for member in members[roots[number]] { result.insert(member) }
        return result
    }

    /// Those who can give an amount of a class in one allocation now. Counted once: many ask for the same.
    func providers(with amount: Int, ofClass resourceClass: Int) -> ProviderSet {
        let wanted = WantedAmount(resourceClass: resourceClass, amount: amount)
        if let known = fitting.withLock({ $0[wanted] }) { return known }
        let found = search(wanted)
        fitting.withLock { known in
            if known.count >= Self.maximumFitting { known = [:] }
            known[wanted] = found
        }
        return found
    }

    private func search(_ wanted: WantedAmount) -> ProviderSet {
        let (resourceClass, amount) = (wanted.resourceClass, wanted.amount)
        var result = ProviderSet(capacity: count)
        let column = columns[resourceClass]
        for position in column.providers.indices where column.inventories[position].admits(amount) {
            result.insert(column.providers[position])
        }
        return result
    }

    /// Whether one of some providers is the others' common ancestor.
    func isSubtree(_ providers: Set<Int>) -> Bool {
        providers.count < 2 || providers.contains { top in providers.allSatisfy { isAncestor(top, of: $0) } }
    }

    private func isAncestor(_ ancestor: Int, of provider: Int) -> Bool {
        var next: Int? = provider
        while let current = next {
            if current == ancestor { return true }
            next = parents[current]
        }
        return false
    }
}

/// The summaries of providers, as JSON values for the newest clients, by the providers' numbers. Filled by the answers
/// that need them.
final class WrittenSummaries: Sendable {
    private let values: Mutex<[[UInt8]?]>

    init(_ values: [[UInt8]?]) { self.values = Mutex(values) }

    /// What is written already; nil at the place of a provider that is not.
    var all: [[UInt8]?] { values.withLock { $0 } }

    /// Keeps what an answer has written.
    func keep(_ written: [(provider: Int, value: [UInt8])]) {
        guard !written.isEmpty else { return }
        values.withLock { values in for (provider, value) in written { values[provider] = value } }
    }
}
