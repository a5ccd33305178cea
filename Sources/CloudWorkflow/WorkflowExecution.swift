import CloudCore
import CloudStore
import Foundation
import Logging
import Synchronization

/// What executions share: the runner's means.
struct WorkflowMeans: Sendable {
    let database: any Database
    let clock: any WorkflowClock
    let options: WorkflowOptions
    let owner: String
    let logger: Logger
}

/// How an execution left its workflow.
enum WorkflowEnding: String, Sendable {
    /// Every step was performed.
    case done
    /// Everything was undone.
    case unwound
    /// The row waits for its next runner.
    case released
    /// Another runner holds the row.
    case abandoned
}

/// Carries one workflow on until it ends, waits for long, or is taken away. It does what `WorkflowProgress` decides.
struct WorkflowExecution<State: Codable & Sendable> {
    let workflow: Workflow<State>
    let lease: WorkflowLease
    let means: WorkflowMeans
    let requestID: String?
    let deadlineAt: Timestamp
    let logger: Logger
    private(set) var progress: WorkflowProgress
    private(set) var state: State
    /// How often in a row the database, not the workflow, failed.
    private var storeFailures = 0
    private var ending: WorkflowEnding?

    /// Takes up what a row tells.
    /// - Throws: `WorkflowError.incompatible` when this version of the program cannot go on from there.
    init(_ workflow: Workflow<State>, row: WorkflowRow, lease: WorkflowLease, means: WorkflowMeans) throws {
        (self.workflow, self.lease, self.means) = (workflow, lease, means)
        (requestID, deadlineAt) = (row.requestID, row.deadlineAt)
        progress = try WorkflowProgress(row, plan: workflow.plan)
        do {
            state = try JSONDecoder().decode(State.self, from: Data(row.state.utf8))
        } catch {
            throw WorkflowError.incompatible("the state cannot be read: \(error)")
        }
        var logger = means.logger
        logger[metadataKey: "workflow"] = "\(row.id)"
        logger[metadataKey: "workflow_name"] = "\(workflow.name)"
        if let requestID { logger[metadataKey: "request_id"] = "\(requestID)" }
        self.logger = logger
        if row.isCancelRequested { lease.interrupt(.cancelled) }
    }

    /// Works until there is nothing to do now.
    mutating func run() async -> WorkflowEnding {
        while true {
            if let ending { return ending }
            if await heedInterruptions() { continue }
            let (before, began) = (progress, ContinuousClock.now)
            await move()
            note(since: before, began)
        }
    }

    /// Leaves a line about the steps that were done, or undone, for people who follow a request.
    private func note(since before: WorkflowProgress, _ began: ContinuousClock.Instant) {
        guard before.position != progress.position else { return }
        let passed = min(before.position, progress.position)..<max(before.position, progress.position)
        let steps = workflow.steps.indices.filter(passed.contains)
        let metadata: Logger.Metadata = [
            "steps": "\(steps.map { workflow.steps[$0].name }.joined(separator: ","))", "duration": "\(ContinuousClock.now - began)",
        ]
        logger.info(progress.isBackward ? "undone" : "done", metadata: metadata)
    }

    /// Acts on what the runner or the clock says.
    /// - Returns: whether that has changed the situation.
    private mutating func heedInterruptions() async -> Bool {
        if lease.has(.lost) || means.clock.now > lease.expiresAt {
            logger.warning("the lease is gone: leaving the workflow to whoever holds it now")
            ending = .abandoned
        } else if lease.has(.cancelled), progress.direction != .unwinding {
            unwind(.cancelled, at: progress.stepName, "The operation was cancelled.")
        } else if lease.has(.stopping) || lease.has(.halted) {
            await letGo(.waiting(until: means.clock.now), error: nil)
        } else if !progress.isBackward, means.clock.now >= deadlineAt {
            unwind(.deadline, at: progress.stepName, "The operation did not finish in time.")
        } else {
            return false
        }
        return true
    }

    private mutating func move() async {
        switch progress.next {
        case .transact(let steps): await transact(steps)
        case .perform(let index): await perform(index)
        case .finish: await record(ending: .done)
        case .recordTurn: await record(after: { $0.recordTurn() })
        case .revert(let steps, let then, let isLast): await revert(steps, then: then, isLast: isLast)
        case .undo(let index): await undo(index)
        case .conclude: await revert([], then: progress.position, isLast: true)
        }
    }

    private mutating func unwind(_ kind: WorkflowFailure.Kind, at step: String?, _ message: String) {
        logger.notice("unwinding", metadata: ["step": "\(step ?? "")", "kind": "\(kind)", "reason": "\(message)"])
        progress.unwind(WorkflowFailure(kind: kind, step: step ?? "", message: message))
    }

    private func context(_ index: Int) -> StepContext {
        let step = workflow.steps[index]
        let key = "\(lease.id)/\(progress.generation)/\(step.name)"
        let deadline = means.clock.now + step.timeout
        return StepContext(
            workflow: lease.id, step: step.name, attempt: progress.attempts + 1, requestID: requestID,
            deadline: progress.isBackward ? deadline : min(deadline, deadlineAt),
            key: progress.isBackward ? key + "/undo" : key)
    }
}

