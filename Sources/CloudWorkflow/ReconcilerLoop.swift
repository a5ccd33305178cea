import CloudCore
import Logging
import Metrics
import Synchronization

/// Runs reconcilers: each at once, then on its own timer with some jitter, and whenever it is signalled. Signals that
/// arrive during a run lead to one more run; a reconciler never runs beside itself.
public final class ReconcilerLoop: Sendable {
    /// The loop's times.
    public struct Options: Sendable {
        /// How long a run may take before it is cancelled.
        public var runLimit: Duration = .seconds(600)
        /// The waits after failed runs; never longer than the reconciler's own interval.
        public var retry = Backoff(initial: .seconds(1), maximum: .seconds(300))
        /// How long a stop waits for the runs in progress, which are cancelled at once.
        public var stopDeadline: Duration = .seconds(3)
        /// A number in 0..<1 for the jitter.
        public var random: @Sendable () -> Double = { .random(in: 0..<1) }
        /// The defaults.
        public init() {}
    }

    private let reconcilers: [any Reconciler]
    private let bells: [String: Bell]
    private let options: Options
    private let clock: any WorkflowClock
    private let logger: Logger

    /// A loop over reconcilers with names of their own.
    public init(
        _ reconcilers: [any Reconciler], options: Options = Options(), clock: any WorkflowClock = SystemClock(),
        logger: Logger = Logger(label: "altostack.reconciler")
    ) {
        (self.reconcilers, self.options, self.clock, self.logger) = (reconcilers, options, clock, logger)
        precondition(Set(reconcilers.map(\.name)).count == reconcilers.count, "two reconcilers have the same name")
        bells = Dictionary(uniqueKeysWithValues: reconcilers.map { ($0.name, Bell()) })
    }

    /// Asks a reconciler to run soon; an unknown name is nobody's.
    public func signal(_ name: String) { bells[name]?.ring() }

    /// Runs until the task is cancelled; then cancels the runs in progress and waits for them, up to the deadline.
    public func run() async {
        await withTaskGroup { group in
            for reconciler in reconcilers {
                guard let bell = bells[reconciler.name] else { continue }
                group.addTask { await self.repeatedly(reconciler, bell) }
            }
        }
    }

    private func repeatedly(_ reconciler: any Reconciler, _ bell: Bell) async {
        var failures = 0
        // A run that ignores its cancellation still keeps the next one out.
        var unfinished: ReconcilerRun?
        while !Task.isCancelled {
            if let unfinished, await !unfinished.wait(reconciler.interval, on: clock) { continue }
            let run = ReconcilerRun(reconciler)
            let outcome = await watch(run, reconciler.name)
            unfinished = outcome == .overdue ? run : nil
            failures = outcome == .succeeded ? 0 : failures + 1
            await bell.wait(until: clock.now + pause(reconciler, failures: failures), on: clock)
        }
    }

    private func pause(_ reconciler: any Reconciler, failures: Int) -> Duration {
        // A tenth earlier or later, so that what began together does not stay together.
        let interval = reconciler.interval * (0.9 + options.random() / 5)
        return failures == 0 ? interval : min(interval, options.retry.delay(failures: failures, random: options.random()))
    }

    private enum Outcome: String { case succeeded, failed, overdue }

    private func watch(_ run: ReconcilerRun, _ name: String) async -> Outcome {
        let begin = clock.now
        var isEnded = await run.wait(options.runLimit, on: clock)
        if !isEnded {
            run.cancel()
            // In a task of its own, for the waiting one may be cancelled already.
            isEnded = await Task { await run.wait(self.options.stopDeadline, on: self.clock) }.value
        }
        let outcome = isEnded ? await judge(run, name) : .overdue
        if !isEnded { logger.error("a reconciler does not come to an end", metadata: ["reconciler": "\(name)"]) }
        Counter(label: "reconciler_runs", dimensions: [("reconciler", name), ("outcome", outcome.rawValue)]).increment()
        Timer(label: "reconciler_run_duration", dimensions: [("reconciler", name)])
            .recordNanoseconds(Int64((clock.now - begin) / .nanoseconds(1)))
        return outcome
    }

    private func judge(_ run: ReconcilerRun, _ name: String) async -> Outcome {
        switch await run.task.result {
        case .success:
            return .succeeded
        case .failure(let error):
            logger.error("a reconciler failed", metadata: ["reconciler": "\(name)", "error": "\(error)"])
            return .failed
        }
    }
}

/// One run of a reconciler, which may be waited for with a limit.
private final class ReconcilerRun: Sendable {
    let task: Task<Void, any Error>
    private let bell = Bell()
    private let isEnded = Mutex(false)

    init(_ reconciler: any Reconciler) {
        task = Background.start { try await reconciler.reconcile() }
        Task {
            _ = await self.task.result
            self.isEnded.withLock { $0 = true }
            self.bell.ring()
        }
    }

    func cancel() { task.cancel() }

    /// Waits for the end, at most so long, and no longer than the waiting task is wanted.
    /// - Returns: whether it has ended.
    func wait(_ limit: Duration, on clock: any WorkflowClock) async -> Bool {
        let moment = clock.now + limit
        while !isEnded.withLock({ $0 }), clock.now < moment, !Task.isCancelled {
            await bell.wait(until: moment, on: clock)
        }
        return isEnded.withLock { $0 }
    }
}
