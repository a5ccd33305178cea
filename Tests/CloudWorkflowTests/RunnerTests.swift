import CloudCore
import CloudStore
import Synchronization
import Testing

@testable import CloudWorkflow

@Suite(.timeLimit(.minutes(2))) struct RunnerTests {
    @Test func atMostSoManyAtOnce() async throws {
        try await Site.with { site in
            let sample = Sample(), gate = Gate(), three = Gate()
            let level = Level()
            let workflow = sample.workflow([sample.action("a") { _, _ in
                if level.rise() == 3 { three.open() }
                try await gate.pass()
                level.fall()
            }])
            var options = Station.quick
            options.concurrency = 3
            let station = Station(site, options: options, [workflow.definition])
            try await station.ready()
            for number in 0..<20 { _ = try await station.start(workflow, Trail(), subject: "thing/\(number)") }
            try await three.pass()
            let records = try await WorkflowInspector(database: site.database).list()
            #expect(records.count { $0.status == .running } == 3)
            #expect(records.count { $0.status == .waiting && $0.leaseExpiresAt == nil } == 17)
            gate.open()
            for _ in 0..<20 { #expect(try await station.departures.next().ending == .done) }
            #expect(level.highest == 3)
            await station.stop()
        }
    }

    @Test func workBegunInOneTransactionBeyondThePlacesIsDoneToo() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([sample.action("a")])
            var options = Station.quick
            options.concurrency = 2
            let station = Station(site, options: options, [workflow.definition])
            try await station.ready()
            try await site.database.write { [runner = station.runner] transaction in
                for number in 0..<10 {
                    try runner.start(workflow, Trail(), subject: "thing/\(number)", requestID: nil, in: transaction)
                }
            }
            for _ in 0..<10 { #expect(try await station.departures.next().ending == .done) }
            await station.stop()
        }
    }

    @Test func aLongWaitIsRecordedAndFreesThePlace() async throws {
        try await Site.with { site in
            let sample = Sample(), clock = ManualClock()
            let workflow = sample.workflow([
                sample.action("a", attempts: 2) { _, context in if context.attempt == 1 { throw Unlucky() } },
                sample.transaction("b"),
            ])
            var options = Station.quick
            options.retry = Backoff(initial: .seconds(60), maximum: .seconds(60))
            let station = Station(site, options: options, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .released)
            var detail = try await site.show(id)
            #expect(detail.record.status == .waiting)
            #expect(detail.record.attempts == 1)
            #expect(detail.record.error == "Unlucky()")
            #expect(detail.dueAt == clock.now + .seconds(60))
            clock.advance(by: .seconds(61))
            #expect(try await station.ending(of: id) == .done)
            #expect(sample.journal.all == ["try a", "try a", "do a", "do b"])
            detail = try await site.show(id)
            #expect(detail.record.error == nil)
            await station.stop()
        }
    }

    @Test func anUndoIsNeverGivenUp() async throws {
        try await Site.with { site in
            let sample = Sample(), clock = ManualClock(), mended = Gate()
            let workflow = sample.workflow([
                sample.action("a", undo: { _, _ in if !mended.isOpen { throw Unlucky() } }),
                sample.action("b", undoes: false) { _, _ in throw WorkflowStop("No.") },
            ])
            var options = Station.quick
            options.undoRetry = Backoff(initial: .seconds(10), maximum: .seconds(10))
            options.undoAttempts = 2
            let station = Station(site, options: options, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .released)
            #expect(try await site.show(id).record.status == .unwinding)
            clock.advance(by: .seconds(11))
            #expect(try await station.ending(of: id) == .released)
            var detail = try await site.show(id)
            #expect(detail.record.status == .stuck)
            #expect(detail.record.step == "a")
            #expect(detail.failure == WorkflowFailure(kind: .failed, step: "b", message: "No."))
            // The slow timer tries again …
            clock.advance(by: options.stuckInterval + .seconds(1))
            #expect(try await station.ending(of: id) == .released)
            // … and so does the operator.
            mended.open()
            #expect(try await WorkflowInspector(database: site.database, clock: clock).retry(id))
            station.runner.signal()
            #expect(try await station.ending(of: id) == .unwound)
            detail = try await site.show(id)
            #expect(detail.steps.map(\.standing) == [.undone, .undone])
            await station.stop()
        }
    }

    @Test func anotherRunnerTakesOverWhenALeaseEndsAndTheFirstMayWriteNoMore() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), goOn = Gate(), clock = ManualClock(), stalled = ManualClock()
            let first = Journal()
            let workflow = sample.workflow([
                sample.action("a") { _, _ in
                    first.note("a")
                    guard first.count("a") == 1 else { return }
                    reached.open()
                    try await goOn.pass(stubborn: true)
                },
                sample.transaction("b"),
            ], deadline: .seconds(100_000))
            // The first runner's clock stands still, as if the machine were suspended.
            let one = Station(site, owner: "one", clock: stalled, [workflow.definition])
            try await one.ready()
            let id = try await one.start(workflow, Trail())
            try await reached.pass()
            clock.advance(by: .seconds(7_200))
            let two = Station(site, owner: "two", clock: clock, [workflow.definition])
            #expect(try await two.ending(of: id) == .done)
            #expect(try await site.things() == ["b"])
            goOn.open()
            #expect(try await one.ending(of: id) == .abandoned)
            #expect(sample.journal.count("do b") == 1)
            await one.stop()
            await two.stop()
        }
    }

    @Test func aLeaseIsRenewedWhileAStepIsBusy() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), goOn = Gate(), clock = ManualClock()
            let workflow = sample.workflow([sample.action("a", timeout: .seconds(30_000)) { _, _ in
                reached.open()
                try await goOn.pass()
            }], deadline: .seconds(100_000))
            var options = Station.quick
            options.lease = .seconds(3_000)
            let station = Station(site, options: options, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            try await reached.pass()
            for _ in 0..<3 {
                let before = try #require(try await site.show(id).record.leaseExpiresAt)
                clock.advance(by: .seconds(1_100))
                try await clock.advance(by: .seconds(1)) {
                    try await site.show(id).record.leaseExpiresAt.map { $0 > before } ?? false
                }
            }
            goOn.open()
            #expect(try await station.ending(of: id) == .done)
            await station.stop()
        }
    }

    @Test func aLostLeaseInterruptsTheStep() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), never = Gate(), clock = ManualClock()
            let workflow = sample.workflow([sample.action("a", timeout: .seconds(3_000)) { _, _ in
                reached.open()
                do { try await never.pass() } catch {
                    sample.journal.note("interrupted")
                    throw error
                }
            }])
            var options = Station.quick
            options.lease = .seconds(900)
            let station = Station(site, options: options, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            try await reached.pass()
            try await site.database.write { try $0.execute("UPDATE workflows SET lease_owner = 'other', fence = 9") }
            async let ending = station.ending(of: id)
            try await clock.advance(by: .seconds(1)) { sample.journal.count("interrupted") == 1 }
            #expect(try await ending == .abandoned)
            let owner: String? = try await site.database.read { try $0.scalar("SELECT lease_owner FROM workflows") }
            #expect(owner == "other")
            await station.stop()
        }
    }

    @Test func aStopLetsTheStepFinishAndTheNextRunGoOn() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), goOn = Gate()
            let workflow = sample.workflow([
                sample.transaction("a"),
                sample.action("b") { _, _ in
                    reached.open()
                    try await goOn.pass()
                },
                sample.action("c"), sample.transaction("d"),
            ])
            let first = Station(site, [workflow.definition])
            try await first.ready()
            let id = try await first.start(workflow, Trail())
            try await reached.pass()
            async let stopped: Void = first.stop()
            while first.runner.isRunning { try await Task.sleep(for: .milliseconds(1)) }
            goOn.open()
            await stopped
            #expect(try await first.ending(of: id) == .released)
            #expect(sample.journal.all == ["do a", "try b", "do b"])
            let detail = try await site.show(id)
            #expect(detail.record.step == "c")
            #expect(detail.leaseOwner == nil)
            let second = Station(site, [workflow.definition])
            #expect(try await second.ending(of: id) == .done)
            #expect(sample.journal.all == ["do a", "try b", "do b", "try c", "do c", "do d"])
            await second.stop()
        }
    }

    @Test func aStopInterruptsAStepThatTakesTooLong() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), never = Gate()
            let workflow = sample.workflow([sample.action("a") { _, _ in
                reached.open()
                try await never.pass()
            }])
            var options = Station.quick
            options.stopDeadline = .milliseconds(5)
            let first = Station(site, options: options, [workflow.definition])
            try await first.ready()
            let id = try await first.start(workflow, Trail())
            try await reached.pass()
            await first.stop()
            #expect(try await first.ending(of: id) == .released)
            let detail = try await site.show(id)
            #expect(detail.record.attempts == 0)
            #expect(detail.leaseOwner == nil)
            #expect(sample.journal.all == ["try a"])
            // Begun while nobody runs: it waits in its row.
            let late = try await first.start(workflow, Trail(), subject: "thing/2")
            #expect(try await site.show(late).record.status == .waiting)
            never.open()
            let second = Station(site, [workflow.definition])
            #expect(try await second.departures.next().ending == .done)
            #expect(try await second.departures.next().ending == .done)
            await second.stop()
        }
    }

    @Test func whatThisVersionDoesNotKnowIsLeftAlone() async throws {
        try await Site.with { site in
            let sample = Sample()
            let old = Workflow<Trail>("old", deadline: .seconds(60), steps: [sample.transaction("x")]) { _, _, _ in }
            let before = sample.workflow([sample.transaction("a"), sample.action("b")])
            let after = sample.workflow([sample.transaction("a"), sample.action("c")])
            let writer = WorkflowRunner(database: site.database, owner: "before")
            writer.register([old.definition, before.definition])
            let (unknown, changed) = try await site.database.write { transaction in
                (try writer.start(old, Trail(), subject: "thing/1", requestID: nil, in: transaction),
                    try writer.start(before, Trail(), subject: "thing/2", requestID: nil, in: transaction))
            }
            // It had been begun and stood at a step that is gone.
            try await site.database.write { try $0.execute("UPDATE workflows SET step = 'b', fence = 3 WHERE id = \(changed)") }
            let station = Station(site, [after.definition])
            #expect(try await station.ending(of: changed) == .released)
            let detail = try await site.show(changed)
            #expect(detail.record.status == .stuck)
            #expect(detail.record.error?.contains("no step 'b'") == true)
            #expect(try await site.show(unknown).record.status == .waiting)
            #expect(sample.journal.all.isEmpty)
            await station.stop()
        }
    }

    @Test func anOperatorMayUnwindFromAnotherProcess() async throws {
        try await Site.with { site in
            let sample = Sample(), clock = ManualClock()
            let workflow = sample.workflow([sample.transaction("a"), sample.action("b") { _, _ in throw Unlucky() }])
            var options = Station.quick
            options.retry = Backoff(initial: .seconds(60), maximum: .seconds(60))
            let station = Station(site, options: options, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .released)
            let inspector = WorkflowInspector(database: site.database, clock: clock)
            #expect(try await inspector.list(statuses: [.waiting]).map(\.id) == [id])
            #expect(try await inspector.list(statuses: [.done]).isEmpty)
            #expect(try await inspector.list(subject: "thing/2").isEmpty)
            #expect(try await inspector.unwind(id))
            clock.advance(by: options.pollInterval)
            #expect(try await station.ending(of: id) == .unwound)
            #expect(try await !inspector.unwind(id))
            #expect(try await !inspector.retry(id))
            #expect(try await site.things().isEmpty)
            await station.stop()
        }
    }

    @Test func endedRowsArePurgedAfterTheRetention() async throws {
        try await Site.with { site in
            let sample = Sample(), clock = ManualClock(), gate = Gate()
            let workflow = sample.workflow([sample.action("a", timeout: .seconds(3_000)) { state, _ in
                if state.entries.contains("wait") { try await gate.pass() }
            }])
            let station = Station(site, clock: clock, [workflow.definition])
            try await station.ready()
            let ended = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: ended) == .done)
            let live = try await station.start(workflow, Trail(entries: ["wait"]), subject: "thing/2")
            let purge = WorkflowPurge(database: site.database, retention: .seconds(100), clock: clock)
            let inspector = WorkflowInspector(database: site.database)
            clock.advance(by: .seconds(99))
            try await purge.reconcile()
            #expect(try await inspector.list().count == 2)
            clock.advance(by: .seconds(2))
            try await purge.reconcile()
            #expect(try await inspector.list().map(\.id) == [live])
            gate.open()
            #expect(try await station.ending(of: live) == .done)
            await station.stop()
        }
    }
}

/// How many are within at once.
final class Level: Sendable {
    private let state = Mutex((now: 0, highest: 0))
    var highest: Int { state.withLock { $0.highest } }
    func rise() -> Int {
        state.withLock { state in
            state.now += 1
            state.highest = max(state.highest, state.now)
            return state.now
        }
    }
    func fall() { state.withLock { $0.now -= 1 } }
}
