import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages

extension Compute.Parts {
    /// Deletes a server at any moment: a live workflow is cancelled and unwinds, and its end takes the server away. While
    /// deletions are kept for some time (`reclaimInterval`) a server that was ever launched is only turned off.
    /// - Parameter isForced: whether it is deleted for good all the same.
    /// - Throws: 409 when it is locked.
    func delete(_ id: String, isForced: Bool, _ request: APIRequest) async throws {
        let isAdmin = request.token?.isAdmin == true
        try await database.write { transaction in
            guard var server = try ServerRecords.find(id, in: transaction) else { return }
            guard !server.isLocked || isAdmin else { throw ComputeError.conflict("Instance \(id) is locked") }
            let isSoft = !isForced && options.reclaimInterval > .zero && server.launchedAt != nil && server.host != nil
            guard server.task != .deleting, !isSoft || (server.task != .softDeleting && server.state != .softDeleted) else { return }
            server.task = .deleting
            server.details.isDeletedSoftly = isSoft ? true : nil
            try ServerRecords.update(server, in: transaction)
            try log(.delete, server, request, in: transaction)
            if try !workflows.cancel(subject: server.subject, in: transaction) {
                try beginDelete(server, requestID: request.requestID, in: transaction)
            }
        }
    }

    /// Begins to turn off a server whose deletion can be taken back, and whose subject is free.
    /// - Returns: false when it is to be deleted for good.
    func beginSoftDelete(_ server: Server, requestID: String?, in transaction: any Transaction) throws -> Bool {
        guard server.details.isDeletedSoftly == true, server.state != .softDeleted, let host = server.host else { return false }
        try ServerRecords.change(server.id, in: transaction) { $0.task = .softDeleting }
        try workflows.start(
            PowerWorkflow(compute: self).workflow,
            PowerChange(
                serverID: server.id, requestID: requestID, host: host, action: .softDelete, formerPower: server.power),
            subject: server.subject, requestID: requestID, in: transaction)
        return true
    }
}

/// Deletes for good what was deleted long enough ago that nobody took it back (nova's reclaim_instance_interval).
struct ServerReclaim: Reconciler {
    let name = "compute.reclaim"
    let interval = Duration.seconds(60)
    let compute: Compute.Parts

    /// How many servers one round takes.
    private static let batch = 100

    func reconcile() async throws {
        let interval = compute.options.reclaimInterval
        guard interval > .zero else { return }
        let horizon = Timestamp.now + (.zero - interval)
        var filter = ServerFilter(limit: Self.batch)
        (filter.states, filter.softDeleted) = ([Server.State.softDeleted.rawValue], true)
        filter.order = [ServerOrder(key: .updatedAt, isAscending: true), ServerOrder(key: .id, isAscending: true)]
        let waiting = try await compute.database.read { [filter] in try ServerRecords.list(filter, in: $0) }
        for server in waiting where server.task == nil && server.details.softDeletedAt ?? server.updatedAt < horizon {
            try await compute.database.write { [compute] transaction in
                guard var server = try ServerRecords.find(server.id, in: transaction), server.state == .softDeleted,
                    server.task == nil
                else { return }
                (server.task, server.details.isDeletedSoftly) = (.deleting, nil)
                try ServerRecords.update(server, in: transaction)
                try compute.beginDelete(server, requestID: nil, in: transaction)
            }
        }
    }
}
