import CloudCore
import Synchronization

/// The caller's side of a call: one answer, waited for until the deadline.
final class BusAnswer: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<[UInt8], any Error>)
        case resolved(Result<[UInt8], any Error>)
    }

    private let state = Mutex(State.open)

    /// The first resolution counts; later ones are ignored.
    func resolve(_ result: Result<[UInt8], any Error>) {
        let continuation: CheckedContinuation<[UInt8], any Error>? = state.withLock { state in
            switch state {
            case .open:
                state = .resolved(result)
                return nil
            case .awaited(let continuation):
                state = .resolved(result)
                return continuation
            case .resolved: return nil
            }
        }
        continuation?.resume(with: result)
    }

    /// Waits for the answer. Must be called once.
    /// - Throws: what it was resolved with, `BusError.deadlineExceeded`, or `CancellationError`.
    func value(until deadline: Timestamp) async throws -> [UInt8] {
        let timer = Task.detached { [self] in
            if await deadline.arrives() { resolve(.failure(BusError.deadlineExceeded)) }
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let resolved: Result<[UInt8], any Error>? = state.withLock { state in
                    if case .resolved(let result) = state { return result }
                    state = .awaited(continuation)
                    return nil
                }
                if let resolved { continuation.resume(with: resolved) }
            }
        } onCancel: {
            resolve(.failure(CancellationError()))
        }
    }
}
