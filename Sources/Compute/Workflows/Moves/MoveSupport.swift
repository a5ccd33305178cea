import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

extension Compute.Parts {
    /// The workflows that move servers.
    var moveWorkflows: [WorkflowDefinition] {
        [
            MoveWorkflow(compute: self).workflow.definition,
            ConfirmWorkflow(compute: self).workflow.definition,
            RevertWorkflow(compute: self).workflow.definition,
            LiveMigrationWorkflow(compute: self).workflow.definition,
            EvacuationWorkflow(compute: self).workflow.definition,
            ShelveWorkflow(compute: self).workflow.definition,
            ShelveWorkflow(compute: self).offload.definition,
            UnshelveWorkflow(compute: self).workflow.definition,
            UnshelveWorkflow(compute: self).start.definition,
        ]
    }

    /// Asks a host's agent as part of a step, and again under the same key when the step is repeated.
    func ask<Request: BusRequest>(_ host: String, _ request: Request, _ context: StepContext) async throws -> Request.Reply {
        try await bus.call(
            request, to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: context.deadline - Timestamp.now,
            key: "\(context.key)/\(Request.method)")
    }

    /// Asks a host's agent for a part of a way back. A way back does not stand still with a host that cannot do its part: from the
    /// fifth attempt on without one that is down, from the tenth on without any.
    /// - Returns: the answer; nil when the way back goes on without it.
    /// - Throws: what the host says, and that it has no such guest.
    func askBack<Request: BusRequest>(
        _ host: String, _ request: Request, of server: String, _ context: StepContext
    ) async throws -> Request.Reply? {
        let isUp = try await database.read { [self] in try self.isUp(host, in: $0) } == true
        let deadline = isUp ? context.deadline - Timestamp.now : min(.seconds(20), context.deadline - Timestamp.now)
        do {
            return try await bus.call(
                request, to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: deadline,
                key: "\(context.key)/\(Request.method)")
        } catch let error as BusError where !error.isGuestMissing && context.attempt >= (isUp ? 10 : 5) {
            logger.warning(
                "host does not answer, going on without it",
                metadata: ["server": "\(server)", "host": "\(host)", "error": "\(error)"])
            return nil
        }
    }

    /// Asks a host's agent for what is true now.
    func look<Request: BusRequest>(at host: String, _ request: Request, _ context: StepContext) async throws -> Request.Reply {
        try await bus.call(
            request, to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: context.deadline - Timestamp.now)
    }

    /// A server and the guest that it is, as its row and its ports say now.
    /// - Parameter attachments: other attachments of its volumes than the rows', by row.
    func definition(
        of id: String, attachments: [String: String] = [:], _ change: (@Sendable (inout Server) -> Void)? = nil
    ) async throws -> GuestSpecification {
        let vendorData = try await vendorData(onDriveOf: id)
        let found = try await database.read { [self] reader -> (GuestSpecification, [BlockDeviceMapping])? in
            guard var server = try ServerRecords.find(id, in: reader) else { return nil }
            change?(&server)
            let zone = try server.host.map { try zones(in: reader).zone(of: $0) } ?? options.defaultAvailabilityZone
            let disks = try BlockDeviceRecords.all(server: id, in: reader)
            let guest = server.guest(
                ports: try networking.ports(servers: [id], in: reader)[id] ?? [], zone: zone, vendorData: vendorData, disks: disks)
            return (guest, disks)
        }
        guard case (var guest, let disks)? = found else { throw WorkflowStop("The server is gone.") }
        try await addVolumes(disks, to: &guest, attachments: attachments)
        return guest
    }

    /// The ids of a server's ports.
    func portIDs(_ id: String) async throws -> [String] {
        try await database.read { [networking] in (try networking.ports(servers: [id], in: $0)[id] ?? []).map(\.id) }
    }

    /// Ends a change of a server that failed or was cancelled: gives it back its states, or goes on to delete it when that
    /// is why it was cancelled. To be called in the transaction that ends the workflow, so that its subject is free.
    /// - Parameter hosts: where a part of it may be left when it is deleted.
    func abandon(
        _ id: String, requestID: String?, message: String, leftAt hosts: [String?] = [], in transaction: any Transaction,
        _ restore: (inout Server) throws -> Void
    ) throws {
        try ActionRecords.finish(server: id, request: requestID, message: message, in: transaction)
        guard var server = try ServerRecords.find(id, in: transaction) else { return }
        let isDeleting = server.task == .deleting
        try restore(&server)
        server.task = isDeleting ? .deleting : nil
        if !isDeleting { server.fault = Server.Fault(code: 500, message: message, details: nil, createdAt: .now) }
        try ServerRecords.update(server, in: transaction)
        if isDeleting { try beginDelete(server, requestID: nil, leftAt: hosts.compactMap(\.self), in: transaction) }
    }

    /// Sets what is being done to a server, unless it is to be deleted.
    func advance(
        _ id: String, _ task: Server.Task, in transaction: any Transaction, _ change: (inout Server) throws -> Void = { _ in }
    ) throws {
        try ServerRecords.change(id, in: transaction) { server in
            if server.task != .deleting { server.task = task }
            try change(&server)
        }
    }

    /// Whether a server is to be deleted for good, so that nothing of it needs to be brought back.
    func isDeleting(_ id: String) async throws -> Bool {
        let server = try await database.read { try ServerRecords.find(id, in: $0) }
        return server?.task == .deleting && server?.details.isDeletedSoftly != true
    }

    /// Ends what is left of a server's moves when it is deleted: what they hold on other hosts is given back, and the image that
    /// held it while it was shelved goes.
    func endMoves(of id: String, in transaction: any Transaction) throws {
        for migration in try MigrationRecords.open(server: id, in: transaction) {
            try placement.release(server: migration.uuid, in: transaction)
            let isKept = [.finished, .confirming].contains(migration.status)
            try MigrationRecords.set(isKept ? .confirmed : .error, migration.uuid, in: transaction)
        }
        if let image = try ServerRecords.find(id, in: transaction)?.details.shelvedImageID {
            try images.discardSnapshot(image, in: transaction)
        }
    }
}

/// The messages of moves that fail.
enum MoveMessages {
    static let noValidHost = "No valid host was found. There are not enough hosts available."

    /// What an agent's failure means to the user.
    static func text(_ error: any Error, _ what: String) -> String {
        guard let error = error as? BusError else { return "\(what)." }
        return "\(what): \(error.summary)"
    }
}
