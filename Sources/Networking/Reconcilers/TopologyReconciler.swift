import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import NetworkMessages
import Synchronization

/// Keeps the data plane as the tables say. On signal it sends what was marked since, in batches; on its first run and
/// on its timer it sends everything, which also takes away what nobody knows any more.
final class TopologyReconciler: Reconciler {
    let name = "networking.topology"
    let interval: Duration
    /// Who is told of applied changes.
    let progress = TopologyProgress()

    /// How many changes go in one message at most.
    static let batchLimit = 500
    /// How long the data plane may take over a batch, and over everything.
    static let deadlines = (batch: Duration.seconds(30), complete: Duration.seconds(300))

    private let database: any Database
    private let bus: any Bus
    private let logger = Logger(label: "altostack.networking")
    /// When everything was last sent; nil before the first time.
    private let lastComplete = Mutex<ContinuousClock.Instant?>(nil)

    init(database: any Database, bus: any Bus, interval: Duration) {
        (self.database, self.bus, self.interval) = (database, bus, interval)
    }

    func reconcile() async throws {
        if isCompleteDue { try await sendEverything() }
        while try await sendPending() {}
    }

    private var isCompleteDue: Bool {
        // The timer jitters by a tenth: what comes a little early is the timer all the same.
        lastComplete.withLock { $0.map { $0.duration(to: .now) >= interval * 0.8 } ?? true }
    }

    private func sendEverything() async throws {
        let started = ContinuousClock.now
        let (snapshot, pending) = try await database.read { reader in
            (try TopologySnapshot(completeIn: reader), try TopologyChangeRecords.all(in: reader))
        }
        let report = try await sendComplete(snapshot.entities)
        if report.inserted + report.updated + report.deleted > 0 {
            logger.info(
                "data plane compared",
                metadata: ["inserted": "\(report.inserted)", "updated": "\(report.updated)", "deleted": "\(report.deleted)"])
        }
        try await settle(pending)
        lastComplete.withLock { $0 = started }
    }

    /// Sends everything; what the data plane refuses is left out, and with it what it holds of that.
    private func sendComplete(_ entities: [TopologyEntity]) async throws -> TopologyReport {
        func send(_ entities: [TopologyEntity]) async throws -> TopologyReport {
            try await bus.call(
                ApplyTopology(entities: entities, complete: true), to: BusAddress(topic: NetworkTopic.plane),
                deadline: Self.deadlines.complete)
        }
        do {
            return try await send(entities)
        } catch BusError.remote(let code, _) where Self.refusals.contains(code) {
            let refused = Set(try await apply(entities))
            return try await send(entities.filter { !refused.contains($0.key) })
        }
    }

    /// What the data plane answers when an entity cannot be true. It takes nothing of such a message.
    private static let refusals: Set = ["topology_invalid", "topology_missing"]

    /// Sends entities; those that the data plane refuses are found by halves and set aside, since one project's must not keep the
    /// others' from it.
    /// - Returns: which were refused.
    private func apply(_ entities: [TopologyEntity], removed: [TopologyKey] = []) async throws -> [TopologyKey] {
        do {
            _ = try await bus.call(
                ApplyTopology(entities: entities, removed: removed), to: BusAddress(topic: NetworkTopic.plane),
                deadline: Self.deadlines.batch)
            return []
        } catch BusError.remote(let code, let message) where Self.refusals.contains(code) && !entities.isEmpty {
            guard entities.count > 1 || !removed.isEmpty else {
                let key = entities[0].key
                logger.error("the data plane cannot have an entity as it is; it keeps it as it was", metadata: [
                    "kind": "\(key.kind.rawValue)", "id": "\(key.id)", "cause": "\(message)",
                ])
                return [key]
            }
            // In order, because the later need the earlier.
            let half = entities.count / 2
            let first = try await apply(Array(entities[..<half]), removed: removed)
            return first + (try await apply(Array(entities[half...])))
        }
    }

    /// Sends the changes that have waited longest; answers whether there may be more.
    private func sendPending() async throws -> Bool {
        let (snapshot, pending) = try await database.read { reader in
            let pending = try TopologyChangeRecords.pending(limit: Self.batchLimit, in: reader)
            return (try TopologySnapshot(pending.map(\.key), in: reader), pending)
        }
        guard !pending.isEmpty else { return false }
        _ = try await apply(snapshot.entities, removed: snapshot.removed)
        try await settle(pending)
        return pending.count == Self.batchLimit
    }

    /// Those who wait need not wait for the disk: were the marks kept, the changes would only be sent again. The second
    /// announcement is for those who began to wait between the first and the commit.
    private func settle(_ changes: [TopologyChangeRecords.Pending]) async throws {
        guard !changes.isEmpty else { return }
        progress.announce(changes)
        try await database.write { try TopologyChangeRecords.clear(changes, in: $0) }
        progress.announce(changes)
    }

    /// Waits until the data plane has the entities as they are now.
    /// - Throws: `TopologyTimeout` when it hasn't by the deadline.
    func flushed(_ keys: [TopologyKey], deadline: Timestamp) async throws {
        let stream = progress.applied()
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await Task.sleep(for: max(.zero, deadline - .now))
                throw TopologyTimeout(keys: keys)
            }
            group.addTask { try await self.follow(stream, keys) }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    private func follow(_ stream: AsyncStream<[TopologyKey: String]>, _ keys: [TopologyKey]) async throws {
        var waiting = try await marks(of: keys)
        guard !waiting.isEmpty else { return }
        for await applied in stream where waiting.contains(where: { applied[$0.key] != nil }) {
            if waiting.allSatisfy({ applied[$0.key] == $0.mark }) { return }
            // A later mark may have been applied in place of the one that was read.
            waiting = try await marks(of: waiting.map(\.key)).filter { applied[$0.key] != $0.mark }
            if waiting.isEmpty { return }
        }
        try Task.checkCancellation()
    }

    private func marks(of keys: [TopologyKey]) async throws -> [TopologyChangeRecords.Pending] {
        try await database.read { try TopologyChangeRecords.pending(keys, in: $0) }
    }
}

/// The data plane has not taken a change in time.
public struct TopologyTimeout: Error, Sendable, CustomStringConvertible {
    /// What was waited for.
    public let keys: [TopologyKey]
    public var description: String {
        "the data plane did not take \(keys.map { "\($0.kind.rawValue) \($0.id)" }.joined(separator: ", ")) in time"
    }
}
