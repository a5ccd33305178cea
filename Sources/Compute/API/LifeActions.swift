import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What is done to a server's power where it is, and to its state without its host.
enum LifeActions {
    static let all =
        power
        + states
        + RescueActions.all
        + RebuildActions.all
        + ImageActions.all

    private static let power = [
        ServerActionEndpoint("os-start", rule: "servers:start") { try await change($0, .start) },
        ServerActionEndpoint("os-stop", rule: "servers:stop") { try await change($0, .stop) },
        ServerActionEndpoint("reboot", rule: "servers:reboot", ServerSchemas.reboot, handler: reboot),
        ServerActionEndpoint("pause", rule: "os-pause-server:pause") { try await change($0, .pause) },
        ServerActionEndpoint("unpause", rule: "os-pause-server:unpause") { try await change($0, .unpause) },
        ServerActionEndpoint("suspend", rule: "os-suspend-server:suspend") { try await change($0, .suspend) },
        ServerActionEndpoint("resume", rule: "os-suspend-server:resume") { try await change($0, .resume) },
        ServerActionEndpoint("trigger_crash_dump", rule: "servers:trigger_crash_dump", from: 17, .null, handler: crashDump),
        ServerActionEndpoint("changePassword", rule: "os-admin-password", LifeSchemas.password, handler: changePassword),
    ]

    private static let states = [
        ServerActionEndpoint("lock", rule: "os-lock-server:lock", versions: LifeSchemas.lock, handler: lock),
        ServerActionEndpoint("unlock", rule: "os-lock-server:unlock", handler: unlock),
        ServerActionEndpoint("os-resetState", rule: "os-admin-actions:reset_state", LifeSchemas.resetState, handler: resetState),
        ServerActionEndpoint("resetNetwork", rule: "servers:show") { _ in
            throw Fault(.gone, "Resetting a server's network was removed with the last hypervisor that could do it.")
        },
        ServerActionEndpoint("injectNetworkInfo", rule: "os-admin-actions:inject_network_info") { call in
            // Guests learn of their networks from metadata, config drive and DHCP: nothing is put into them.
            guard !call.server.isLocked || call.isAdmin else { throw ComputeError.conflict("Instance \(call.server.id) is locked") }
            return .empty()
        },
        ServerActionEndpoint("forceDelete", rule: "os-deferred-delete:force") { call in
            try await call.compute.delete(call.server.id, isForced: true, call.request)
            return .empty()
        },
        ServerActionEndpoint("restore", rule: "os-deferred-delete:restore", handler: restore),
    ]

    // MARK: Power

    private static func change(_ call: ActionCall, _ action: PowerAction) async throws -> APIResponse {
        try await call.begin(action)
        return .empty()
    }

    @Sendable private static func reboot(_ call: ActionCall) async throws -> APIResponse {
        guard call.value["type"]?.string?.uppercased() == "HARD" else { return try await change(call, .softReboot) }
        try await call.beginHardReboot()
        return .empty()
    }

    /// Sends the interrupt at once: it is one message to the host, and changes nothing that is kept.
    @Sendable private static func crashDump(_ call: ActionCall) async throws -> APIResponse {
        let conditions = ActionConditions(
            .triggerCrashDump, states: [.active, .paused, .rescued, .resized, .error])
        try conditions.check(call.server, isAdmin: call.isAdmin)
        let (compute, id) = (call.compute, call.server.id)
        guard let host = call.server.host, let guest = try await compute.guest(id) else { throw ComputeError.serverNotFound(id) }
        try await compute.database.write { try compute.log(.triggerCrashDump, call.server, call.request, in: $0) }
        var failure: String?
        do {
            _ = try await compute.bus.call(
                PowerGuest(guest: guest, action: .injectCrashDump), to: BusAddress(topic: ComputeTopic.agent, host: host),
                deadline: .seconds(30), key: call.request.requestID)
        } catch let error as BusError {
            failure = error.summary
        }
        let message = failure
        try await compute.database.write {
            try ActionRecords.finish(server: id, request: call.request.requestID, message: message, in: $0)
        }
        return .empty()
    }

    /// Waits for the guest's agent, as the answer tells whether it did it.
    @Sendable private static func changePassword(_ call: ActionCall) async throws -> APIResponse {
        let (passwords, ticket) = (call.compute.newPasswords, Identifier.uuid())
        passwords.add(call.value["adminPass"]?.string ?? "", ticket: ticket)
        do {
            try await call.begin(
                PasswordWorkflow(compute: call.compute).workflow,
                if: ActionConditions(.changePassword, states: [.active], task: .updatingPassword)
            ) { server, _ in
                PasswordState(serverID: server.id, requestID: call.request.requestID, host: server.host ?? "", ticket: ticket)
            }
        } catch {
            passwords.drop(ticket)
            throw error
        }
        let alarm = Task {
            try await Task.sleep(for: PasswordWorkflow.patience + .seconds(5))
            passwords.end(ticket, failure: "The host did not answer in time.")
        }
        defer { alarm.cancel() }
        if let failure = await passwords.wait(ticket) {
            throw ComputeError.conflict("Failed to set admin password on \(call.server.id): \(failure)")
        }
        return .empty()
    }

