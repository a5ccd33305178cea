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
    private let interfaces: InterfaceReconciler
    private let signal: Signal
    private let placement: (any NetworkPlacement)?

    /// The service over a migrated database.
    /// - Parameter placement: who is told of the hosts' bandwidths; nil for nobody.
    public init(
        database: any Database, bus: any Bus, options: NetworkingOptions = NetworkingOptions(),
        placement: (any NetworkPlacement)? = nil
    ) {
        self.placement = placement
        let topology = TopologyReconciler(database: database, bus: bus, interval: options.resyncInterval)
        let (signal, name) = (Signal(), topology.name)
        operations = Operations(options: options, placement: placement) { signal(name) }
        (self.database, self.options, self.topology, self.signal) = (database, options, topology, signal)
        interfaces = InterfaceReconciler(database: database, bus: bus)
    }

    /// What converges by itself; the composition root runs it.
    public var reconcilers: [any Reconciler] { [topology, interfaces] }

    /// Tells the service how to make one of its reconcilers run soon: `ReconcilerLoop.signal`.
    public func connect(signal: @escaping @Sendable (String) -> Void) { self.signal.connect(signal) }

    /// What the service hears from the hosts, to be served at `BusAddress(topic: NetworkTopic.controller)` together
    /// with what other services hear there.
    public func listen(on service: inout BusService) {
        service.on(PortStatusReport.self) { [self] report, _ in
            try await portStatus(report)
            return BusNothing()
        }
        service.on(AgentReport.self) { [self] report, _ in
            try await agentReport(report)
            return BusNothing()
        }
    }

    private func agentReport(_ report: AgentReport) async throws {
        let zone = report.zone.isEmpty ? options.availabilityZones.first ?? "" : report.zone
        try await database.write { [operations, placement] transaction in
            for bandwidth in report.bandwidths {
                try placement?.report(BandwidthProvider(bandwidth, host: report.host), in: transaction)
            }
            try AgentRecords.beat(host: report.host, zone: zone, isStarting: report.isStarting, in: transaction)
            if report.isStarting { try operations.placeUnplaced(in: transaction) }
        }
        if report.isStarting { signal(interfaces.name) }
    }

    private func portStatus(_ report: PortStatusReport) async throws {
        try await database.write { transaction in
            let isNews = try PortRecords.setStatus(
                report.portID, host: report.host, report.isUp ? .active : .down, in: transaction)
            if isNews { try TrunkRecords.settleSubports(of: report.portID, in: transaction) }
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

/// Signals reconcilers by name. Until it is connected nobody hears, and the reconcilers' first runs find everything.
final class Signal: Sendable {
    private let listener = Mutex<(@Sendable (String) -> Void)?>(nil)

    func connect(_ listener: @escaping @Sendable (String) -> Void) { self.listener.withLock { $0 = listener } }

    func callAsFunction(_ name: String) { listener.withLock { $0 }?(name) }
}
