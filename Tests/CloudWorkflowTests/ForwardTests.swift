import CloudCore
import CloudStore
import CloudTelemetry
import Testing

@testable import CloudWorkflow

/// A state that remembers what was done.
struct Trail: Codable, Sendable, Equatable {
    var entries: [String] = []
}

/// Steps that note what they do in the journal, and, within the store, in the table of things.
struct Sample {
    let journal = Journal()

    func transaction(_ name: String, fails: (@Sendable (StepContext) throws -> Void)? = nil) -> Step<Trail> {
        .transaction(name) { [journal] transaction, state, context in
            try fails?(context)
            journal.note("do \(name)")
            try transaction.execute("INSERT INTO things (name) VALUES (\(name))")
            state.entries.append(name)
        } undo: { [journal] transaction, state, _ in
            journal.note("undo \(name)")
            try transaction.execute("DELETE FROM things WHERE name = \(name)")
            state.entries.append("-" + name)
        }
    }

    func action(
        _ name: String, attempts: Int = 3, timeout: Duration = .seconds(60), undoes: Bool = true,
        _ body: (@Sendable (inout Trail, StepContext) async throws -> Void)? = nil,
        undo: (@Sendable (inout Trail, StepContext) async throws -> Void)? = nil
    ) -> Step<Trail> {
        let undoing: Step<Trail>.Action = { [journal] state, context in
            try await undo?(&state, context)
            journal.note("undo \(name)")
            state.entries.append("-" + name)
        }
        return .action(name, attempts: attempts, timeout: timeout, perform: { [journal] state, context in
            journal.note("try \(name)")
            try await body?(&state, context)
            journal.note("do \(name)")
            state.entries.append(name)
        }, undo: undoes ? undoing : nil)
    }

