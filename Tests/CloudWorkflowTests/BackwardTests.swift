import CloudCore
import CloudStore
import Synchronization
import Testing

@testable import CloudWorkflow

@Suite(.timeLimit(.minutes(2))) struct BackwardTests {
    private struct Fault: UserReadableError { var userMessage: String { "The host is on fire." } }

    @Test func aFinalFailureUndoesEverythingInReverse() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.action("b"), sample.action("c", undoes: false), sample.transaction("d"),
                sample.transaction("e"), sample.action("f") { _, _ in throw WorkflowStop("No room.") },
                sample.transaction("g"),
            ])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let before = site.database.writes
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            // The failing action is undone as well: it may have acted.
            #expect(sample.journal.all == [
                "do a", "try b", "do b", "try c", "do c", "do d", "do e", "try f",
                "undo f", "undo e", "undo d", "undo b", "undo a",
            ])
            #expect(try await site.things().isEmpty)
            #expect(try await site.faults() == ["failed f: No room."])
            let detail = try await site.show(id)
            #expect(detail.record.status == .unwound)
            #expect(detail.failure == WorkflowFailure(kind: .failed, step: "f", message: "No room."))
            // start; a; d and e; the turn; undo of e and d; undo of a with the end.
            #expect(site.database.writes - before == 6)
            await station.stop()
        }
    }

    @Test func transactionsAloneUnwindInOneCommit() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.action("b", attempts: 2, undoes: false) { _, _ in throw Fault() },
            ])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let before = site.database.writes
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.all == ["do a", "try b", "try b", "undo a"])
            #expect(site.database.writes - before == 3)
            #expect(try await site.faults() == ["failed b: The host is on fire."])
            await station.stop()
        }
    }

    @Test func aTransactionThatStopsUndoesWhatWentBefore() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.action("a"), sample.transaction("b"), sample.transaction("c") { _ in throw WorkflowStop("No.") },
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            // What b did went with the transaction that failed.
            #expect(sample.journal.all == ["try a", "do a", "do b", "undo a"])
            #expect(try await site.things().isEmpty)
            #expect(try await site.faults() == ["failed c: No."])
            await station.stop()
        }
    }

    @Test func theEndingTransactionMayBeginTheSubjectsNextWorkflow() async throws {
        try await Site.with { site in
            let sample = Sample()
            let delete = Workflow<Trail>("delete", deadline: .seconds(60), steps: [sample.transaction("deleted")]) { _, _, _ in }
            let box = RunnerBox()
            let build = sample.workflow([sample.action("a") { _, _ in throw WorkflowStop("No.") }]) { transaction, _, _ in
                try box.runner?.start(delete, Trail(), subject: "thing/1", requestID: nil, in: transaction)
            }
            let station = Station(site, [build.definition, delete.definition])
            box.runner = station.runner
            try await station.ready()
            let id = try await station.start(build, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(try await station.departures.next().ending == .done)
            #expect(try await site.things() == ["deleted"])
            await station.stop()
        }
    }

    @Test func aRewindTriesAnotherWay() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.transaction("claim"), sample.action("spawn") { state, _ in
                    state.entries.append("spawned")
                    if state.entries.count(where: { $0 == "spawned" }) < 3 {
                        throw WorkflowRewind(to: "claim", "The host is full.")
                    }
                },
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            let round = ["do claim", "try spawn"], back = ["undo spawn", "undo claim"]
            #expect(sample.journal.all == ["do a"] + round + back + round + back + round + ["do spawn"])
            #expect(try await site.things() == ["a", "claim"])
            #expect(try await site.show(id).rewinds == 2)
            await station.stop()
        }
    }

    @Test func aTransactionMayRewindWithWhatItLearnt() async throws {
        try await Site.with { site in
            let sample = Sample()
            let choose: Step<Trail> = .transaction("choose") { _, state, _ in
                state.entries.append("chosen")
                if state.entries.count < 3 { throw WorkflowRewind(to: "a", "Try the next.") }
            }
            let workflow = sample.workflow([sample.action("a"), choose, sample.transaction("b")])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(sample.journal.all == ["try a", "do a", "undo a", "try a", "do a", "do b"])
            await station.stop()
        }
    }

    @Test(arguments: ["a", "b"]) func rewindsAreBounded(target: String) async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.action("b") { _, _ in throw WorkflowRewind(to: target, "Full.") },
            ])
            var options = Station.quick
            options.rewindLimit = 4
            let station = Station(site, options: options, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.count("try b") == 5)
            #expect(try await site.faults() == ["failed b: Full."])
            #expect(try await site.things().isEmpty)
            await station.stop()
        }
    }

    @Test(arguments: ["c", "nowhere"]) func aRewindToNoEarlierStepIsAFailure(target: String) async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.action("b") { _, _ in throw WorkflowRewind(to: target, "Lost.") },
                sample.transaction("c"),
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.count("try b") == 1)
            await station.stop()
        }
    }

    @Test(arguments: ["a", "b", "c", "d"]) func cancellationDuringAnyStepLeavesACleanSlate(step: String) async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), never = Gate()
            let action: (String) -> Step<Trail> = { name in
                sample.action(name) { _, _ in
                    guard name == step else { return }
                    reached.open()
                    try await never.pass()
                }
            }
            let workflow = sample.workflow([action("a"), sample.transaction("t"), action("b"), action("c"),
                sample.transaction("u"), action("d")])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            try await reached.pass()
            #expect(try await station.cancel())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(try await site.things().isEmpty)
            #expect(try await site.faults() == ["cancelled \(step): The operation was cancelled."])
            let tried = sample.journal.all.compactMap { $0.hasPrefix("try ") ? $0.dropFirst(4) : nil }
            let undone = sample.journal.all.compactMap { $0.hasPrefix("undo ") ? $0.dropFirst(5) : nil }
            #expect(undone.filter { $0 != "t" && $0 != "u" } == tried.reversed())
            #expect(try await !station.cancel())
            await station.stop()
        }
    }

    @Test func aCancellationThatCommitsFirstKeepsTheLastTransactionFromEnding() async throws {
        try await Site.with { site in
            let sample = Sample()
            let cancelled = Journal()
            // Within the store nothing can come between: so the flag is set by the transaction just before.
            let workflow = sample.workflow([
                sample.action("a") { [database = site.database] _, _ in
                    _ = try await database.write { transaction in
                        try WorkflowTable.requestCancel(subject: "thing/1", now: .now, in: transaction)
                    }
                    cancelled.note("yes")
                },
                sample.transaction("b"),
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.all == ["try a", "do a", "undo a"])
            await station.stop()
        }
    }

    @Test func cancellationDuringARewindUnwindsAll() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), goOn = Gate()
            let workflow = sample.workflow([
                sample.transaction("a"),
                sample.action("b", undo: { _, _ in
                    reached.open()
                    try await goOn.pass()
                }),
                sample.action("c") { _, _ in throw WorkflowRewind(to: "b", "Again.") },
            ])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            try await reached.pass()
            #expect(try await station.cancel())
            goOn.open()
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.all == ["do a", "try b", "do b", "try c", "undo c", "undo b", "undo a"])
            await station.stop()
        }
    }

    @Test func aStepThatIgnoresItsDeadlineFailsAllTheSame() async throws {
        try await Site.with { site in
            let sample = Sample(), never = Gate()
            let workflow = sample.workflow([
                sample.action("a", attempts: 2, timeout: .milliseconds(5)) { _, context in
                    try await never.pass(stubborn: context.attempt == 1)
                },
            ])
            var options = Station.quick
            options.interruptionGrace = .milliseconds(5)
            let station = Station(site, options: options, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(sample.journal.all == ["try a", "try a", "undo a"])
            #expect(try await site.faults() == ["failed a: The step 'a' failed."])
            never.open()
            await station.stop()
        }
    }

    @Test func theDeadlineOfTheWholeUnwinds() async throws {
        try await Site.with { site in
            let sample = Sample(), reached = Gate(), never = Gate(), clock = ManualClock()
            let workflow = sample.workflow([
                sample.transaction("a"),
                sample.action("b", timeout: .seconds(1_000)) { _, _ in
                    reached.open()
                    try await never.pass()
                },
            ], deadline: .seconds(10))
            let station = Station(site, clock: clock, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            try await reached.pass()
            clock.advance(by: .seconds(11))
            #expect(try await station.ending(of: id) == .unwound)
            #expect(try await site.faults() == ["deadline b: The operation did not finish in time."])
            #expect(sample.journal.all == ["do a", "try b", "undo b", "undo a"])
            await station.stop()
        }
    }
}

/// A runner that a hook knows only after it was made.
final class RunnerBox: Sendable {
    private let contents = Mutex<WorkflowRunner?>(nil)
    var runner: WorkflowRunner? {
        get { contents.withLock { $0 } }
        set { contents.withLock { $0 = newValue } }
    }
}