// MARK: Actions

extension WorkflowExecution {
    private mutating func perform(_ index: Int) async {
        guard case .action(let action, _) = workflow.steps[index].body else { return }
        progress.begin(index)
        switch await attempt(action, index, interruptions: [.cancelled, .halted, .lost]) {
        case .ended(let after, nil):
            state = after
            progress.perform(upTo: index + 1)
        case .ended(let after, let error?):
            state = after
            await performFailed(index, error)
        case .timedOut(let after):
            state = after ?? state
            if means.clock.now < deadlineAt { await performFailed(index, timedOut(index)) }
        case .interrupted(let after):
            state = after ?? state
        }
    }

    private mutating func undo(_ index: Int) async {
        guard case .action(_, let undo?) = workflow.steps[index].body else { return }
        switch await attempt(undo, index, interruptions: [.halted, .lost]) {
        case .ended(let after, nil):
            state = after
            progress.revert(then: index - 1)
        case .ended(let after, let error?):
            state = after
            await undoFailed(error)
        case .timedOut(let after):
            state = after ?? state
            await undoFailed(timedOut(index))
        case .interrupted(let after):
            state = after ?? state
        }
    }

    private func attempt(
        _ action: @escaping Step<State>.Action, _ index: Int, interruptions: Set<LeaseInterruption>
    ) async -> WorkflowAttempt<State>.Outcome {
        let attempt = WorkflowAttempt<State>(
            action: action, context: context(index), interruptions: interruptions,
            grace: means.options.interruptionGrace, lease: lease, clock: means.clock)
        return await attempt.run(state)
    }

    private func timedOut(_ index: Int) -> WorkflowError { .timedOut(step: workflow.steps[index].name) }
}

// MARK: Work within the store

extension WorkflowExecution {
    private mutating func transact(_ range: Range<Int>) async {
        let steps = range.map { (index: $0, body: workflow.steps[$0].body, context: context($0)) }
        await record(
            after: { $0.perform(upTo: range.upperBound) },
            ending: range.upperBound == workflow.steps.count ? .done : nil
        ) { transaction, state, place in
            for step in steps {
                guard case .transaction(let perform, _) = step.body else { continue }
                place.index = step.index
                try perform(transaction, &state, step.context)
            }
        }
    }

    /// Undoes steps within the store; the last time, ends the workflow or turns it forward again.
    private mutating func revert(_ indices: [Int], then: Int, isLast: Bool) async {
        let steps = indices.map { (index: $0, body: workflow.steps[$0].body, context: context($0)) }
        let failure = isLast && progress.direction == .unwinding ? progress.failure : nil
        let unwound = workflow.unwound
        await record(
            after: { progress in
                progress.revert(then: then)
                if isLast, progress.direction != .unwinding { progress.resume() }
            },
            ending: failure == nil ? nil : .unwound
        ) { transaction, state, place in
            for step in steps {
                guard case .transaction(_, let undo?) = step.body else { continue }
                place.index = step.index
                try undo(transaction, &state, step.context)
            }
            guard let failure else { return }
            place.index = then
            try unwound(transaction, state, failure)
        }
    }

    /// Runs work and records the progress after it in one transaction, if the row is still ours.
    private mutating func record(
        after change: (inout WorkflowProgress) -> Void = { _ in }, ending: WorkflowEnding? = nil,
        _ work: @escaping @Sendable (any Transaction, inout State, WorkPlace<State>) throws -> Void = { _, _, _ in }
    ) async {
        var next = progress
        change(&next)
        let until = means.clock.now + means.options.lease
        let place = WorkPlace<State>()
        do {
            let standing: WorkflowUpdate.Standing =
                switch ending {
                case .done: .done
                case .unwound: .unwound
                default: .held(until: until)
                }
            state = try await write(WorkflowUpdate(progress: next, standing: standing), place, work)
            (progress, storeFailures, self.ending) = (next, 0, ending)
            lease.expiresAt = until
        } catch let interruption as LeaseInterruption {
            lease.interrupt(interruption)
        } catch {
            await recordFailed(error, place)
        }
    }

    private func write(
        _ update: WorkflowUpdate, _ place: WorkPlace<State>,
        _ work: @escaping @Sendable (any Transaction, inout State, WorkPlace<State>) throws -> Void
    ) async throws -> State {
        try await means.database.write { [before = state, id = lease.id, fence = lease.fence, means, workflow] transaction in
            var state = before
            place.index = nil
            try WorkflowTable.update(
                id: id, owner: means.owner, fence: fence, update, now: means.clock.now, in: transaction)
            do {
                try work(transaction, &state, place)
            } catch {
                place.state = state
                throw error
            }
            try WorkflowTable.setState(id: id, try workflow.encode(state), in: transaction)
            return state
        }
    }