    // MARK: State

    /// Who locks a server that is locked already changes nothing, unless it is another project's administrator.
    @Sendable private static func lock(_ call: ActionCall) async throws -> APIResponse {
        let isOwner = call.server.projectID == call.request.token?.projectID
        guard !call.server.isLocked || !isOwner else { return .empty() }
        let reason = call.isFrom(73) ? call.value["locked_reason"]?.string : nil
        try await call.change(if: .always(.lock)) { server, _ in
            let former = server.details.lock?.reason
            server.isLocked = true
            server.details.lock = ServerDetails.Lock(isByAdministrator: !isOwner, reason: reason ?? former)
        }
        return .empty()
    }

    /// What an administrator of another project has locked needs a rule of its own.
    @Sendable private static func unlock(_ call: ActionCall) async throws -> APIResponse {
        let isOwner = call.server.projectID == call.request.token?.projectID
        if let lock = call.server.details.lock, call.server.isLocked, lock.isByAdministrator == isOwner {
            try call.request.require(
                "os_compute_api:os-lock-server:unlock:unlock_override", ["project_id": .string(call.server.projectID)])
        }
        try await call.change(if: .always(.unlock)) { server, _ in
            (server.isLocked, server.details.lock) = (false, nil)
        }
        return .empty()
    }

    /// What is under way is given up: its workflow unwinds without a say in the server's state. A deletion is not, as upstream's is
    /// not: it was promised, and half of the server may be gone. It goes on to its end; one that fails leaves an error.
    @Sendable private static func resetState(_ call: ActionCall) async throws -> APIResponse {
        let state: Server.State = call.value["state"]?.string == "active" ? .active : .error
        try await call.change(if: .always(.resetState)) { server, transaction in
            server.state = state
            guard server.task != .deleting, server.task != .softDeleting else { return }
            server.task = nil
            _ = try call.compute.workflows.cancel(subject: server.subject, in: transaction)
        }
        return .empty()
    }

    /// A server whose deletion is taken back counts again, so the quota has to let it.
    @Sendable private static func restore(_ call: ActionCall) async throws -> APIResponse {
        let limits = try await call.compute.limits(project: call.server.projectID, user: call.server.userID)
        try await call.begin(.restore) { server, transaction in
            _ = try limits.servers(of: server.flavor, count: 1...1, in: transaction)
            (server.details.isDeletedSoftly, server.details.softDeletedAt) = (nil, nil)
        }
        return .empty()
    }
}

extension ActionConditions {
    /// No condition at all, for what only changes the server's row.
    static func always(_ action: ServerAction) -> ActionConditions {
        ActionConditions(action, states: nil, besides: nil, heedsLock: false, needsHost: false)
    }
}

extension ActionCall {
    /// Begins a change of the server's power.
    @discardableResult
    func begin(
        _ action: PowerAction, _ prepare: @escaping @Sendable (inout Server, any Transaction) throws -> Void = { _, _ in }
    ) async throws -> Server {
        try await begin(PowerWorkflow(compute: compute, action: action).workflow, if: action.conditions) { [request] server, transaction in
            let former = server.details.rescueImage
            try prepare(&server, transaction)
            return PowerChange(
                serverID: server.id, requestID: request.requestID, host: server.host ?? "", action: action,
                formerRescueImage: former, formerPower: server.power)
        }
    }

    /// Begins a hard reboot, which puts an end to what else is being done to the server's power.
    func beginHardReboot() async throws {
        try await compute.database.write { [self] transaction in
            guard var server = try ServerRecords.find(self.server.id, in: transaction) else {
                throw ComputeError.serverNotFound(self.server.id)
            }
            let conditions = PowerAction.hardReboot.conditions
            try conditions.check(server, isAdmin: isAdmin)
            server.task = conditions.task
            try ServerRecords.update(server, in: transaction)
            try compute.log(conditions.action, server, request, in: transaction)
            // The end of what is under way begins the reboot.
            guard try !compute.workflows.cancel(subject: server.subject, in: transaction) else { return }
            try compute.workflows.start(
                PowerWorkflow(compute: compute).workflow,
                PowerChange(
                    serverID: server.id, requestID: request.requestID, host: server.host ?? "", action: .hardReboot,
                    formerPower: server.power),
                subject: server.subject, requestID: request.requestID, in: transaction)
        }
    }
}
