import CloudStore
import Synchronization

/// Keeps the last snapshot of the providers in memory. Each request asks the store whether something has changed, one
/// row for all providers, and then reads again only the shards that have: an answer is never older than what was
/// committed when it was asked for, whichever process wrote it.
final class SnapshotCache: Sendable {
    fileprivate struct State {
        var total = -1
        var beyondUsage = -1
        var readAt = ContinuousClock.now
        var numbers: [String: ChangeRecords.Numbers] = [:]
        var shards: [String: [ProviderState]] = [:]
        var snapshot = ProviderSnapshot([])

        /// Whether it is as true as a reader who sees so many changes asks for. More than the reader sees was committed later: as true
        /// an answer.
        func serves(_ totals: ChangeRecords.Totals, usageAge age: Duration) -> Bool {
            total >= totals.all || (age > .zero && beyondUsage >= totals.beyondUsage && .now - readAt <= age)
        }
    }

    /// With more changed shards than this, everything is read again.
    private static let maximumRanges = 32
    /// With more shards than this in which something was given, everything is read again.
    private static let maximumUsageRanges = 200
    private let state = Mutex(State())
    /// Held while one request reads what has changed: those that come meanwhile wait for it instead of doing the same.
    private let reading = Mutex<Void>(())

    /// The providers as they are.
    /// - Parameters:
    ///   - age: for how long what has been given since may be left out, by who claims against the rows later; anything else never is.
    ///   - reader: a snapshot of the store. Not a transaction: what it has not committed must not be kept.
    func snapshot(usageAge age: Duration = .zero, in reader: any Reader) throws -> ProviderSnapshot {
        let totals = try ChangeRecords.totals(in: reader)
        let known = state.withLock { $0 }
        if known.serves(totals, usageAge: age) { return known.snapshot }
        return try reading.withLock { _ in
            let known = state.withLock { $0 }
            if known.serves(totals, usageAge: age) { return known.snapshot }
            let fresh = try Self.state(totals, after: known, in: reader)
            state.withLock { $0 = fresh }
            return fresh.snapshot
        }
    }

    private static func state(_ totals: ChangeRecords.Totals, after known: State, in reader: any Reader) throws -> State {
        var fresh = State(total: totals.all, beyondUsage: totals.beyondUsage, numbers: try ChangeRecords.numbers(in: reader))
        let changed = fresh.shards(differingFrom: known, in: \.beyondUsage)
        let given = fresh.shards(differingFrom: known, in: \.usage).subtracting(changed)
        let isPart = known.total >= 0 && changed.count <= maximumRanges && given.count <= maximumUsageRanges
            && changed.union(given).isDisjoint(with: [ChangeRecords.everything])
        guard isPart else {
            let providers = try SnapshotRecords.load(nil, in: reader)
            fresh.shards = Dictionary(grouping: providers) { ChangeRecords.shard(of: $0.uuid) }
            fresh.snapshot = ProviderSnapshot(providers)
            return fresh
        }
        fresh.shards = known.shards
        var different = changed.isEmpty ? [] : try SnapshotRecords.load(changed, in: reader)
        for shard in changed { fresh.shards[shard] = nil }
        for provider in different { fresh.shards[ChangeRecords.shard(of: provider.uuid), default: []].append(provider) }
        let hasSame = changed.allSatisfy { known.shards[$0]?.count == fresh.shards[$0]?.count }
        different += fresh.take(try SnapshotRecords.usage(of: given, in: reader), in: given)
        fresh.snapshot = (hasSame ? known.snapshot.updated(different) : nil)
            ?? ProviderSnapshot(fresh.shards.sorted { $0.key < $1.key }.flatMap(\.value))
        return fresh
    }
}

extension SnapshotCache.State {
    /// The shards in which there were other changes than another state knows of.
    fileprivate func shards(differingFrom other: Self, in kind: KeyPath<ChangeRecords.Numbers, Int>) -> Set<String> {
        Set(numbers.filter { $0.value[keyPath: kind] != other.numbers[$0.key]?[keyPath: kind] ?? 0 }.keys)
    }

    /// Takes up what the providers of some shards have given.
    /// - Returns: those that had given something else.
    fileprivate mutating func take(_ usage: [String: [String: Int]], in given: Set<String>) -> [ProviderState] {
        var different: [ProviderState] = []
        for shard in given {
            for place in shards[shard]?.indices ?? 0..<0 {
                guard var provider = shards[shard]?[place] else { continue }
                let amounts = usage[provider.uuid] ?? [:]
                guard provider.inventories.contains(where: { $0.value.used != amounts[$0.key] ?? 0 }) else { continue }
                for name in provider.inventories.keys { provider.inventories[name]?.used = amounts[name] ?? 0 }
                shards[shard]?[place] = provider
                different.append(provider)
            }
        }
        return different
    }
}
