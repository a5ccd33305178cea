import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ComputeMessages

/// A server's live migrations that are under way: `/servers/{id}/migrations`.
struct ServerMigrationEndpoints: Sendable {
    let compute: Compute.Parts
    private static let path = "/v2.1/servers/{server_id}/migrations"

    var table: [Endpoint] {
        [
            Endpoint(
                .get, Self.path, "List a server's live migrations", microversions: .from(2, 23),
                access: .ruleOnResource("os_compute_api:servers:migrations:index"), handler: list),
            Endpoint(
                .get, Self.path + "/{migration_id}", "Show a server's live migration", microversions: .from(2, 23),
                access: .ruleOnResource("os_compute_api:servers:migrations:show"), handler: show),
            Endpoint(
                .post, Self.path + "/{migration_id}/action", "Make a live migration come to its end", microversions: .from(2, 22),
                access: .ruleOnResource("os_compute_api:servers:migrations:force_complete"), body: .json(MoveSchemas.forceComplete),
                success: .accepted, handler: forceComplete),
            Endpoint(
                .delete, Self.path + "/{migration_id}", "Abort a live migration", microversions: .from(2, 24),
                access: .ruleOnResource("os_compute_api:servers:migrations:delete"), success: .accepted, handler: abort),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try QueryRules.none.check(request)
        let open = try await compute.database.read { try MigrationRecords.open(server: server.id, in: $0) }
        let view = MigrationView(
            request, rule: "os_compute_api:servers:migrations:index:host", target: ["project_id": .string(server.projectID)])
        return .json {
            $0.object {
                $0.member("migrations") { json in
                    json.array { json in for item in open where item.isLiveInProgress { view.writeLive(item, to: &json) } }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try QueryRules.none.check(request)
        let id = request["migration_id"]
        let found = try await compute.database.read { reader in
            try Int(id).flatMap { try MigrationRecords.find($0, server: server.id, in: reader) }
        }
        guard let migration = found else {
            throw ComputeError.notFound("In-progress live migration \(id) is not found for server \(server.id).")
        }
        guard migration.kind == .liveMigration else {
            throw ComputeError.notFound("Migration \(id) for server \(server.id) is not live-migration.")
        }
        guard migration.isLiveInProgress else {
            throw ComputeError.notFound("Live migration \(id) for server \(server.id) is not in progress.")
        }
        // Whoever may see one may see its hosts.
        let view = MigrationView(
            request, rule: "os_compute_api:servers:migrations:show", target: ["project_id": .string(server.projectID)])
        return .json { $0.object { $0.member("migration") { view.writeLive(migration, to: &$0) } } }
    }

    @Sendable private func forceComplete(_ request: APIRequest) async throws -> APIResponse {
        let found = try await compute.server(request["server_id"], for: request)
        let (id, isAdmin) = (request["migration_id"], request.token?.isAdmin == true)
        let conditions = ActionConditions(.liveMigrationForceComplete, states: [.active], besides: [.migrating])
        let migration = try await compute.database.write { [compute] transaction in
            guard let server = try ServerRecords.find(found.id, in: transaction) else { throw ComputeError.serverNotFound(found.id) }
            try conditions.check(server, isAdmin: isAdmin, requiring: .migrating)
            let migration = try find(id, of: server, missing: { ComputeError.badRequest($0) }, in: transaction)
            guard migration.status == .running else { throw wrongStatus(migration, "force complete") }
            try compute.log(.liveMigrationForceComplete, server, request, in: transaction)
            return migration
        }
        var message: String?
        do {
            _ = try await compute.bus.call(
                ForceCompleteMigration(id: found.id), to: BusAddress(topic: ComputeTopic.agent, host: migration.sourceHost),
                deadline: .seconds(20))
        } catch let error as BusError {
            message = error.summary
        }
        try await compute.database.write { [message] in
            try ActionRecords.finish(server: found.id, request: request.requestID, message: message, in: $0)
        }
        return .empty()
    }

    /// Unwinds the migration's workflow, which asks the host to abort it.
    @Sendable private func abort(_ request: APIRequest) async throws -> APIResponse {
        let found = try await compute.server(request["server_id"], for: request)
        let (id, isAdmin) = (request["migration_id"], request.token?.isAdmin == true)
        let early: [ServerMigration.Status] = request.microversion >= Microversion(2, 65) ? [.queued, .preparing] : []
        let conditions = ActionConditions(.liveMigrationCancel, states: nil, besides: [.migrating])
        try await compute.database.write { [compute] transaction in
            guard let server = try ServerRecords.find(found.id, in: transaction) else { throw ComputeError.serverNotFound(found.id) }
            try conditions.check(server, isAdmin: isAdmin, requiring: .migrating)
            let migration = try find(id, of: server, missing: { ComputeError.notFound($0) }, in: transaction)
            guard migration.status == .running || early.contains(migration.status) else {
                throw wrongStatus(migration, "abort live migration")
            }
            try compute.log(.liveMigrationCancel, server, request, in: transaction)
            _ = try compute.workflows.cancel(subject: server.subject, in: transaction)
        }
        return .empty()
    }

    private func find(
        _ id: String, of server: Server, missing: (String) -> ComputeError, in reader: any Reader
    ) throws -> ServerMigration {
        guard let number = Int(id), let migration = try MigrationRecords.find(number, server: server.id, in: reader) else {
            throw missing("Migration \(id) not found for instance \(server.id)")
        }
        return migration
    }

    private func wrongStatus(_ migration: ServerMigration, _ method: String) -> ComputeError {
        .badRequest(
            "Migration \(migration.id) state of instance \(migration.serverID) is \(migration.status.rawValue). "
                + "Cannot \(method) while the migration is in this state.")
    }
}

extension ActionConditions {
    /// Checks that something is being done to the server which this is about.
    /// - Throws: 409.
    func check(_ server: Server, isAdmin: Bool, requiring task: Server.Task) throws {
        try check(server, isAdmin: isAdmin)
        guard server.task == task else {
            throw ActionRefused(
                action: action.logName, server: server.id, attribute: "task_state", value: server.task?.rawValue ?? "None")
        }
    }
}
