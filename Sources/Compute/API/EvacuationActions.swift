import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// Making servers of a host that is down anew on others.
enum EvacuationActions {
    static let all = [
        ServerActionEndpoint("evacuate", rule: "os-evacuate", versions: MoveSchemas.evacuate, handler: evacuate)
    ]

    /// A lock does not keep an administrator's evacuation off, nor does a task: what was under way has died with the host.
    private static let conditions = ActionConditions(
        .evacuate, states: [.active, .stopped, .error], besides: nil, task: .rebuilding, heedsLock: false)

    @Sendable private static func evacuate(_ call: ActionCall) async throws -> APIResponse {
        let (compute, value) = (call.compute, call.value)
        let (host, force) = (value["host"]?.string, value.lenientBool("force") ?? false)
        guard !force || host != nil else { throw ComputeError.badRequest("Can't force to a non-provided destination") }
        let password = try password(call)
        try await check(host, call)
        // Before the filters had a say, a host was taken as it was named.
        let isForced = force || host != nil && !call.isFrom(29)
        do {
            try await call.begin(EvacuationWorkflow(compute: compute).workflow, if: conditions) { server, transaction in
                guard let source = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
                guard try compute.isUp(source, in: transaction) != true else {
                    throw ComputeError.badRequest("Compute service of \(source) is still in use.")
                }
                let migration = try MigrationRecords.insert(
                    ServerMigration(
                        .evacuation, of: server, to: host, status: .accepted, userID: call.request.token?.userID ?? server.userID),
                    in: transaction)
                let move = MoveState(
                    serverID: server.id, requestID: call.request.requestID, migrationID: migration.uuid, source: source,
                    before: server.state, wish: MoveWish(host: host, isForced: isForced, excludedHosts: [source]))
                if let password { compute.passwords.hold(Secret(password), for: server.id, from: transaction) }
                return EvacuationState(move: move, endsStopped: call.isFrom(95) || server.state == .stopped)
            }
        } catch is WorkflowBusy {
            throw ComputeError.conflict("Instance \(call.server.id) is busy: what is under way on its host has not ended yet.")
        }
        guard !call.isFrom(14), let password else { return .empty(status: .ok) }
        return .json(status: .ok, "adminPass", password)
    }

    /// The password that a client hears of; nil when the disks are shared and so keep theirs.
    private static func password(_ call: ActionCall) throws -> String? {
        let given = call.value["adminPass"]?.string
        guard !call.isFrom(14), call.value.lenientBool("onSharedStorage") == true else { return given ?? AdministratorPassword.make() }
        guard given == nil else { throw ComputeError.badRequest("admin password can't be changed on existing disk") }
        return nil
    }

    private static func check(_ host: String?, _ call: ActionCall) async throws {
        guard let host else { return }
        guard try await call.compute.database.read({ try HostRecords.find(name: host, in: $0) }) != nil else {
            throw ComputeError.notFound("Compute host \(host) not found.")
        }
        guard host != call.server.host else { throw ComputeError.badRequest("The target host can't be the same one.") }
    }
}
