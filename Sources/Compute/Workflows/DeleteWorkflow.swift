import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a delete needs to remember.
struct DeleteState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host; nil when it has none.
    var host: String?
    /// Its ports as they were.
    var portIDs: [String]
    /// Where else a part of it may be: the hosts of a move.
    var otherHosts: [String]?
}

/// Takes a server away: its guest, then its ports, its claim and its row. A host that does not answer is not waited
/// for: what is left there is removed by the guest reconciler as soon as the host is back.
struct DeleteWorkflow: Sendable {
    static let name = "compute.delete"
    /// The same for a server with volumes.
    static let volumesName = "compute.delete-with-volumes"
    let compute: Compute.Parts
    /// Whether the server has volumes, which take a step of their own.
    var hasVolumes = false

    var workflow: Workflow<DeleteState> {
        Workflow(
            hasVolumes ? Self.volumesName : Self.name, deadline: .seconds(3600),
            steps: [.action("destroy", attempts: 5, timeout: .seconds(120), perform: destroy)]
                + (hasVolumes ? [.action("volumes", attempts: 5, timeout: .seconds(300), perform: releaseVolumes)] : [])
                + [.transaction("release", perform: release)],
            unwound: end)
    }

    @Sendable private func destroy(_ state: inout DeleteState, _ context: StepContext) async throws {
        for host in [state.host].compactMap(\.self) + (state.otherHosts ?? []) {
            do {
                try await compute.destroyGuest(state.serverID, ports: state.portIDs, host: host, key: context.key)
            } catch where context.attempt == 5 {
                compute.logger.warning(
                    "host does not answer, deleting without it",
                    metadata: ["server": "\(state.serverID)", "host": "\(host)", "error": "\(error)"])
            }
        }
    }

    @Sendable private func releaseVolumes(_ state: inout DeleteState, _ context: StepContext) async throws {
        try await compute.releaseVolumes(of: state.serverID, context)
    }

    @Sendable private func release(_ transaction: any Transaction, _ state: inout DeleteState, _ context: StepContext) throws {
        try compute.networking.detach(server: state.serverID, in: transaction)
        try compute.placement.release(server: state.serverID, in: transaction)
        try compute.endMoves(of: state.serverID, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.task, server.power) = (.deleted, nil, .noState)
            server.deletedAt = .now
        }
        try ActionRecords.finishOpen(server: state.serverID, action: ServerAction.delete.logName, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: DeleteState, _ failure: WorkflowFailure) throws {
        try ServerRecords.change(state.serverID, in: transaction) { server in
            (server.state, server.task) = (.error, nil)
            server.fault = Server.Fault(code: 500, message: failure.message, details: nil, createdAt: .now)
        }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
    }
}
