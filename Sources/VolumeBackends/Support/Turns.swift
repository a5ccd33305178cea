import Synchronization

/// Lets so many tasks at a time work under each key, in the order they came; those under different keys don't meet.
final class Turns<Key: Hashable & Sendable>: Sendable {
    private struct Line {
        var running = 0
        var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private struct State {
        var lines: [Key: Line] = [:]
        var nextTicket: UInt64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// Turns for `limit` tasks at a time under each key.
    init(limit: Int) { self.limit = max(1, limit) }

    /// Runs `body` once it is its turn.
    /// - Throws: `CancellationError` when cancelled while waiting; what `body` throws.
    func run<Value: Sendable>(_ key: Key, _ body: () async throws -> Value) async throws -> Value {
        try await enter(key)
        defer { leave(key) }
        return try await body()
    }

    private func enter(_ key: Key) async throws {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A cancellation is looked for under the lock that its handler takes: whoever comes second sees the other.
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    var line = state.lines[key] ?? Line()
                    defer { state.lines[key] = line }
                    if line.running < limit {
                        line.running += 1
                        return .success(())
                    }
                    line.waiting.append((ticket, continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let index = state.lines[key]?.waiting.firstIndex { $0.ticket == ticket }
                return index.flatMap { state.lines[key]?.waiting.remove(at: $0).continuation }
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func leave(_ key: Key) {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard var line = state.lines[key] else { return nil }
            defer { state.lines[key] = line.running == 0 ? nil : line }
            guard line.waiting.isEmpty else { return line.waiting.removeFirst().continuation }
            line.running -= 1
            return nil
        }
        next?.resume()
    }
}
