import CloudStore
import Synchronization

/// Keeps the last snapshot of the providers in memory. Each request asks the store whether something has changed, one
/// row for all providers, and then reads again only the shards that have: an answer is never older than what was
/// committed when it was asked for, whichever process wrote it.
final class SnapshotCache: Sendable {
    private struct State {
        var total = -1
        var beyondUsage = -1
        var readAt = ContinuousClock.now
        var numbers: [String: Int] = [:]
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
        let began = ContinuousClock.now
        let numbers = try ChangeRecords.numbers(in: reader)
        let changed = Set(numbers.filter { known.numbers[$0.key] != $0.value }.keys)
        let isPart = known.total >= 0 && changed.count <= maximumRanges && !changed.contains(ChangeRecords.everything)
        let loaded = try SnapshotRecords.load(isPart ? changed : nil, in: reader)
        var shards = isPart ? known.shards : [:]
        for shard in changed { shards[shard] = nil }
        for provider in loaded { shards[ChangeRecords.shard(of: provider.uuid), default: []].append(provider) }
        let hasSame = isPart && changed.allSatisfy { known.shards[$0]?.count == shards[$0]?.count }
        let snapshot = (hasSame ? known.snapshot.updated(loaded) : nil)
            ?? ProviderSnapshot(shards.sorted { $0.key < $1.key }.flatMap(\.value))
        return State(
            total: totals.all, beyondUsage: totals.beyondUsage, readAt: began, numbers: numbers, shards: shards, snapshot: snapshot)
    }
}
