import CloudCore
import Testing

@testable import CloudWorkflow

@Suite struct ProgressTests {
    /// `t` a transaction, `a` an action; in capitals with an undo.
    private func plan(_ letters: String) -> [StepShape] {
        letters.enumerated().map { index, letter in
            StepShape(
                name: "\(index)", isTransaction: letter.lowercased() == "t", hasUndo: letter.isUppercase, attempts: 3)
        }
    }

    private let failure = WorkflowFailure(kind: .failed, step: "x", message: "No.")

    @Test func groupsTransactionsOnTheWayForward() {
        var progress = WorkflowProgress(plan: plan("TtAaT"))
        #expect(progress.next == .transact(0..<2))
        progress.perform(upTo: 2)
        #expect(progress.next == .perform(2))
        progress.perform(upTo: 3)
        #expect(progress.next == .perform(3))
        progress.perform(upTo: 4)
        #expect(progress.next == .transact(4..<5))
        progress.perform(upTo: 5)
        #expect(progress.next == .finish)
    }

    @Test func recordsTheTurnOnlyBeforeAnActionIsUndone() {
        var progress = WorkflowProgress(plan: plan("TTAtTa"))
        progress.perform(upTo: 5)
        progress.begin(5)
        progress.unwind(failure)
        #expect(progress.next == .revert([4], then: 2, isLast: false))
        progress.revert(then: 2)
        #expect(progress.next == .undo(2))
        progress.revert(then: 1)
        #expect(progress.next == .revert([1, 0], then: -1, isLast: true))

        progress = WorkflowProgress(plan: plan("A"))
        progress.begin(0)
        progress.unwind(failure)
        #expect(progress.next == .recordTurn)
        progress.recordTurn()
        #expect(progress.next == .undo(0))
        progress.revert(then: -1)
        #expect(progress.next == .conclude)
    }

    @Test func nothingPerformedIsNothingToUndo() {
        var progress = WorkflowProgress(plan: plan("TA"))
        progress.unwind(failure)
        #expect(progress.next == .conclude)
    }

    @Test func aRowMayLagBehindARunOfActions() {
        func read(_ position: Int) -> WorkflowProgress {
            WorkflowProgress(
                plan: plan("TAAAT"), direction: .forward, position: position, attempts: 0, rewinds: 0, generation: 1,
                failure: nil)
        }
        var progress = read(1)
        #expect(progress.next == .perform(1))
        progress.unwind(failure)
        progress.recordTurn()
        #expect(progress.next == .undo(3))
        progress = read(4)
        progress.unwind(failure)
        progress.recordTurn()
        #expect(progress.next == .undo(3))
        progress = read(0)
        progress.unwind(failure)
        #expect(progress.next == .conclude)
    }

    @Test func aRewindGoesForwardAgainFromItsTarget() {
        var progress = WorkflowProgress(plan: plan("TTA"))
        progress.perform(upTo: 2)
        progress.begin(2)
        progress.rewind(to: 1, failure)
        progress.recordTurn()
        #expect(progress.next == .undo(2))
        progress.revert(then: 1)
        #expect(progress.next == .revert([1], then: 0, isLast: true))
        progress.revert(then: 0)
        progress.resume()
        #expect(progress.next == .transact(1..<2))
        #expect(progress.generation == 2)
        #expect(progress.rewinds == 1)
        #expect(progress.failure == nil)
    }

    @Test func aRewindIntoTheTransactionThatFailedStartsItOver() {
        var progress = WorkflowProgress(plan: plan("AttT"))
        progress.begin(0)
        progress.perform(upTo: 1)
        progress.rewind(to: 2, failure)
        #expect(progress.next == .conclude)
        progress.resume()
        #expect(progress.next == .transact(1..<4))
    }

    @Test func waitsDoubleUpToTheMaximum() {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(10))
        #expect((1...6).map { backoff.delay(failures: $0, random: 0) } == [1, 2, 4, 8, 10, 10].map { .seconds($0) })
        #expect(backoff.delay(failures: 1_000, random: 0) == .seconds(10))
        #expect(backoff.delay(failures: 2, random: 0.5) == .seconds(1.5))
    }
}
