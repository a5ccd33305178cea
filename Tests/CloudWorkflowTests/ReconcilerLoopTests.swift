import CloudCore
import Logging
import Testing

@testable import CloudWorkflow

@Suite(.timeLimit(.minutes(1))) struct ReconcilerLoopTests {
    private struct Sample: Reconciler {
        let name: String
        var interval: Duration = .seconds(1_000)
        let body: @Sendable () async throws -> Void
        func reconcile() async throws { try await body() }
    }

    private static var options: ReconcilerLoop.Options {
        var options = ReconcilerLoop.Options()
        options.random = { 0.5 }
        return options
    }

    private static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// Runs a loop while the body does; the stream tells of each run.
    private func looping(
        _ reconciler: Sample, clock: ManualClock = ManualClock(), options: ReconcilerLoop.Options = options,
        _ body: (ReconcilerLoop, ManualClock) async throws -> Void
    ) async throws {
        let loop = ReconcilerLoop([reconciler], options: options, clock: clock, logger: Self.quiet)
        let running = Task { await loop.run() }
        try await body(loop, clock)
        running.cancel()
        await running.value
    }

    @Test func runsAtOnceOnTheTimerAndOnSignal() async throws {
        let (runs, feed) = AsyncStream.makeStream(of: Int.self)
        var iterator = runs.makeAsyncIterator()
        let level = Level()
        try await looping(Sample(name: "a") { feed.yield(level.rise()) }) { loop, clock in
            #expect(await iterator.next() == 1)
            loop.signal("a")
            #expect(await iterator.next() == 2)
            loop.signal("nobody")
            let begin = clock.now
            try await clock.advance(by: .seconds(10)) { level.highest == 3 }
            #expect(clock.now - begin >= .seconds(1_000))
        }
    }

    @Test func signalsDuringARunMakeOneMoreAndNeverTwoAtOnce() async throws {
        let gate = Gate(), level = Level(), total = Journal(), reached = Gate(), second = Gate()
        let reconciler = Sample(name: "a") {
            _ = level.rise()
            total.note("run")
            reached.open()
            if total.count("run") == 2 { second.open() }
            try await gate.pass()
            level.fall()
        }
        try await looping(reconciler) { loop, _ in
            try await reached.pass()
            for _ in 0..<100 { loop.signal("a") }
            gate.open()
            try await second.pass()
        }
        #expect(total.count("run") == 2)
        #expect(level.highest == 1)
    }

    @Test func aFailureIsTriedAgainSoonerAndMoreAndMoreSlowly() async throws {
        let clock = ManualClock(), begin = clock.now, total = Journal()
        var options = Self.options
        options.random = { 0 }
        options.retry = Backoff(initial: .seconds(1), maximum: .seconds(300))
        let reconciler = Sample(name: "a", interval: .seconds(1_000_000)) {
            total.note("run")
            if total.count("run") < 4 { throw Unlucky() }
        }
        try await looping(reconciler, clock: clock, options: options) { _, clock in
            try await clock.advance(by: .milliseconds(100)) { total.count("run") == 4 }
            // 1 + 2 + 4 seconds, and never sooner.
            #expect(clock.now - begin >= .seconds(7))
            #expect(clock.now - begin < .seconds(900_000))
        }
    }

    @Test func aRunThatDoesNotEndIsCancelledAndKeepsTheNextOut() async throws {
        let clock = ManualClock(), total = Journal(), stubborn = Gate()
        var options = Self.options
        options.runLimit = .seconds(10)
        options.stopDeadline = .seconds(1)
        let reconciler = Sample(name: "a", interval: .seconds(5)) {
            total.note("run")
            try await stubborn.pass(stubborn: true)
            if Task.isCancelled { total.note("was cancelled") }
        }
        try await looping(reconciler, clock: clock, options: options) { _, clock in
            let begin = clock.now
            try await clock.advance(by: .milliseconds(100)) { clock.now - begin > .seconds(120) }
            #expect(total.all == ["run"])
            stubborn.open()
            try await clock.advance(by: .milliseconds(100)) { total.count("run") >= 2 }
            #expect(total.all.prefix(2) == ["run", "was cancelled"])
        }
    }

    @Test func aStopCancelsTheRun() async throws {
        let never = Gate(), reached = Gate(), ended = Journal()
        let reconciler = Sample(name: "a") {
            reached.open()
            do { try await never.pass() } catch {
                ended.note("cancelled")
                throw error
            }
        }
        try await looping(reconciler) { _, _ in try await reached.pass() }
        #expect(ended.all == ["cancelled"])
    }
}
