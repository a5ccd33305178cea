import CloudCore
import Dispatch
import Foundation
import Logging
import Synchronization

/// The one thread that changes a SQLite file. Transactions that wait at the same time share one commit, and so
/// one fsync: each runs in a savepoint of its own, and none is acknowledged before the commit they share.
final class SQLiteWriter: Sendable {
    private let queue: WorkQueue<WriteJob>
    private let threads = ThreadGroup()
    /// Rings for the thread that moves the log into the file; one may wait while another is heeded.
    private let checkpoints = WorkQueue<CheckpointBell>(limit: 1)
    private let options: SQLiteDatabase.Options
    /// How much was written since the file was opened.
    let statistics = WriteStatistics()

    /// Opens the file on the new thread and waits until that is done.
    init(path: String, options: SQLiteDatabase.Options) throws {
        queue = WorkQueue(limit: options.queueLimit)
        self.options = options
        let opening = Opening()
        threads.start(named: "store-writer") { [queue, statistics, checkpoints] in
            Self.goFirst()
            let connection: SQLiteConnection
            do {
                connection = try SQLiteConnection(path: path, role: .writer, busyTimeout: options.busyTimeout)
                opening.finish(nil)
            } catch { return opening.finish(error) }
            var loop = WriteLoop(connection, queue, statistics, options, checkpoints)
            loop.run()
            checkpoints.close()
        }
        try opening.wait()
        startCheckpoints(of: path)
    }

    /// Everybody waits for this thread: where that is permitted, it goes before others.
    private static func goFirst() { ThreadNiceness.set(-5) }

    /// A thread and a connection of their own move the log's pages into the file: the writer, and who waits for it, would stand
    /// still for tens of milliseconds meanwhile.
    private func startCheckpoints(of path: String) {
        threads.start(named: "store-pages") { [checkpoints, options] in
            let bell = DispatchSemaphore(value: 0)
            do {
                let connection = try SQLiteConnection(path: path, role: .writer, busyTimeout: options.busyTimeout)
                while checkpoints.pop(sleepingOn: bell) != nil { connection.checkpoint() }
            } catch {
                // The writer does it by itself once the log is long.
                Logger(label: "altostack.store").warning("The log has no thread of its own", metadata: ["cause": "\(error)"])
            }
        }
    }

    deinit { queue.close() }

    /// Runs a transaction and returns when it is on disk.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let job = WriteJob(
                deadline: .now + options.waitLimit, isBackground: Background.isCurrent,
                run: { transaction in
                    let result = try body(transaction)
                    return { continuation.resume(returning: result) }
                },
                fail: { continuation.resume(throwing: $0) })
            do { try queue.push(job) } catch { continuation.resume(throwing: error) }
        }
    }

    /// How many transactions wait.
    var waiting: Int { queue.count }

    /// Finishes what was accepted and closes the connection.
    func close() async {
        queue.close()
        await threads.wait()
    }
}

/// Says that the log has grown.
struct CheckpointBell: Sendable {}

/// A transaction that waits for the writer. Exactly one of `fail` and what `run` answers is called, once.
struct WriteJob: Sendable {
    /// When it gives up waiting.
    let deadline: ContinuousClock.Instant
    /// Whether no request waits for it.
    let isBackground: Bool
    /// Runs the body; answers what acknowledges it.
    let run: @Sendable (any Transaction) throws -> @Sendable () -> Void
    /// Tells the caller that nothing was changed.
    let fail: @Sendable (any Error) -> Void
}

/// How much was written; the ratio of the two is what sharing commits saves.
final class WriteStatistics: Sendable {
    struct Counts: Sendable {
        /// Transactions acknowledged.
        var transactions = 0
        /// Commits they took.
        var commits = 0
    }

    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    func add(transactions: Int) {
        state.withLock {
            $0.transactions += transactions
            $0.commits += 1
        }
    }
}

/// What the writer's thread does.
private struct WriteLoop {
    /// What became of one transaction of a batch, to be told once the batch is on disk.
    private struct Outcome {
        let job: WriteJob
        let result: Result<@Sendable () -> Void, any Error>
        var actions: [@Sendable () -> Void] = []
    }

    private let connection: SQLiteConnection
    private let queue: WorkQueue<WriteJob>
    private let checkpoints: WorkQueue<CheckpointBell>
    /// How long the log was when it was last seen to.
    private var pagesSeen = 0
    private let statistics: WriteStatistics
    private let options: SQLiteDatabase.Options
    private let bell = DispatchSemaphore(value: 0)
    private let metrics = StoreMetrics(driver: "sqlite")
    private let logger = Logger(label: "altostack.store")

