import CloudCore
import Dispatch
import Foundation

/// Threads that each own a context, such as a connection, and run jobs on it. The context is opened when its
/// thread gets its first job, so a quiet pool holds one; a job whose context cannot be opened fails alone.
final class WorkerPool<Context>: Sendable {
    private struct Job: Sendable {
        let deadline: ContinuousClock.Instant
        let run: @Sendable (Context) -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private let queue: WorkQueue<Job>
    private let threads = ThreadGroup()
    private let waitLimit: Duration

    /// - Parameters:
    ///   - niceness: of the threads.
    ///   - waitLimit: how long a job may wait for a thread before it fails as `overloaded`.
    ///   - open: makes a context; called on the thread that will own it.
    init(
        name: String, size: Int, queueLimit: Int, waitLimit: Duration, niceness: Int32 = 0,
        open: @escaping @Sendable () throws -> Context
    ) {
        queue = WorkQueue(limit: queueLimit)
        self.waitLimit = waitLimit
        for number in 1...max(1, size) {
            threads.start(named: "\(name)-\(number)") { [queue] in
                if niceness != 0 { ThreadNiceness.set(niceness) }
                Self.work(queue, open)
            }
        }
    }

    deinit { queue.close() }

    /// Runs `body` on one of the threads.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Context) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job(
                deadline: .now + waitLimit,
                run: { context in continuation.resume(with: Swift.Result { try body(context) }) },
                fail: { continuation.resume(throwing: $0) })
            do { try queue.push(job) } catch { continuation.resume(throwing: error) }
        }
    }

    /// How many jobs wait.
    var waiting: Int { queue.count }

    /// Finishes what was accepted and closes the contexts.
    func close() async {
        queue.close()
        await threads.wait()
    }

    private static func work(_ queue: WorkQueue<Job>, _ open: @Sendable () throws -> Context) {
        let bell = DispatchSemaphore(value: 0)
        var context: Context?
        while let job = queue.pop(sleepingOn: bell) {
            guard job.deadline > .now else {
                job.fail(StoreError.overloaded)
                continue
            }
            do {
                let opened = try context ?? open()
                context = opened
                job.run(opened)
            } catch {
                job.fail(error)
            }
        }
    }
}
