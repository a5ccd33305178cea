import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What a change of power needs to remember.
struct PowerChange: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host.
    var host: String
    /// What the host is asked to do.
    var action: PowerGuest.Action
    /// What the host answered.
    var outcome: PowerState?
}

/// Starts, stops or restarts a guest. A failure leaves the server in the state it was in, with the reason in its
/// action log.
struct PowerWorkflow: Sendable {
    static let name = "compute.power"
    let compute: Compute.Parts

    var workflow: Workflow<PowerChange> {
        Workflow(
            Self.name, deadline: .seconds(600),
            steps: [
                .action("power", attempts: 3, timeout: .seconds(180), perform: power),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func power(_ state: inout PowerChange, _ context: StepContext) async throws {
        let id = state.serverID
        let known = try await compute.database.read { [networking = compute.networking] reader -> GuestSpecification? in
            guard let server = try ServerRecords.find(id, in: reader) else { return nil }
            return server.guest(ports: try networking.ports(servers: [id], in: reader)[id] ?? [])
        }
        guard let guest = known else { throw WorkflowStop("The server is gone.") }
        do {
            let status = try await compute.bus.call(
                PowerGuest(guest: guest, action: state.action), to: BusAddress(topic: ComputeTopic.agent, host: state.host),
                deadline: context.deadline - Timestamp.now, key: context.key)
            state.outcome = status.power
        } catch BusError.remote(let code, let message) where code == "guest_not_found" {
            throw WorkflowStop(message)
        }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout PowerChange, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            if let outcome = state.outcome { server.settle(power: outcome) }
            server.task = nil
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: PowerChange, _ failure: WorkflowFailure) throws {
        guard let server = try ServerRecords.find(state.serverID, in: transaction) else { return }
        if server.task == .deleting {
            // This workflow has ended within the transaction, so the subject is free for the one that deletes.
            try compute.beginDelete(server, requestID: nil, in: transaction)
        } else {
            try ServerRecords.change(server.id, in: transaction) { $0.task = nil }
        }
        try ActionRecords.finish(server: server.id, request: state.requestID, message: failure.message, in: transaction)
    }
}
