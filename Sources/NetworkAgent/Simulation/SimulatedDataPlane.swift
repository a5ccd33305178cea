import CloudBus
import NetworkMessages

/// A data plane without packets: it keeps what was applied, refuses what the real one refuses, and fails to order.
public actor SimulatedDataPlane: DataPlane {
    /// The entities that are true now.
    public private(set) var entities: [TopologyKey: TopologyEntity] = [:]
    /// How many changes were applied.
    public private(set) var changes = 0
    private var faults: SimulatedFaults
    private let projection = OVNProjection()

    /// An empty data plane.
    public init(faults: SimulatedFaults = SimulatedFaults()) { self.faults = faults }

    /// Orders faults, or changes the latency.
    public func order(_ change: @Sendable (inout SimulatedFaults) -> Void) { change(&faults) }

    /// Keeps the topology in memory.
    public func apply(_ change: ApplyTopology, deadline: ContinuousClock.Instant) async throws -> TopologyReport {
        try await SimulatedLatency.pass(try faults.begin(.apply), deadline: deadline)
        var before: [TopologyKey: TopologyEntity?] = [:]
        do {
            try replace(change, remembering: &before)
        } catch {
            for (key, entity) in before { entities[key] = entity }
            throw error.failure
        }
        changes += 1
        return report(before)
    }

    /// Makes a change in place, since a copy of everything would cost each change as much as there is: `before` gets what
    /// the changed entities were.
    private func replace(_ change: ApplyTopology, remembering before: inout [TopologyKey: TopologyEntity?]) throws(TopologyError) {
        if change.complete {
            let kept = Set(change.entities.map(\.key))
            for key in Array(entities.keys) where !kept.contains(key) { set(key, nil, remembering: &before) }
        }
        for key in change.removed { remove(key, remembering: &before) }
        for entity in change.entities { set(entity.key, entity, remembering: &before) }
        for entity in change.entities { try check(entity) }
    }

    private func set(_ key: TopologyKey, _ entity: TopologyEntity?, remembering before: inout [TopologyKey: TopologyEntity?]) {
        if before[key] == nil { before.updateValue(entities[key], forKey: key) }
        entities[key] = entity
    }

    /// A network takes its ports along, as a switch does.
    private func remove(_ key: TopologyKey, remembering before: inout [TopologyKey: TopologyEntity?]) {
        set(key, nil, remembering: &before)
        guard key.kind == .network else { return }
        for case .port(let port) in Array(entities.values) where port.networkID == key.id {
            set(TopologyEntity.port(port).key, nil, remembering: &before)
        }
    }

    private func report(_ before: [TopologyKey: TopologyEntity?]) -> TopologyReport {
        var (inserted, updated, deleted) = (0, 0, 0)
        for (key, old) in before {
            let new = entities[key]
            if old == nil, new != nil { inserted += 1 }
            if old != nil, new == nil { deleted += 1 }
            if let old, let new, old != new { updated += 1 }
        }
        return TopologyReport(inserted: inserted, updated: updated, deleted: deleted)
    }

    private func check(_ entity: TopologyEntity) throws(TopologyError) {
        let own = OVNRowKey(entity.key, entity.key.kind.rawValue)
        for row in try projection.rows(of: entity) {
            for holder in row.groups.union(row.parent.map { [$0] } ?? []).sorted() {
                guard holder.owner != entity.key.owner, holder.owner != OVNProjection.base else { continue }
                guard exists(owner: holder.owner) else { throw .missing(holder, of: own) }
            }
        }
    }

    /// Whether the entity that owns a row is there.
    private func exists(owner: String) -> Bool {
        let parts = owner.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let kind = TopologyKey.Kind(rawValue: String(parts[0])) else { return false }
        return entities[TopologyKey(kind: kind, id: String(parts[1]))] != nil
    }
}

enum SimulatedLatency {
    /// Lets the time pass that the work takes, or that is left.
    static func pass(_ latency: Duration, deadline: ContinuousClock.Instant) async throws {
        guard latency > .zero else { return }
        let end = ContinuousClock.now + latency
        try await Task.sleep(until: min(end, deadline), clock: .continuous)
        if end > deadline { throw BusError.deadlineExceeded }
    }
}
