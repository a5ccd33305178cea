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
        try faults.begin(.apply)
        try await SimulatedLatency.pass(faults.latency, deadline: deadline)
        var result = change.complete ? [:] : entities
        for key in change.removed { remove(key, from: &result) }
        for entity in change.entities { result[entity.key] = entity }
        do {
            for entity in change.entities { try check(entity, in: result) }
        } catch {
            throw error.failure
        }
        let report = TopologyReport(
            inserted: result.keys.count { entities[$0] == nil },
            updated: result.count { key, entity in entities[key].map { $0 != entity } ?? false },
            deleted: entities.keys.count { result[$0] == nil })
        entities = result
        changes += 1
        return report
    }

    /// A network takes its ports along, as a switch does.
    private func remove(_ key: TopologyKey, from entities: inout [TopologyKey: TopologyEntity]) {
        entities[key] = nil
        guard key.kind == .network else { return }
        for case .port(let port) in Array(entities.values) where port.networkID == key.id {
            entities[TopologyEntity.port(port).key] = nil
        }
    }

    private func check(_ entity: TopologyEntity, in entities: [TopologyKey: TopologyEntity]) throws(TopologyError) {
        let own = OVNRowKey(entity.key, entity.key.kind.rawValue)
        for row in try projection.rows(of: entity) {
            for holder in row.groups.union(row.parent.map { [$0] } ?? []).sorted() {
                guard holder.owner != entity.key.owner, holder.owner != OVNProjection.base else { continue }
                guard entities.keys.contains(where: { $0.owner == holder.owner }) else { throw .missing(holder, of: own) }
            }
        }
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
