import Dispatch
import Foundation
import Synchronization

/// Why blocking work had no result.
enum BlockingError: Error, Sendable, Equatable {
    /// Too many jobs wait.
    case overloaded
    /// The deadline passed; the job may still be running.
    case deadlineExceeded
    /// The threads were shut down.
    case closed
}

/// Threads of their own for calls that block, so that those never hold the threads that serve requests.
final class BlockingThreads: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private final class Queue: Sendable {
        let state = Mutex(State())
        let bell = DispatchSemaphore(value: 0)

        func work() {
            while true {
                bell.wait()
                let (job, isOver) = state.withLock { state in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
                }
                if let job { job() } else if isOver { return }
            }
        }
    }

    private let queue = Queue()
    private let threads: Int
    private let limit: Int

    /// So many threads, before which at most `limit` jobs wait.
    init(name: String, threads: Int, limit: Int = 256) {
        (self.threads, self.limit) = (threads, limit)
        for number in 0..<threads {
            let thread = Thread { [queue] in queue.work() }
            thread.name = "\(name)-\(number)"
            thread.start()
        }
    }

    deinit {
        queue.state.withLock { $0.isClosed = true }
        for _ in 0..<threads { queue.bell.signal() }
    }

    /// Runs a job on one of the threads. A cancelled caller gets away only before its job begins: afterwards it waits,
    /// so that what it does next doesn't meet the job's effects half-way. The deadline ends the wait in any case.
    /// - Throws: `BlockingError`; `CancellationError`; what the job throws.
    func run<Value: Sendable>(
        deadline: Duration, _ job: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let slot = Slot<Value>()
        let accepted = queue.state.withLock { state in
            guard !state.isClosed, state.jobs.count < limit else { return false }
            state.jobs.append {
                guard slot.begin() else { return }
                slot.fulfil(Result { try job() })
            }
            return true
        }
        guard accepted else { throw BlockingError.overloaded }
        queue.bell.signal()
        let timer = Task {
            try await Task.sleep(for: deadline)
            slot.fulfil(.failure(BlockingError.deadlineExceeded))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler { try await slot.value() } onCancel: { slot.cancel() }
    }

    /// A result that comes once, from whoever is first.
    private final class Slot<Value: Sendable>: Sendable {
        private struct State {
            var hasBegun = false
            var result: Result<Value, any Error>?
            var waiter: CheckedContinuation<Value, any Error>?
        }

        private let state = Mutex(State())

        /// Whether the job is still wanted.
        func begin() -> Bool {
            state.withLock { state in
                state.hasBegun = true
                return state.result == nil
            }
        }

        func fulfil(_ result: Result<Value, any Error>) {
            let waiter = state.withLock { state -> CheckedContinuation<Value, any Error>? in
                guard state.result == nil else { return nil }
                state.result = result
                return state.waiter.take()
            }
            waiter?.resume(with: result)
        }

        func cancel() {
            let hasBegun = state.withLock { $0.hasBegun }
            if !hasBegun { fulfil(.failure(CancellationError())) }
        }

        func value() async throws -> Value {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.waiter = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        }
    }
}
