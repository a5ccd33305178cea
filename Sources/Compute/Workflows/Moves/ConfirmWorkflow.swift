import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What a confirmation needs to remember.
struct ConfirmState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it; nil when it is confirmed because nobody took it back in time.
    var requestID: String?
    /// The migration, which holds the claim on the host that was left.
    var migrationID: String
    /// The host that was left.
    var source: String
}

/// Makes a move last: deletes the disks that were put aside and gives back the room. A host that does not answer leaves
/// the server as it was, to be confirmed again.
struct ConfirmWorkflow: Sendable {
    static let name = "compute.confirm-move"
    let compute: Compute.Parts

    var workflow: Workflow<ConfirmState> {
        Workflow(
            Self.name, deadline: .seconds(600),
            steps: [
                .action("forget", attempts: 5, timeout: .seconds(60), perform: forget),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func forget(_ state: inout ConfirmState, _ context: StepContext) async throws {
        do {
            _ = try await compute.ask(state.source, ConfirmMove(id: state.serverID), context)
        } catch {
            throw compute.stopping(error, "The host that was left does not answer", context, last: 5)
        }
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout ConfirmState, _ context: StepContext) throws {
        try compute.placement.release(server: state.migrationID, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { server in
            server.settleMoved()
            server.task = nil
        }
        try MigrationRecords.set(.confirmed, state.migrationID, in: transaction)
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: ConfirmState, _ failure: WorkflowFailure) throws {
        try MigrationRecords.set(.finished, state.migrationID, in: transaction)
        try compute.abandon(
            state.serverID, requestID: state.requestID, message: failure.message, leftAt: [state.source], in: transaction
        ) { _ in }
    }
}

extension Server {
    /// Ends the question whether a move is to stay.
    mutating func settleMoved() {
        // The guest may have been shut down from inside while it waited.
        state = power == .shutdown || power == .crashed ? .stopped : .active
        (details.oldFlavor, details.sourceHost, details.sourceAllocations, details.previousState) = (nil, nil, nil, nil)
    }
}
