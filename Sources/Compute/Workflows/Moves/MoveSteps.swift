import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

// What the steps of several moves have in common.
extension Compute.Parts {
    /// The hosts that a move may go to, the best first.
    /// - Throws: `WorkflowStop` when there is none.
    func choices(for state: MoveState) async throws -> [HostChoice] {
        let found = try await database.read { try ServerRecords.find(state.serverID, in: $0) }
        guard let server = found else { throw WorkflowStop("The server is gone.") }
        let choices = try await Scheduler(compute: self).choose(state.request(for: server))
        guard !choices.isEmpty else { throw WorkflowStop(MoveMessages.noValidHost) }
        return choices
    }

    /// Claims room on a chosen host, while the migration holds what the server has on the other.
    func claimMove(_ state: inout MoveState, in transaction: any Transaction) throws {
        guard let server = try ServerRecords.find(state.serverID, in: transaction) else { throw WorkflowStop("The server is gone.") }
        guard let choice = try claim(state, for: server, in: transaction) else {
            throw WorkflowRewind(to: "schedule", MoveMessages.noValidHost)
        }
        (state.target, state.allocations) = (choice.host, choice.portAllocations)
    }

    /// Gives up the room on the chosen host.
    func unclaimMove(_ state: MoveState, in transaction: any Transaction) throws {
        guard let server = try ServerRecords.find(state.serverID, in: transaction) else { return }
        try unclaim(server, migration: state.migrationID, in: transaction)
    }

    /// What to throw when a host could not make a server's guest: choose again without that host, or stop when a host was asked for
    /// or enough were tried.
    func elsewhere(_ state: inout MoveState, after error: BusError, at host: String) -> any Error {
        state.failedHosts.append(host)
        let message = MoveMessages.text(error, "The server could not be made on \(host)")
        guard state.wish.host == nil, state.failedHosts.count < options.maximumBuildAttempts else {
            return WorkflowStop(message, cause: error)
        }
        return WorkflowRewind(to: "schedule", message)
    }

    /// Waits until the networks of a server are there on its new host.
    func settleMove(_ state: MoveState, _ context: StepContext, last: Int) async throws {
        do {
            try await networking.settle(ports: try await portIDs(state.serverID), deadline: context.deadline)
        } catch where context.attempt >= last {
            throw WorkflowStop("The networks of the server could not be set up on \(state.target ?? "its host").", cause: error)
        }
    }

    /// Removes a guest from a host that it is not to be on. A host that does not answer is left alone in the end: the guest
    /// reconciler removes what is there as soon as it is back.
    func discard(_ id: String, at host: String, _ context: StepContext) async throws {
        do {
            try await destroyGuest(id, ports: try await portIDs(id), host: host, key: context.key)
        } catch let error as BusError where context.attempt >= 3 {
            logger.warning(
                "host does not answer, going on without it",
                metadata: ["server": "\(id)", "host": "\(host)", "error": "\(error)"])
        }
    }

    /// The error to throw for a host's failure: one that ends the step when trying again is pointless.
    func stopping(_ error: any Error, _ what: String, _ context: StepContext, last: Int) -> any Error {
        guard let failure = error as? BusError else { return error }
        if case .remote(let code, _) = failure, Self.final.contains(code) {
            return WorkflowStop(MoveMessages.text(failure, what), cause: failure)
        }
        return context.attempt >= last ? WorkflowStop(MoveMessages.text(failure, what), cause: failure) : failure
    }

    /// What does not get better by trying again.
    private static let final = Set(
        [GuestFailureCode.guestNotFound, .unsupported, .diskTooSmall, .imageUnavailable, .wrongState].map(\.rawValue))
}

extension Error {
    /// Whether a host says that it has no such guest.
    var isGuestMissing: Bool {
        if case .remote(let code, _) = self as? BusError { code == GuestFailureCode.guestNotFound.rawValue } else { false }
    }
}
