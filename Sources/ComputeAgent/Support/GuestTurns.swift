import Synchronization

/// One operation at a time on each guest, in the order they came; operations on different guests don't meet.
final class GuestTurns: Sendable {
    /// Something that can be told to stop before it has begun.
    private final class Operation: Sendable {
        let interruptible: Bool
        private let state = Mutex<(isCancelled: Bool, cancel: (@Sendable () -> Void)?)>((false, nil))

        init(interruptible: Bool) { self.interruptible = interruptible }

        func bind(_ cancel: @escaping @Sendable () -> Void) {
            let isCancelled = state.withLock { state in
                state.cancel = cancel
                return state.isCancelled
            }
            if isCancelled { cancel() }
        }

        func cancel() {
            let cancel = state.withLock { state in
                state.isCancelled = true
                return state.cancel
            }
            cancel?()
        }
    }

    private struct Guest {
        let gate = Gate(limit: 1)
        var operations: [Int: Operation] = [:]
    }

    private struct State {
        var guests: [String: Guest] = [:]
        var nextTicket = 0
    }

    private let state = Mutex(State())

    /// Runs `body` when all earlier operations on the guest are over.
    /// - Parameter interruptible: whether `interrupt` may cancel it.
    func run<Value: Sendable>(
        on id: String, interruptible: Bool, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        // Registered before it begins, so that an interruption finds it whether it runs or waits.
        let operation = Operation(interruptible: interruptible)
        let (gate, ticket) = state.withLock { state in
            state.nextTicket += 1
            var guest = state.guests[id] ?? Guest()
            guest.operations[state.nextTicket] = operation
            state.guests[id] = guest
            return (guest.gate, state.nextTicket)
        }
        let task = Task { try await gate.admit(body) }
        operation.bind { task.cancel() }
        defer { finish(id, ticket) }
        return try await withTaskCancellationHandler { try await task.value } onCancel: { task.cancel() }
    }

    /// Cancels the guest's operations that may be cancelled: what comes next makes them pointless.
    func interrupt(_ id: String) {
        let operations = state.withLock { Array(($0.guests[id]?.operations ?? [:]).values) }
        for operation in operations where operation.interruptible { operation.cancel() }
    }

    private func finish(_ id: String, _ ticket: Int) {
        state.withLock { state in
            state.guests[id]?.operations[ticket] = nil
            if state.guests[id]?.operations.isEmpty == true { state.guests[id] = nil }
        }
    }
}
