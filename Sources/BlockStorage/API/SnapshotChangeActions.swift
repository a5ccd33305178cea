import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// What changes a snapshot itself.
enum SnapshotChangeActions {
    static let all: [ResourceAction<Snapshot>] = [
        ResourceAction(
            "os-reset_status", rule: "volume_extension:snapshot_admin_actions:reset_status",
            .object([("status", .string())], required: ["status"]), handler: resetStatus),
        ResourceAction(
            "os-force_delete", rule: "volume_extension:snapshot_admin_actions:force_delete", handler: forceDelete),
        ResourceAction(
            "os-update_snapshot_status", rule: "snapshot_extension:snapshot_actions:update_snapshot_status",
            .object(
                [("status", .string(length: 1...255)), ("progress", .string(pattern: "[0-9]{1,3}%"))], required: ["status"]),
            handler: updateStatus),
    ]

    @Sendable private static func resetStatus(_ call: ActionCall<Snapshot>) async throws -> APIResponse {
        let name = call.value["status"]?.string?.lowercased() ?? ""
        guard let status = Snapshot.Status(rawValue: name) else {
            throw BlockStorageError.badRequest("Invalid parameter value: Snapshot status: \(name) is invalid.")
        }
        let id = call.resource.id
        try await call.storage.database.write { transaction in
            try SnapshotRecords.change(id, in: transaction) { $0.status = status }
        }
        return .empty()
    }

    @Sendable private static func forceDelete(_ call: ActionCall<Snapshot>) async throws -> APIResponse {
        try call.request.require("volume:delete_snapshot", call.resource.target)
        let removal = SnapshotRemoval(storage: call.storage, isForced: true, requestID: call.request.requestID)
        let id = call.resource.id
        try await call.storage.database.write { try removal.begin(id, in: $0) }
        return .empty()
    }

    /// What a snapshot's status may be followed by, when its maker reports.
    private static let successors: [Snapshot.Status: [Snapshot.Status]] = [
        .creating: [.creating, .available, .error], .deleting: [.deleting, .errorDeleting],
    ]

    @Sendable private static func updateStatus(_ call: ActionCall<Snapshot>) async throws -> APIResponse {
        let (id, name) = (call.resource.id, call.value["status"]?.string ?? "")
        let progress = call.value["progress"]?.string
        try await call.storage.database.write { transaction in
            try SnapshotRecords.change(id, in: transaction) { snapshot in
                guard let allowed = successors[snapshot.status] else {
                    throw BlockStorageError.badRequest(
                        "Snapshot status \(snapshot.status.rawValue) not allowed for update_snapshot_status")
                }
                guard let status = Snapshot.Status(rawValue: name), allowed.contains(status) else {
                    throw BlockStorageError.badRequest(
                        "Provided snapshot status \(name) not allowed for snapshot with status \(snapshot.status.rawValue).")
                }
                snapshot.status = status
                if let progress { snapshot.progress = progress }
            }
        }
        return .empty()
    }
}

/// What begins a snapshot's removal.
struct SnapshotRemoval: Sendable {
    let storage: BlockStorage.Parts
    var isForced = false
    var requestID: String?

    /// - Throws: 400 for a state that does not allow it.
    func begin(_ id: String, in transaction: any Transaction) throws {
        guard var snapshot = try SnapshotRecords.find(id, in: transaction) else { throw BlockStorageError.snapshotNotFound(id) }
        guard snapshot.groupSnapshotID == nil, isForced || snapshot.status == .available || snapshot.status == .error else {
            let status = isForced ? "" : " status must be available or error and"
            throw BlockStorageError.invalidSnapshot("Snapshot\(status) must not be part of a group.")
        }
        let former = snapshot
        snapshot.status = .deleting
        try SnapshotRecords.update(snapshot, in: transaction)
        if isForced { return try storage.forceDeletion(of: former, requestID: requestID, in: transaction) }
        try storage.begin(
            DeleteSnapshotWorkflow(storage: storage).workflow, SnapshotState(snapshotID: id), subject: snapshot.subject,
            requestID: requestID, in: transaction)
    }
}
