import CloudCore
import CloudStore
import CloudWorkflow
import Logging

/// Carries on what waits for time to pass: confirms moves that nobody confirmed or reverted, and takes shelved servers off
/// their hosts.
struct MoveTimers: Reconciler {
    let name = "compute.move-timers"
    let interval = Duration.seconds(60)
    let compute: Compute.Parts

    /// How many servers one round takes.
    private static let batch = 100

    func reconcile() async throws {
        let options = compute.options
        if options.resizeConfirmWindow > .zero { try await confirm(before: Timestamp.now + (.zero - options.resizeConfirmWindow)) }
        if options.shelvedOffloadSeconds > 0 {
            try await offload(before: Timestamp.now + (.zero - .seconds(options.shelvedOffloadSeconds)))
        }
    }

    private func confirm(before horizon: Timestamp) async throws {
        let due = try await compute.database.read {
            try MigrationRecords.all(status: .finished, unchangedSince: horizon, in: $0).prefix(Self.batch)
        }
        for migration in due {
            try await compute.database.write { [compute] transaction in
                guard var server = try ServerRecords.find(migration.serverID, in: transaction), server.state == .resized,
                    server.task == nil, try compute.isUp(migration.sourceHost, in: transaction) == true
                else { return }
                server.task = .resizeConfirming
                try ServerRecords.update(server, in: transaction)
                let state = try compute.confirmation(of: server, requestID: nil, in: transaction)
                try compute.workflows.start(
                    ConfirmWorkflow(compute: compute).workflow, state, subject: server.subject, requestID: nil, in: transaction)
            }
        }
    }

    private func offload(before horizon: Timestamp) async throws {
        var filter = ServerFilter(limit: Self.batch)
        filter.states = [Server.State.shelved.rawValue]
        filter.order = [ServerOrder(key: .updatedAt, isAscending: true), ServerOrder(key: .id, isAscending: true)]
        let shelved = try await compute.database.read { [filter] in try ServerRecords.list(filter, in: $0) }
        for server in shelved where server.task == nil && server.details.shelvedAt ?? server.updatedAt < horizon {
            try await compute.database.write { [compute] transaction in
                guard var server = try ServerRecords.find(server.id, in: transaction), server.state == .shelved, server.task == nil,
                    server.host != nil
                else { return }
                server.task = .shelvingOffloading
                try ServerRecords.update(server, in: transaction)
                try compute.workflows.start(
                    ShelveWorkflow(compute: compute).offload, ShelveState.offload(of: server, requestID: nil),
                    subject: server.subject, requestID: nil, in: transaction)
            }
        }
    }
}