    func workflow(
        _ steps: [Step<Trail>], deadline: Duration = .seconds(3_600),
        unwound: (@Sendable (any Transaction, Trail, WorkflowFailure) throws -> Void)? = nil
    ) -> Workflow<Trail> {
        Workflow("sample", deadline: deadline, steps: steps) { transaction, state, failure in
            let text = "\(failure.kind.rawValue) \(failure.step): \(failure.message)"
            try transaction.execute("INSERT INTO faults (text) VALUES (\(text))")
            try unwound?(transaction, state, failure)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct ForwardTests {
    @Test func performsTheStepsInOrderWithFewCommits() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"), sample.transaction("b"), sample.action("c"), sample.action("d"),
                sample.transaction("e"), sample.transaction("f"),
            ])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let before = site.database.writes
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            // The caller's own, one for a and b, one for e and f with the end and the progress past c and d.
            #expect(site.database.writes - before == 3)
            #expect(try await site.things() == ["a", "b", "e", "f"])
            #expect(sample.journal.all == ["do a", "do b", "try c", "do c", "try d", "do d", "do e", "do f"])
            let detail = try await site.show(id)
            #expect(detail.record.status == .done)
            #expect(detail.record.requestID == "req-1")
            #expect(detail.steps.allSatisfy { $0.standing == .done })
            await station.stop()
        }
    }

    @Test func aFinalActionIsRecordedAtOnce() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([sample.transaction("a"), sample.action("b")])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            let before = site.database.writes
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(site.database.writes - before == 3)
            await station.stop()
        }
    }

    @Test func runsOnlyIfTheCallersTransactionCommits() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([sample.transaction("a")])
            let station = Station(site, [workflow.definition])
            try await station.ready()
            await #expect(throws: Unlucky.self) {
                try await site.database.write { [runner = station.runner] transaction in
                    try runner.start(workflow, Trail(), subject: "thing/1", requestID: nil, in: transaction)
                    throw Unlucky()
                }
            }
            let rows = try await WorkflowInspector(database: site.database).list()
            #expect(rows.isEmpty)
            await station.stop()
            #expect(sample.journal.all.isEmpty)
        }
    }

    @Test func aSubjectHasOneLiveWorkflow() async throws {
        try await Site.with { site in
            let sample = Sample(), gate = Gate()
            let workflow = sample.workflow([sample.action("a") { _, _ in try await gate.pass() }])
            let station = Station(site, [workflow.definition])
            let first = try await station.start(workflow, Trail())
            await #expect(throws: WorkflowBusy(subject: "thing/1", workflow: "sample")) {
                _ = try await station.start(workflow, Trail())
            }
            let other = try await station.start(workflow, Trail(), subject: "thing/2")
            gate.open()
            var endings = [String: WorkflowEnding]()
            for _ in 0..<2 {
                let departure = try await station.departures.next()
                endings[departure.id] = departure.ending
            }
            #expect(endings == [first: .done, other: .done])
            let again = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: again) == .done)
            await station.stop()
        }
    }

    @Test func refusesWhatItCouldNotCarryOn() async throws {
        try await Site.with { site in
            let sample = Sample()
            let known = sample.workflow([sample.transaction("a")])
            let unknown = Workflow<Trail>("other", deadline: .seconds(1), steps: [sample.transaction("a")]) { _, _, _ in }
            var options = Station.quick
            options.stateLimit = 100
            let station = Station(site, options: options, [known.definition])
            await #expect(throws: WorkflowError.notRegistered("other")) { _ = try await station.start(unknown, Trail()) }
            let large = Trail(entries: [String(repeating: "x", count: 200)])
            await #expect(throws: WorkflowError.stateTooLarge(workflow: "sample", bytes: 216)) {
                _ = try await station.start(known, large)
            }
            await station.stop()
        }
    }

    @Test func aFailingActionIsTriedAgain() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.action("a", attempts: 4) { state, context in
                    state.entries.append("\(context.attempt)")
                    if context.attempt < 3 { throw Unlucky() }
                },
                sample.transaction("b"),
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(sample.journal.all == ["try a", "try a", "try a", "do a", "do b"])
            let state: String? = try await site.database.read { try $0.scalar("SELECT state FROM workflows") }
            #expect(state == #"{"entries":["1","2","3","a","b"]}"#)
            await station.stop()
        }
    }

    @Test func aFailingTransactionLeavesNothingAndIsTriedAgain() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.transaction("a"),
                sample.transaction("b") { if $0.attempt < 3 { throw Unlucky() } },
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(try await site.things() == ["a", "b"])
            #expect(sample.journal.count("do a") == 3)
            await station.stop()
        }
    }

    @Test func stepsWorkUnderTheRequestsID() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([sample.action("a") { _, _ in
                sample.journal.note(RequestContext.requestID ?? "none")
            }])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(sample.journal.all == ["try a", "req-1", "do a"])
            await station.stop()
        }
    }

    @Test func keysNameWorkflowWayAndStep() async throws {
        try await Site.with { site in
            let sample = Sample()
            let keys = Journal()
            let workflow = sample.workflow([
                sample.action("a") { _, context in keys.note(context.key) } undo: { _, context in keys.note(context.key) },
                sample.action("b", attempts: 2) { _, context in
                    keys.note(context.key)
                    if !context.key.contains("/2/") { throw WorkflowRewind(to: "a", "another way") }
                    throw Unlucky()
                },
            ])
            let station = Station(site, [workflow.definition])
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .unwound)
            #expect(keys.all == [
                "\(id)/1/a", "\(id)/1/b", "\(id)/1/a/undo", "\(id)/2/a", "\(id)/2/b", "\(id)/2/b", "\(id)/2/a/undo",
            ])
            await station.stop()
        }
    }

    @Test func aDatabaseThatIsAwayCostsNoAttempts() async throws {
        try await Site.with { site in
            let sample = Sample()
            let workflow = sample.workflow([
                sample.action("a") { [database = site.database] _, _ in database.failure = .unavailable("gone") },
                sample.transaction("b"),
            ])
            var options = Station.quick
            options.random = { [database = site.database] in
                // Drawn once a wait: the database comes back during the fifth.
                sample.journal.note("wait")
                if sample.journal.count("wait") == 5 { database.failure = nil }
                return 0
            }
            let station = Station(site, options: options, [workflow.definition])
            try await station.ready()
            let id = try await station.start(workflow, Trail())
            #expect(try await station.ending(of: id) == .done)
            #expect(sample.journal.count("wait") == 5)
            #expect(sample.journal.count("try a") == 1)
            await station.stop()
        }
    }
}