    /// Writes the progress so far and leaves the row to whoever is there when it is due.
    private mutating func letGo(_ standing: WorkflowUpdate.Standing, error: String?) async {
        do {
            let update = WorkflowUpdate(progress: progress, standing: standing, error: error)
            state = try await write(update, WorkPlace()) { _, _, _ in }
            ending = .released
        } catch let interruption as LeaseInterruption {
            lease.interrupt(interruption)
        } catch {
            logger.error("the row cannot be let go; its lease will end", metadata: ["error": "\(error)"])
            ending = .released
        }
    }
}

// MARK: Failures

extension WorkflowExecution {
    private mutating func recordFailed(_ error: any Error, _ place: WorkPlace<State>) async {
        guard let index = place.index, !WorkPlace<State>.isStoreDown(error) else {
            return await storeFailed(error)
        }
        guard !progress.isBackward else { return await undoFailed(error) }
        if error is WorkflowRewind, let after = place.state { state = after }
        await performFailed(index, error)
    }

    private mutating func storeFailed(_ error: any Error) async {
        storeFailures += 1
        logger.error("the progress cannot be recorded", metadata: ["error": "\(error)", "failures": "\(storeFailures)"])
        let delay = means.options.retry.delay(failures: storeFailures, random: means.options.random())
        let moment = min(means.clock.now + delay, lease.expiresAt + .microseconds(1))
        await lease.wait(until: moment, orAnyOf: [.stopping, .halted, .lost], on: means.clock)
    }

    private mutating func performFailed(_ index: Int, _ error: any Error) async {
        let step = workflow.steps[index].name
        let message = (error as? any UserReadableError)?.userMessage ?? "The step '\(step)' failed."
        log(error, step)
        if let rewind = error as? WorkflowRewind, progress.rewinds < means.options.rewindLimit,
            let target = workflow.steps.firstIndex(where: { $0.name == rewind.step }), target <= index
        {
            return progress.rewind(to: target, WorkflowFailure(kind: .failed, step: step, message: message))
        }
        progress.fail()
        guard !(error is WorkflowStop), !(error is WorkflowRewind), progress.mayRetry(index) else {
            return unwind(.failed, at: step, message)
        }
        let delay = means.options.retry.delay(failures: progress.attempts, random: means.options.random())
        await retry(at: min(means.clock.now + delay, deadlineAt), error)
    }

    private mutating func undoFailed(_ error: any Error) async {
        log(error, progress.stepName ?? "")
        progress.fail()
        let options = means.options
        if progress.attempts >= options.undoAttempts || error is WorkflowStop {
            await letGo(.stuck(until: means.clock.now + options.stuckInterval), error: "\(error)")
        } else {
            let delay = options.undoRetry.delay(failures: progress.attempts, random: options.random())
            await retry(at: means.clock.now + delay, error)
        }
    }

    private mutating func retry(at moment: Timestamp, _ error: any Error) async {
        guard moment - means.clock.now <= means.options.longestHeldWait else {
            return await letGo(.waiting(until: moment), error: "\(error)")
        }
        var interruptions: Set<LeaseInterruption> = [.stopping, .halted, .lost]
        if progress.direction != .unwinding { interruptions.insert(.cancelled) }
        await lease.wait(until: moment, orAnyOf: interruptions, on: means.clock)
    }

    private func log(_ error: any Error, _ step: String) {
        var metadata: Logger.Metadata = ["step": "\(step)", "attempt": "\(progress.attempts + 1)", "error": "\(error)"]
        if let cause = (error as? WorkflowStop)?.cause { metadata["cause"] = "\(cause)" }
        logger.warning(progress.isBackward ? "an undo failed" : "a step failed", metadata: metadata)
    }
}

/// Where within a transaction the work is, so that a failure can be told from one of the database. A body that is
/// run again overwrites it.
private final class WorkPlace<State: Sendable>: Sendable {
    private let contents = Mutex<(index: Int?, state: State?)>((nil, nil))

    /// The step at work, the last once all are done; nil when no step's work was reached.
    var index: Int? {
        get { contents.withLock { $0.index } }
        set { contents.withLock { $0.index = newValue } }
    }

    /// The state as the failing step left it.
    var state: State? {
        get { contents.withLock { $0.state } }
        set { contents.withLock { $0.state = newValue } }
    }

    /// Whether an error says nothing about the work but that the database could not do it.
    static func isStoreDown(_ error: any Error) -> Bool {
        switch error as? StoreError {
        case .overloaded, .unavailable: true
        default: false
        }
    }
}

extension Workflow {
    /// What the engine must know of the steps to decide the next move.
    var plan: [StepShape] {
        steps.map { step in
            switch step.body {
            case .transaction(_, let undo):
                StepShape(name: step.name, isTransaction: true, hasUndo: undo != nil, attempts: step.attempts)
            case .action(_, let undo):
                StepShape(name: step.name, isTransaction: false, hasUndo: undo != nil, attempts: step.attempts)
            }
        }
    }

    /// The state as its row holds it.
    func encode(_ state: State) throws -> String {
        String(decoding: try JSONEncoder().encode(state), as: UTF8.self)
    }
}
