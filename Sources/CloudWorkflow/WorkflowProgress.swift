/// What the engine must know of a step to decide the next move.
struct StepShape: Sendable, Equatable {
    let name: String
    let isTransaction: Bool
    let hasUndo: Bool
    let attempts: Int
}

/// Where a workflow stands and which move comes next. A pure value: it decides, the execution acts.
///
/// The row may lag behind by a run of actions (their progress is recorded with the next transaction), so a workflow
/// read from its row may have begun any action of the run it stands at. `reached` is the last step that may have
/// begun; turning back starts there, and so an undo must bear that there is nothing to undo.
struct WorkflowProgress: Sendable, Equatable {
    enum Direction: Sendable, Equatable {
        case forward
        /// Undoing back to and including a step, to go forward again from there.
        case rewinding(to: Int)
        case unwinding
    }

    enum Move: Sendable, Equatable {
        /// Perform these steps in one transaction; when they reach the end, the workflow ends in it too.
        case transact(Range<Int>)
        /// Perform an action.
        case perform(Int)
        /// Record the end after a final action.
        case finish
        /// Record that the direction has turned, before the first action is undone.
        case recordTurn
        /// Undo these steps in one transaction; `then` is the step to undo next. The last such move concludes too.
        case revert([Int], then: Int, isLast: Bool)
        /// Undo an action.
        case undo(Int)
        /// Nothing is left to undo: end the workflow, or go forward again.
        case conclude
    }

    let plan: [StepShape]
    private(set) var direction = Direction.forward
    /// The step to perform next, or to undo next.
    private(set) var position = 0
    private(set) var reached = -1
    /// How often the step at `position` has failed.
    private(set) var attempts = 0
    private(set) var rewinds = 0
    /// Counts the ways forward: a step repeated after a rewind has another key.
    private(set) var generation = 1
    /// Why it turned back.
    private(set) var failure: WorkflowFailure?
    private(set) var isTurnRecorded = true

    /// The progress of a workflow that has not begun.
    init(plan: [StepShape]) { self.plan = plan }

    /// The progress that a row tells.
    init(
        plan: [StepShape], direction: Direction, position: Int, attempts: Int, rewinds: Int, generation: Int,
        failure: WorkflowFailure?
    ) {
        self.plan = plan
        (self.direction, self.position, self.attempts) = (direction, position, attempts)
        (self.rewinds, self.generation, self.failure) = (rewinds, generation, failure)
        guard direction == .forward else { return }
        reached = plan[position...].firstIndex { $0.isTransaction }.map { $0 - 1 } ?? plan.count - 1
    }

    /// Whether the way is back.
    var isBackward: Bool { direction != .forward }

    /// The first step that is not to be undone.
    private var limit: Int {
        if case .rewinding(let target) = direction { target } else { 0 }
    }

    /// The step it stands at; nil when none is left in this direction.
    var stepName: String? { plan.indices.contains(position) ? plan[position].name : nil }

    /// What to do now.
    var next: Move {
        switch direction {
        case .forward: nextForward
        case .rewinding, .unwinding: nextBackward
        }
    }

    private var nextForward: Move {
        guard position < plan.count else { return .finish }
        guard plan[position].isTransaction else { return .perform(position) }
        return .transact(position..<(plan[position...].firstIndex { !$0.isTransaction } ?? plan.count))
    }

    private var nextBackward: Move {
        guard position >= limit else { return .conclude }
        guard plan[position].isTransaction else { return isTurnRecorded ? .undo(position) : .recordTurn }
        let end = (limit...position).last { !plan[$0].isTransaction && plan[$0].hasUndo } ?? limit - 1
        let group = (end + 1...position).reversed().filter { plan[$0].hasUndo }
        return .revert(group, then: end, isLast: end < limit)
    }

    // MARK: What happened

    /// An action is about to be performed.
    mutating func begin(_ index: Int) { reached = max(reached, index) }

    /// Steps were performed up to an index.
    mutating func perform(upTo index: Int) { (position, attempts) = (index, 0) }

    /// Steps were undone; this one is next.
    mutating func revert(then index: Int) {
        (position, attempts, isTurnRecorded) = (index, 0, true)
        skipWhatHasNoUndo()
    }

    /// The direction stands in the row.
    mutating func recordTurn() { isTurnRecorded = true }

    /// Everything down to the rewind's target is undone: forward again.
    mutating func resume() {
        (position, reached) = (limit, limit - 1)
        (direction, attempts, isTurnRecorded, failure) = (.forward, 0, true, nil)
        generation += 1
    }

    /// The step at `position` failed once more.
    mutating func fail() { attempts += 1 }

    /// The failures are forgotten, as when an operator asks for another try.
    mutating func forgetFailures() { attempts = 0 }

    /// Whether a step may be tried again.
    func mayRetry(_ index: Int) -> Bool { attempts < plan[index].attempts }

    /// The way from here is back to the beginning.
    mutating func unwind(_ failure: WorkflowFailure) {
        turn(.unwinding)
        self.failure = failure
    }

    /// The way from here is back to and including a step, then forward again.
    mutating func rewind(to target: Int, _ failure: WorkflowFailure) {
        rewinds += 1
        turn(.rewinding(to: min(target, position)))
        self.failure = failure
    }

    private mutating func turn(_ direction: Direction) {
        if self.direction == .forward { position = max(reached, position - 1) }
        (self.direction, attempts, isTurnRecorded) = (direction, 0, false)
        skipWhatHasNoUndo()
    }

    private mutating func skipWhatHasNoUndo() {
        while position >= limit, !plan[position].hasUndo { position -= 1 }
    }
}

extension WorkflowProgress {
    /// The progress that a row tells.
    /// - Throws: `WorkflowError.incompatible` when it is at a step that the plan does not have.
    init(_ row: WorkflowRow, plan: [StepShape]) throws(WorkflowError) {
        func index(_ name: String) throws(WorkflowError) -> Int {
            guard let index = plan.firstIndex(where: { $0.name == name }) else {
                throw .incompatible("this version of the program has no step '\(name)'")
            }
            return index
        }
        guard !row.isFresh else {
            self.init(plan: plan)
            return
        }
        let direction: Direction
        var position: Int
        switch row.direction {
        case .forward: (direction, position) = (.forward, plan.count)
        case .unwinding: (direction, position) = (.unwinding, -1)
        case .rewinding:
            let target = try index(row.rewindTarget ?? "")
            (direction, position) = (.rewinding(to: target), target - 1)
        }
        if !row.step.isEmpty { position = try index(row.step) }
        self.init(
            plan: plan, direction: direction, position: position, attempts: row.attempts, rewinds: row.rewinds,
            generation: row.generation, failure: row.failure)
    }
}
