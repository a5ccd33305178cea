import CloudCore
import CloudStore
import CloudWorkflow

/// A service of the controllers, as the API lists it beside the hosts': what schedules, and what carries out workflows.
struct ControllerService: Sendable, Hashable {
    /// The parts of the controller that upstream runs as services of their own.
    static let binaries = ["nova-conductor", "nova-scheduler"]

    var id: String
    var number: Int
    var host: String
    var binary: String
    var seenAt: Timestamp
    var createdAt: Timestamp

    /// The name of its queue in upstream, which old microversions show.
    var topic: String { String(binary.dropFirst("nova-".count)) }
}

/// The controllers' rows.
enum ControllerRecords {
    private static let columns: SQL = "id, number, host, binary_name, seen_at, created_at"

    private static func service(_ row: borrowing Row) throws -> ControllerService {
        ControllerService(
            id: try row[0], number: try row[1], host: try row[2], binary: try row[3], seenAt: try row[4], createdAt: try row[5])
    }

    static func all(in reader: any Reader) throws -> [ControllerService] {
        try reader.all("SELECT \(columns) FROM compute_controllers ORDER BY number", service)
    }

    /// Notes that a controller is alive.
    static func report(_ host: String, at moment: Timestamp, in transaction: any Transaction) throws {
        let seen = try transaction.execute("UPDATE compute_controllers SET seen_at = \(moment) WHERE host = \(host)")
        guard seen == 0 else { return }
        for binary in ControllerService.binaries {
            try transaction.execute(
                """
                INSERT INTO compute_controllers (\(columns)) VALUES (\(Identifier.passing()),
                    \(try NumberRecords.next("host", in: transaction)), \(host), \(binary), \(moment), \(moment))
                """)
        }
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_controllers WHERE id = \(id)")
    }
}

/// Tells regularly that this controller is alive.
struct ControllerHeartbeat: Reconciler {
    let name = "compute.heartbeat"
    let interval = Duration.seconds(10)
    let compute: Compute.Parts

    func reconcile() async throws {
        let host = compute.options.controllerHostName
        try await compute.database.write { try ControllerRecords.report(host, at: .now, in: $0) }
    }
}
