import CloudCore
import Dispatch
import Foundation
import Synchronization

/// Threads of their own for work that keeps a processor busy, so that it never holds the threads that serve
/// requests. They run at a lower priority than those, and the queue before them is bounded.
final class WorkerPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    /// What the threads hold, so that the pool itself can go away and take them with it.
    private final class Queue: Sendable {
        let state = Mutex(State())
        let waiting = DispatchSemaphore(value: 0)

        func work() {
            ThreadNiceness.set(WorkerPool.niceness)
            while true {
                waiting.wait()
                let (job, isClosed) = state.withLock { state in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
                }
                if let job { job() } else if isClosed { return }
            }
        }
    }

    /// The lowest: at 10 a login still costs other requests' slowest hundredth twice the time and more. It counts within
    /// the program's own group of processes; the guests of a host are in others (autogroups, systemd's slices).
    private static let niceness: Int32 = 19
    private let queue = Queue()
    private let threads: Int
    private let limit: Int

    /// A pool of threads before which at most `limit` jobs wait.
    init(name: String, threads: Int, limit: Int) {
        (self.threads, self.limit) = (threads, limit)
        for number in 0..<threads {
            let thread = Thread { [queue] in queue.work() }
            thread.name = "\(name)-\(number)"
            thread.start()
        }
    }

    deinit {
        queue.state.withLock { $0.isClosed = true }
        for _ in 0..<threads { queue.waiting.signal() }
    }

    /// Runs a job on one of the threads.
    /// - Throws: `CryptoError.overloaded` when too many jobs wait; `CancellationError` when the task was cancelled
    ///   before its job began.
    func run<Result: Sendable>(_ job: @escaping @Sendable () -> Result) async throws -> Result {
        let isCancelled = Flag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isAccepted = queue.state.withLock { state in
                    guard state.jobs.count < limit else { return false }
                    state.jobs.append {
                        if isCancelled.isSet { return continuation.resume(throwing: CancellationError()) }
                        continuation.resume(returning: job())
                    }
                    return true
                }
                if isAccepted { queue.waiting.signal() } else { continuation.resume(throwing: CryptoError.overloaded) }
            }
        } onCancel: {
            isCancelled.set()
        }
    }

    /// Set once, read by whoever comes later.
    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }
}
