import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import NetworkMessages
import Synchronization

/// Networking: Neutron's API on tables of our own, and their projection to the data plane.
///
/// Changes are transactions that also mark what the data plane must be told; a reconciler tells it. No request waits for
/// the data plane: `settled` is for those who must know.
public final class Networking: Sendable {
    /// The tables, to be migrated before the service is used.
    public static let migrations = NetworkingMigrations.all
    /// The checks that Neutron's policy rules use beyond oslo.policy's language.
    public static let policyChecks = [PolicyCheckKind.field]

    let database: any Database
    let operations: Operations
    let options: NetworkingOptions
    private let topology: TopologyReconciler
    private let bell: Bell

    /// The service over a migrated database.
    public init(database: any Database, bus: any Bus, options: NetworkingOptions = NetworkingOptions()) {
        let bell = Bell()
        (self.database, self.options, self.bell) = (database, options, bell)
        operations = Operations(options: options, ring: bell.ring)
        topology = TopologyReconciler(database: database, bus: bus, interval: options.resyncInterval)
    }

    /// What converges by itself; the composition root runs it.
    public var reconcilers: [any Reconciler] { [topology] }

    /// Tells the service how to make one of its reconcilers run soon: `ReconcilerLoop.signal`.
    public func connect(signal: @escaping @Sendable (String) -> Void) {
        let name = topology.name
        bell.connect { signal(name) }
    }

    /// What the service hears from the hosts, to be served at `BusAddress(topic: NetworkTopic.controller)` together
    /// with what other services hear there.
    public func listen(on service: inout BusService) {
        service.on(PortStatusReport.self) { [self] report, _ in
            try await portStatus(report)
            return BusNothing()
        }
    }

    private func portStatus(_ report: PortStatusReport) async throws {
        try await database.write { transaction in
            _ = try PortRecords.setStatus(
                report.portID, host: report.host, report.isUp ? .active : .down, in: transaction)
        }
    }

    /// Waits until the data plane has these ports as they are now, with their networks and security groups.
    /// - Throws: `TopologyTimeout` when it hasn't by the deadline.
    public func settled(ports ids: [String], deadline: Timestamp) async throws {
        let ports = try await database.read { try PortRecords.find(ids, in: $0) }
        let keys = Set(ids.flatMap { id in
            let port = ports[id]
            return [TopologyKey(kind: .port, id: id)] + (port.map { [TopologyKey(kind: .network, id: $0.networkID)] } ?? [])
                + (port?.securityGroupIDs ?? []).map { TopologyKey(kind: .securityGroup, id: $0) }
        })
        try await topology.flushed(Array(keys), deadline: deadline)
    }
}

/// Rings whoever listens; until someone does, nobody hears, and the reconciler's first run finds everything.
final class Bell: Sendable {
    private let listener = Mutex<(@Sendable () -> Void)?>(nil)

    func connect(_ listener: @escaping @Sendable () -> Void) { self.listener.withLock { $0 = listener } }

    @Sendable func ring() { listener.withLock { $0 }?() }
}