    init(
        _ connection: SQLiteConnection, _ queue: WorkQueue<WriteJob>, _ statistics: WriteStatistics,
        _ options: SQLiteDatabase.Options, _ checkpoints: WorkQueue<CheckpointBell>
    ) {
        (self.connection, self.queue, self.statistics, self.options) = (connection, queue, statistics, options)
        self.checkpoints = checkpoints
    }

    mutating func run() {
        while let job = queue.pop(sleepingOn: bell) {
            runBatch(startingWith: job)
            tendLog()
        }
    }

    /// Sees to it that the log is moved into the file whenever it has grown by so many pages. It begins anew only at a moment when
    /// nothing in it is left to move, which a busy writer has to make itself.
    private mutating func tendLog() {
        let pages = connection.pagesInLog
        if pages < pagesSeen { pagesSeen = 0 }
        guard pages - pagesSeen >= Self.pagesOfACheckpoint else { return }
        pagesSeen = pages
        if pages >= Self.pagesOfALongLog { return connection.checkpoint() }
        // A bell that rings already will be heeded.
        try? checkpoints.push(CheckpointBell())
    }

    private static let pagesOfACheckpoint = 1_000
    private static let pagesOfALongLog = 8_000

    /// Runs a transaction and those that wait behind it, commits, and only then tells their callers. Requests' are let in as long as the
    /// batch is open; background work's only for a moment once there is a request among them.
    private func runBatch(startingWith first: WriteJob) {
        do { _ = try connection.execute("BEGIN IMMEDIATE") } catch { return first.fail(error) }
        let closing = ContinuousClock.now + options.batchTime
        var outcomes: [Outcome] = []
        var closingToBackground = closing
        var next: WriteJob? = first
        while let job = next {
            outcomes.append(perform(job))
            let now = ContinuousClock.now
            if !job.isBackground { closingToBackground = min(closingToBackground, now + options.requestTime) }
            let isOpen = outcomes.count < options.batchLimit && connection.isInTransaction && now < closing
            next = isOpen ? queue.popWaiting(onlyUrgent: now >= closingToBackground) : nil
        }
        let started = ContinuousClock.now
        let failure = commit(outcomes.count)
        report(outcomes, failure: failure, took: .now - started)
        settle(outcomes, failure: failure)
    }

    private func perform(_ job: WriteJob) -> Outcome {
        let started = ContinuousClock.now
        guard job.deadline > started else { return Outcome(job: job, result: .failure(StoreError.overloaded)) }
        defer { warn(ifLong: .now - started) }
        let session = Session(connection)
        do {
            let acknowledge = try session.savepoint {
                let acknowledge = try job.run(session)
                guard !connection.hasOpenForeignKeys else { throw StoreError.constraint(.foreignKey, detail: "") }
                return acknowledge
            }
            return Outcome(job: job, result: .success(acknowledge), actions: session.actions)
        } catch {
            return Outcome(job: job, result: .failure(error))
        }
    }

    private func warn(ifLong duration: Duration) {
        guard duration > .seconds(1) else { return }
        logger.warning("A transaction kept all others waiting", metadata: ["duration": "\(duration)"])
    }

    /// - Returns: why nothing of the batch is on disk, or nil when all of it is.
    private func commit(_ size: Int) -> (any Error)? {
        guard connection.isInTransaction else {
            return StoreError.unavailable("SQLite gave up a transaction: the disk is full or failing")
        }
        do {
            try options.willCommit?(size)
            _ = try connection.execute("COMMIT")
            return nil
        } catch {
            connection.rollBack()
            return error
        }
    }

    private func report(_ outcomes: [Outcome], failure: (any Error)?, took duration: Duration) {
        if let failure {
            metrics.fail(outcomes.count)
            logger.error("A commit failed, and with it every transaction in it", metadata: [
                "transactions": "\(outcomes.count)", "cause": "\(failure)",
            ])
        } else {
            let succeeded = outcomes.count { if case .success = $0.result { true } else { false } }
            statistics.add(transactions: succeeded)
            metrics.commit(transactions: succeeded, failed: outcomes.count - succeeded, took: duration)
        }
    }

    /// Even a body that failed is told so only now, and fails with its batch: it may have failed because of a
    /// change that never became one.
    private func settle(_ outcomes: [Outcome], failure: (any Error)?) {
        for outcome in outcomes {
            switch (failure, outcome.result) {
            case (let failure?, _): outcome.job.fail(failure)
            case (nil, .failure(let error)): outcome.job.fail(error)
            case (nil, .success(let acknowledge)):
                for action in outcome.actions { action() }
                acknowledge()
            }
        }
    }
}

/// Hands the result of opening a file from the thread that did it to the one that waits.
private final class Opening: Sendable {
    private let failure = Mutex<(any Error)?>(nil)
    private let done = DispatchSemaphore(value: 0)

    func finish(_ error: (any Error)?) {
        failure.withLock { $0 = error }
        done.signal()
    }

    func wait() throws {
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
