import CloudBus
import Logging
import NetworkMessages

/// OVN's northbound database as a data plane. It is the database's one writer of our rows: changes are applied one after
/// another, each in one transaction.
public actor OVNDataPlane: DataPlane {
    private let client: OVSDBClient
    private let projection: OVNProjection
    private let logger: Logger
    private let turn = AsyncTurn(limit: 256)

    /// A data plane over the northbound database behind a Unix socket.
    public init(northbound path: String, options: OVNDataPlaneOptions = OVNDataPlaneOptions(), logger: Logger) {
        client = OVSDBClient(path: path, monitor: OVNTable.monitor, logger: logger)
        projection = OVNProjection(options: options.projection)
        self.logger = logger
    }

    /// Keeps the connection until the task is cancelled.
    public func run() async { await client.run() }

    /// Writes the least that closes the difference into the northbound database.
    public func apply(_ change: ApplyTopology, deadline: ContinuousClock.Instant) async throws -> TopologyReport {
        let (rows, scope) = try plan(change)
        return try await turn.take(deadline: deadline) {
            try await self.commit(rows, scope, deadline: deadline)
        }
    }

    private func plan(_ change: ApplyTopology) throws -> ([OVNRow], OVNDiffer.Scope) {
        var rows = projection.baseRows
        // An entity that comes twice is meant as it came last.
        let entities = Dictionary(change.entities.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        do {
            for entity in entities.values.sorted(by: { $0.key.owner < $1.key.owner }) { rows += try projection.rows(of: entity) }
        } catch {
            throw error.failure
        }
        let owners = change.entities.map(\.key.owner) + change.removed.map(\.owner) + [OVNProjection.base]
        return (rows, change.complete ? .everything : .owners(Set(owners)))
    }

    private func commit(
        _ rows: [OVNRow], _ scope: OVNDiffer.Scope, deadline: ContinuousClock.Instant
    ) async throws -> TopologyReport {
        do {
            let difference = try await client.read(deadline: deadline) { replica in
                try OVNDiffer.difference(desired: rows, scope: scope, in: replica)
            }
            guard !difference.operations.isEmpty else { return difference.report }
            try await client.transact(difference.operations, deadline: deadline)
            return difference.report
        } catch let error as TopologyError {
            throw error.failure
        } catch let error as OVSDBError {
            throw error.failure(engine: "The northbound database")
        }
    }
}

/// How rows are derived from entities.
public struct OVNDataPlaneOptions: Sendable {
    var projection = OVNProjectionOptions()

    /// Options for a cloud whose routers' gateways are carried by these chassis, named as their hosts.
    public init(gatewayChassis: [String] = []) { projection.gatewayChassis = gatewayChassis }

    /// The domain announced by DHCP; nil for none.
    public var dnsDomain: String? {
        get { projection.dnsDomain }
        set { projection.dnsDomain = newValue }
    }

    /// The resolvers announced by subnets that name none, as addresses.
    public var resolvers: [String] {
        get { projection.resolvers }
        set { projection.resolvers = newValue }
    }

    /// Whether a floating IP is translated on the host of its port, with a MAC address of its own, rather than at the
    /// router's gateway. The latter, which is the default, also serves addresses that move between ports.
    public var distributedFloatingIPs: Bool {
        get { projection.distributedFloatingIPs }
        set { projection.distributedFloatingIPs = newValue }
    }
}

extension OVSDBError {
    /// What the sender of a request is told when an engine failed it.
    func failure(engine: String) -> any Error {
        switch self {
        case .deadlineExceeded: BusError.deadlineExceeded
        case .disconnected, .closed: BusFailure(code: "engine_unavailable", message: "\(engine) is not there")
        case .overloaded: BusFailure(code: "engine_unavailable", message: "\(engine) has too much to do")
        case .refused(let error, let details):
            BusFailure(code: "engine_refused", message: "\(engine) refused: \(error): \(details)")
        case .malformed(let what): BusFailure(code: "engine_refused", message: "\(engine) is not understood: \(what)")
        case .unknownColumn(let table, let column):
            BusFailure(code: "engine_refused", message: "\(engine) is too old: it has no \(table).\(column)")
        }
    }
}
