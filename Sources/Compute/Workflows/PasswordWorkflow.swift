import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Synchronization

/// What changing a password needs to remember: not the password, which is written nowhere.
struct PasswordState: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// Its host.
    var host: String
    /// Under which the password waits in this process.
    var ticket: String
}

/// Sets the password of a guest's administrator by the guest's agent. The request waits for it; when the program ends in
/// between, the password is lost and the server free again.
struct PasswordWorkflow: Sendable {
    static let name = "compute.password"
    /// How long a request waits for its end.
    static let patience = Duration.seconds(60)
    let compute: Compute.Parts

    var workflow: Workflow<PasswordState> {
        Workflow(
            Self.name, deadline: Self.patience,
            steps: [
                .action("set", attempts: 1, timeout: .seconds(45), perform: set),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func set(_ state: inout PasswordState, _ context: StepContext) async throws {
        guard let password = compute.newPasswords.password(state.ticket) else {
            throw WorkflowStop("The program was restarted before the password was set.")
        }
        _ = try await compute.ask(SetGuestPassword(id: state.serverID, password: password), host: state.host, context)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout PasswordState, _ context: StepContext) throws {
        try ServerRecords.change(state.serverID, in: transaction) { $0.task = nil }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
        transaction.onCommit { [passwords = compute.newPasswords, ticket = state.ticket] in passwords.end(ticket, failure: nil) }
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: PasswordState, _ failure: WorkflowFailure) throws {
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try compute.conclude(state.serverID, after: failure, in: transaction) { _ in }
        transaction.onCommit { [passwords = compute.newPasswords, ticket = state.ticket] in
            passwords.end(ticket, failure: failure.message)
        }
    }
}

/// Passwords on their way to guests, and the requests that wait for them.
final class PasswordsOnTheWay: Sendable {
    private struct Entry {
        let password: String
        var waiter: CheckedContinuation<String?, Never>?
        /// How it ended, once it has: a failure's message, or nil for success.
        var ending: String??
    }
    private let entries = Mutex<[String: Entry]>([:])

    /// Keeps a password until somebody has waited for its end.
    func add(_ password: String, ticket: String) { entries.withLock { $0[ticket] = Entry(password: password) } }

    /// The password of a ticket that is not over.
    func password(_ ticket: String) -> String? { entries.withLock { $0[ticket]?.password } }

    /// Lets go of a ticket that nobody will wait for.
    func drop(_ ticket: String) { entries.withLock { $0[ticket] = nil } }

    /// Tells who waits how it ended.
    func end(_ ticket: String, failure: String?) {
        let waiter = entries.withLock { entries -> CheckedContinuation<String?, Never>? in
            defer { if entries[ticket]?.waiter != nil { entries[ticket] = nil } }
            entries[ticket]?.ending = .some(failure)
            return entries[ticket]?.waiter
        }
        waiter?.resume(returning: failure)
    }

    /// Waits for the end.
    /// - Returns: why it failed; nil when it succeeded.
    func wait(_ ticket: String) async -> String? {
        await withCheckedContinuation { continuation in
            let known = entries.withLock { entries -> String?? in
                guard let entry = entries[ticket] else { return .some("The password's change is not known any more.") }
                guard let ending = entry.ending else {
                    entries[ticket]?.waiter = continuation
                    return nil
                }
                entries[ticket] = nil
                return .some(ending)
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
