import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// Moving a server while it runs.
enum LiveMigrationActions {
    static let all = [
        ServerActionEndpoint("os-migrateLive", rule: "os-migrate-server:migrate_live", versions: MoveSchemas.live, handler: migrate)
    ]

    @Sendable private static func migrate(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        let host = call.value["host"]?.string
        if host != nil { try call.request.require("os_compute_api:os-migrate-server:migrate_live:host", call.target) }
        let force = try force(call, host: host)
        let wish = MoveWish(host: host, isForced: force, excludedHosts: [call.server.host].compactMap(\.self))
        let conditions = ActionConditions(.liveMigration, states: [.active, .paused], task: .migrating)
        try conditions.check(call.server, isAdmin: call.isAdmin)
        try await check(host, wish, call)
        try await call.begin(LiveMigrationWorkflow(compute: compute).workflow, if: conditions) { server, transaction in
            guard let source = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
            let migration = try MigrationRecords.insert(
                ServerMigration(
                    .liveMigration, of: server, to: host, status: .accepted,
                    userID: call.request.token?.userID ?? server.userID), in: transaction)
            let move = MoveState(
                serverID: server.id, requestID: call.request.requestID, migrationID: migration.uuid, source: source,
                before: server.state, wish: wish)
            // "auto" is no truth value: the hosts decide.
            return LiveMigrationState(move: move, block: call.value.lenientBool("block_migration"))
        }
        return .empty()
    }

    /// Whether the filters have no say about a host: always before they had one, and where a client insists.
    private static func force(_ call: ActionCall, host: String?) throws -> Bool {
        guard call.isFrom(30) else { return host != nil }
        let force = call.value.lenientBool("force") ?? false
        guard !force || host != nil else { throw ComputeError.badRequest("Can't force to a non-provided destination") }
        return force
    }

    /// What is refused at once. Until microversion 2.33 that is also what the scheduler finds.
    private static func check(_ host: String?, _ wish: MoveWish, _ call: ActionCall) async throws {
        let compute = call.compute
        let source = call.server.host ?? ""
        try await compute.database.read { reader in
            if let host, try HostRecords.find(name: host, in: reader) == nil { throw ComputeError.hostNotFound(host) }
            guard !call.isFrom(34) else { return }
            guard try compute.isUp(source, in: reader) == true else {
                throw ComputeError.badRequest("Compute service of \(source) is unavailable at this time.")
            }
        }
        guard !call.isFrom(34) else { return }
        guard host != source else {
            throw ComputeError.badRequest("Unable to migrate instance (\(call.server.id)) to current host (\(source)).")
        }
        guard try await !Scheduler(compute: compute).choose(wish.request(for: call.server)).isEmpty else {
            throw ComputeError.badRequest(MoveMessages.noValidHost)
        }
    }
}
