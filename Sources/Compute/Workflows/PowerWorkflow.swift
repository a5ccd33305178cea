import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a change of power needs to remember.
struct PowerChange: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host.
    var host: String
    /// What is done.
    var action: PowerAction
    /// The image that it was rescued with before.
    var formerRescueImage: ServerImage?
    /// Its power before.
    var formerPower: PowerState
    /// What the host answered.
    var outcome: PowerState?
}

/// Starts, stops, restarts, pauses, suspends, rescues a guest, or takes that back. A failure leaves the server in the state it
/// was in, with the reason in its action log. A deletion, or a hard reboot of a guest that is being rebooted already, puts an
/// end to it and begins where it has ended.
struct PowerWorkflow: Sendable {
    static let name = "compute.power"
    /// The same with the time that an image needs to come to the host.
    static let rescueName = "compute.rescue"
    private static let attempts = 3
    let compute: Compute.Parts
    /// What is done; nil for all that no image is needed for.
    var action: PowerAction?

    var workflow: Workflow<PowerChange> {
        let isRescue = action == .rescue
        let timeout: Duration = isRescue ? compute.options.buildDeadline : .seconds(180)
        return Workflow(
            isRescue ? Self.rescueName : Self.name, deadline: isRescue ? compute.options.buildDeadline : .seconds(600),
            steps: [
                .action("power", attempts: Self.attempts, timeout: timeout, perform: power, undo: isRescue ? putBack : nil),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func power(_ state: inout PowerChange, _ context: StepContext) async throws {
        guard var guest = try await compute.guest(state.serverID) else { throw WorkflowStop("The server is gone.") }
        // A rescue boots another system, which learns its password as a new server does.
        if state.action == .rescue { guest.configDrive = try await compute.configDrive(of: state.serverID) }
        let request = PowerGuest(guest: guest, action: state.action.request(grace: compute.options.shutdownGraceSeconds))
        do {
            state.outcome = try await compute.ask(request, host: state.host, context).power
        } catch where state.action == .softDelete && (error is WorkflowStop || context.attempt >= Self.attempts) {
            // A server can be deleted whether its host answers or not.
            note("a guest to be deleted could not be turned off", state, error)
        }
    }

    /// Lets a guest whose rescue failed go on as it was; one that is to be deleted or rebooted needs nothing.
    @Sendable private func putBack(_ state: inout PowerChange, _ context: StepContext) async throws {
        let known = try await compute.database.read { [id = state.serverID] in try ServerRecords.find(id, in: $0) }
        guard known?.task == .rescuing, let guest = try await compute.guest(state.serverID, isRescued: false) else { return }
        let isOn = state.formerPower == .running || state.formerPower == .paused
        do {
            let action: PowerGuest.Action = isOn ? .hardReboot : .stop(graceSeconds: 0)
            _ = try await compute.ask(PowerGuest(guest: guest, action: action), host: state.host, context)
        } catch where error is WorkflowStop || context.attempt >= Self.attempts {
            note("a guest could not be brought back from a rescue that failed", state, error)
        }
    }

    private func note(_ what: Logger.Message, _ state: PowerChange, _ error: any Error) {
        compute.logger.warning(what, metadata: ["server": "\(state.serverID)", "host": "\(state.host)", "error": "\(error)"])
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout PowerChange, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.task) = (state.action.goal, nil)
            server.power = state.outcome ?? server.power
            if state.action == .softDelete { server.details.softDeletedAt = .now }
        }
        if state.action == .rescue { compute.passwords.forget(state.serverID, after: transaction) }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
        if state.action == .softDelete {
            try ActionRecords.finishOpen(server: state.serverID, action: ServerAction.delete.logName, in: transaction)
        }
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: PowerChange, _ failure: WorkflowFailure) throws {
        if state.action == .rescue { compute.passwords.forget(state.serverID, after: transaction) }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try compute.conclude(state.serverID, after: failure, in: transaction) { server in
            switch state.action {
            case .rescue, .unrescue: server.details.rescueImage = state.formerRescueImage
            case .softDelete: (server.details.isDeletedSoftly, server.details.softDeletedAt) = (nil, nil)
            default: break
            }
        }
    }
}

extension Compute.Parts {
    /// What a server's host is to run; nil when there is no such server.
    /// - Parameters:
    ///   - isRescued: whether a server that is rescued runs its rescue.
    ///   - left: a volume that it is not to have any more.
    func guest(_ id: String, isRescued: Bool = true, without left: String? = nil) async throws -> GuestSpecification? {
        let vendorData = try await vendorData(onDriveOf: id)
        let known = try await database.read { [self] reader -> (GuestSpecification, [BlockDeviceMapping])? in
            guard let server = try ServerRecords.find(id, in: reader) else { return nil }
            let ports = try networking.ports(servers: [id], in: reader)[id] ?? []
            let zone = try server.host.map { try zones(in: reader).zone(of: $0) }
            let disks = try BlockDeviceRecords.all(server: id, in: reader)
            let guest = server.guest(
                ports: ports, zone: zone ?? options.defaultAvailabilityZone, vendorData: vendorData, isRescued: isRescued,
                disks: disks)
            return (guest, disks)
        }
        guard case (var guest, let disks)? = known else { return nil }
        try await addVolumes(disks, to: &guest, without: left)
        return guest
    }

    /// Asks a server's host within a workflow's step, under the step's key.
    /// - Throws: `WorkflowStop` for what trying again does not mend.
    func ask<Request: BusRequest>(_ request: Request, host: String, _ context: StepContext) async throws -> Request.Reply {
        do {
            return try await bus.call(
                request, to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: context.deadline - Timestamp.now,
                key: context.key)
        } catch BusError.remote(let code, let message) where GuestFailureCode.isFinal(code) {
            throw WorkflowStop(message, cause: BusError.remote(code: code, message: message))
        }
    }

    /// Ends a workflow that has unwound. What put an end to it begins now, as its subject is free: a deletion, or a hard
    /// reboot. Otherwise the server has no task any more.
    /// - Parameter restore: gives the server back what the workflow took.
    func conclude(
        _ id: String, after failure: WorkflowFailure, in transaction: any Transaction, restore: (inout Server) throws -> Void
    ) throws {
        guard var server = try ServerRecords.find(id, in: transaction) else { return }
        if server.task == .deleting {
            return try beginDelete(server, requestID: nil, in: transaction)
        }
        try restore(&server)
        let isReplaced = failure.kind == .cancelled && server.task == .rebootingHard
        if !isReplaced { server.task = nil }
        try ServerRecords.update(server, in: transaction)
        guard isReplaced, let host = server.host else { return }
        let request = try ActionRecords.openRequest(server: id, action: ServerAction.reboot.logName, in: transaction)
        try workflows.start(
            PowerWorkflow(compute: self).workflow,
            PowerChange(serverID: id, requestID: request, host: host, action: .hardReboot, formerPower: server.power),
            subject: server.subject, requestID: request, in: transaction)
    }
}

extension GuestFailureCode {
    /// Whether trying again does not help.
    static func isFinal(_ code: String) -> Bool {
        switch GuestFailureCode(rawValue: code) {
        case .guestNotFound, .wrongState, .imageUnavailable, .diskTooSmall, .diskFull, .volumeUnavailable, .unsupported: true
        case .hypervisorError, .guestUnresponsive, .networkFailed, .interrupted, nil: false
        }
    }
}
