import CloudCore
import CloudStore

/// A part of what an action did, on one host.
struct ActionEvent: Sendable, Hashable {
    /// Its name, under which upstream's log knows it.
    var event: String
    /// Where it happened; nil where that is not known.
    var host: String?
    /// `Success` or `Error`; nil while it goes on.
    var result: String?
    /// What went wrong.
    var details: String?
    var startedAt: Timestamp
    var finishedAt: Timestamp?
}

/// The names of events.
enum ActionEventName {
    private static let names = [
        "create": "compute__do_build_and_run_instance", "delete": "compute_terminate_instance",
        "createImage": "compute_snapshot_instance", "createBackup": "compute_backup_instance",
        "changePassword": "compute_set_admin_password", "confirmResize": "compute_confirm_resize",
        "revertResize": "compute_revert_resize", "resize": "compute_prep_resize", "migrate": "cold_migrate",
        "evacuate": "compute_rebuild_instance", "shelveOffload": "compute_shelve_offload_instance",
        "live-migration": "compute_live_migration", "live_migration_cancel": "compute_live_migration_abort",
        "live_migration_force_complete": "compute_live_migration_force_complete", "lock": "api_lock", "unlock": "api_unlock",
        "trigger_crash_dump": "compute_trigger_crash_dump", "attach_interface": "compute_attach_interface",
        "detach_interface": "compute_detach_interface", "attach_volume": "compute_attach_volume",
        "detach_volume": "compute_detach_volume", "swap_volume": "compute_swap_volume", "extend_volume": "compute_extend_volume",
    ]

    /// The event with which an action begins.
    static func first(of action: String) -> String { names[action] ?? "compute_\(action)_instance" }
}

/// The events' rows.
enum ActionEventRecords {
    /// Notes that a part of an action began. Repeating it is harmless.
    /// - Parameter request: the API request of the action; without one nothing is noted.
    static func begin(
        _ event: String, server: String, request: String?, host: String?, at moment: Timestamp = .now,
        in transaction: any Transaction
    ) throws {
        guard let request else { return }
        try transaction.execute(
            """
            INSERT INTO compute_action_events (server_id, request_id, event, host, started_at)
            SELECT server_id, request_id, \(event), \(host), \(moment) FROM compute_actions
            WHERE server_id = \(server) AND request_id = \(request)
            ON CONFLICT (server_id, request_id, event) DO NOTHING
            """)
    }

    /// Notes that a part of an action ended, with a message when it failed.
    static func finish(
        _ event: String, server: String, request: String?, host: String?, message: String? = nil, in transaction: any Transaction
    ) throws {
        guard let request else { return }
        try transaction.execute(
            """
            UPDATE compute_action_events SET finished_at = \(Timestamp.now), result = \(message == nil ? "Success" : "Error"),
                details = \(message), host = COALESCE(\(host), host)
            WHERE server_id = \(server) AND request_id = \(request) AND event = \(event)
            """)
    }

    /// Notes that what is still open of an action has ended; where it is not known where that was, it was on the server's host.
    static func finishOpen(server: String, request: String, message: String?, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_action_events SET finished_at = \(Timestamp.now), result = \(message == nil ? "Success" : "Error"),
                details = \(message), host = COALESCE(host, (SELECT host FROM compute_servers WHERE id = \(server)))
            WHERE server_id = \(server) AND request_id = \(request) AND finished_at IS NULL
            """)
    }

    /// The events of an action, the newest first.
    static func all(server: String, request: String, in reader: any Reader) throws -> [ActionEvent] {
        try reader.all(
            """
            SELECT event, host, result, details, started_at, finished_at FROM compute_action_events
            WHERE server_id = \(server) AND request_id = \(request) ORDER BY started_at DESC, event
            """
        ) { row in
            ActionEvent(
                event: try row[0], host: try row[1], result: try row[2], details: try row[3], startedAt: try row[4],
                finishedAt: try row[5])
        }
    }
}
