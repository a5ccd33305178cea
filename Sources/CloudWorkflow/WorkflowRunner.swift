import CloudCore
import CloudStore
import CloudTelemetry
import Logging
import Metrics
import Synchronization

/// The engine: takes workflows from their rows and carries them on, at most `concurrency` at once.
///
/// A runner is known by its owner's name, which must be unique among the living: one a program and data directory.
/// A new run under the same name takes over at once what a killed one held; under another name, when the leases end.
public final class WorkflowRunner: WorkflowEngine {
    private struct State {
        var definitions: [String: WorkflowDefinition] = [:]
        var isRunning = false
        var isStopping = false
        /// What this runner holds, by workflow id.
        var leases: [String: WorkflowLease] = [:]
        var inProgress = 0
        /// Begun by this program while every place was taken.
        var backlog: [Work] = []
        /// Whether rows may be waiting for a free place.
        var isSaturated = false

        func takesAtOnce(_ options: WorkflowOptions) -> Bool {
            isRunning && !isStopping && backlog.isEmpty && inProgress < options.concurrency
        }
    }

    private struct Work: Sendable {
        let definition: WorkflowDefinition
        let row: WorkflowRow
        let lease: WorkflowLease
    }

    private let means: WorkflowMeans
    private let state = Mutex(State())
    private let bell = Bell()
    /// Rung when a workflow leaves the runner.
    private let departure = Bell()

    /// A runner.
    /// - Parameters:
    ///   - database: where the rows are; its "workflow" migrations have run.
    ///   - owner: the runner's name, such as the host's.
    public init(
        database: any Database, owner: String, options: WorkflowOptions = WorkflowOptions(),
        clock: any WorkflowClock = SystemClock(), logger: Logger = Logger(label: "altostack.workflow")
    ) {
        precondition(options.concurrency > 0, "a runner needs a place to run")
        means = WorkflowMeans(database: database, clock: clock, options: options, owner: owner, logger: logger)
    }

    /// Makes definitions known, before `run`. Names and the steps' names must be unique.
    public func register(_ definitions: [WorkflowDefinition]) {
        state.withLock { state in
            for definition in definitions {
                precondition(state.definitions[definition.name] == nil, "workflow \(definition.name) is registered twice")
                precondition(
                    !definition.steps.isEmpty && Set(definition.steps).count == definition.steps.count
                        && !definition.steps.contains(""),
                    "workflow \(definition.name) needs steps with names of their own")
                state.definitions[definition.name] = definition
            }
        }
    }

    /// Makes a workflow known, before `run`.
    public func register<S>(_ workflow: Workflow<S>) { register([workflow.definition]) }

    /// Looks at the rows now, as after a change made elsewhere.
    public func signal() { bell.ring() }

    /// Whether it takes workflows.
    var isRunning: Bool { state.withLock { $0.isRunning && !$0.isStopping } }

    // MARK: Beginning and cancelling

    /// Begins a workflow within the caller's transaction. Once that is on disk the workflow goes on at once in this
    /// program, if it has a free place; else the row waits for any runner that has one.
    /// - Throws: `WorkflowBusy`; `WorkflowError.notRegistered` or `.stateTooLarge` for a mistake of the program.
    @discardableResult
    public func start<S>(
        _ workflow: Workflow<S>, _ initial: S, subject: String, requestID: String?, in transaction: any Transaction
    ) throws -> String {
        let (definition, takesAtOnce) = state.withLock { state in
            (state.definitions[workflow.name], state.takesAtOnce(means.options))
        }
        guard let definition else { throw WorkflowError.notRegistered(workflow.name) }
        if let other = try WorkflowTable.liveName(subject: subject, in: transaction) {
            throw WorkflowBusy(subject: subject, workflow: other)
        }
        let text = try workflow.encode(initial)
        guard text.utf8.count <= means.options.stateLimit else {
            throw WorkflowError.stateTooLarge(workflow: workflow.name, bytes: text.utf8.count)
        }
        let now = means.clock.now, id = Identifier.passing()
        let new = WorkflowTable.New(
            id: id, name: workflow.name, subject: subject, requestID: requestID, steps: definition.steps, state: text,
            deadlineAt: now + workflow.deadline, now: now,
            lease: takesAtOnce ? (means.owner, now + means.options.lease) : nil)
        do {
            try WorkflowTable.insert(new, in: transaction)
        } catch let error as StoreError where error.isUniqueViolation {
            throw WorkflowBusy(subject: subject, workflow: "")
        }
        transaction.onCommit { self.committed(new, definition) }
        return id
    }

    private func committed(_ new: WorkflowTable.New, _ definition: WorkflowDefinition) {
        guard let (_, until) = new.lease else {
            state.withLock { $0.isSaturated = true }
            return bell.ring()
        }
        let row = WorkflowRow(
            id: new.id, name: new.name, state: new.state, direction: .forward, step: "", rewindTarget: nil, attempts: 0,
            rewinds: 0, generation: 1, failure: nil, requestID: new.requestID, isCancelRequested: false,
            deadlineAt: new.deadlineAt, fence: 1, isFresh: true)
        accept(Work(definition: definition, row: row, lease: WorkflowLease(id: new.id, fence: 1, expiresAt: until)))
    }

    /// Asks the subject's live workflow to unwind. The step under way is interrupted once the caller's transaction is
    /// on disk; at a runner of another program, when that next renews its lease or records progress.
    public func cancel(subject: String, in transaction: any Transaction) throws -> Bool {
        let id = try WorkflowTable.requestCancel(subject: subject, now: means.clock.now, in: transaction)
        guard let id else { return false }
        transaction.onCommit {
            self.state.withLock { $0.leases[id] }?.interrupt(.cancelled)
            self.bell.ring()
        }
        return true
    }

    // MARK: Work in progress

    /// Begins a work, or keeps it until there is a place.
    private func accept(_ work: Work) {
        let isPlaced = state.withLock { state in
            state.leases[work.row.id] = work.lease
            if state.isStopping { work.lease.interrupt(.stopping) }
            guard state.isStopping || state.inProgress < means.options.concurrency else {
                state.backlog.append(work)
                return false
            }
            state.inProgress += 1
            return true
        }
        if isPlaced { begin(work) }
    }

    private func begin(_ work: Work) {
        Background.start {
            let begin = self.means.clock.now
            let ending = await RequestContext.$requestID.withValue(work.row.requestID) { await self.carryOut(work) }
            let dimensions = [("workflow", work.row.name), ("ending", ending.rawValue)]
            Counter(label: "workflows", dimensions: dimensions).increment()
            Timer(label: "workflow_duration", dimensions: dimensions)
                .recordNanoseconds(Int64((self.means.clock.now - begin) / .nanoseconds(1)))
            self.leave(work)
            self.means.options.didLeave?(work.row.id, ending)
        }
    }

    private func carryOut(_ work: Work) async -> WorkflowEnding {
        do {
            return try await work.definition.run(work.row, work.lease, means)
        } catch {
            means.logger.error("a workflow cannot be carried on by this version of the program", metadata: [
                "workflow": "\(work.row.id)", "workflow_name": "\(work.row.name)", "error": "\(error)",
            ])
            await park(work, "\(error)")
            return .released
        }
    }

    private func park(_ work: Work, _ reason: String) async {
        let now = means.clock.now
        do {
            try await means.database.write { [means] transaction in
                try WorkflowTable.park(
                    id: work.row.id, owner: means.owner, fence: work.lease.fence, error: reason,
                    until: now + means.options.stuckInterval, now: now, in: transaction)
            }
        } catch {
            means.logger.error("the row cannot be let go; its lease will end", metadata: ["error": "\(error)"])
        }
    }

    private func leave(_ work: Work) {
        let (next, wasSaturated) = state.withLock { state -> (Work?, Bool) in
            if state.leases[work.row.id] === work.lease { state.leases[work.row.id] = nil }
            guard !state.backlog.isEmpty else {
                state.inProgress -= 1
                defer { state.isSaturated = false }
                return (nil, state.isSaturated)
            }
            return (state.backlog.removeFirst(), false)
        }
        if let next { begin(next) }
        if wasSaturated { bell.ring() }
        departure.ring()
    }
}

// MARK: The loops

extension WorkflowRunner {
    /// Runs workflows until the task is cancelled; then lets the steps in progress finish for `stopDeadline`,
    /// interrupts the rest, and lets every row go. Call it once.
    public func run() async {
        await recover()
        state.withLock { $0.isRunning = true }
        await withTaskGroup { group in
            group.addTask { await self.lookForWork() }
            group.addTask { await self.renewLeases() }
        }
        await Task { await self.stop() }.value
    }

    /// Frees what a killed run of this runner held.
    private func recover() async {
        while !Task.isCancelled {
            do {
                let freed = try await means.database.write { [means] transaction in
                    try WorkflowTable.releaseAll(owner: means.owner, now: means.clock.now, in: transaction)
                }
                if freed > 0 { means.logger.notice("going on with workflows of the run before", metadata: ["count": "\(freed)"]) }
                return try await warnOfUnknown()
            } catch {
                means.logger.error("the workflows cannot be read", metadata: ["error": "\(error)"])
                await bell.wait(until: means.clock.now + means.options.pollInterval, on: means.clock)
            }
        }
    }

    private func warnOfUnknown() async throws {
        let names = state.withLock { Array($0.definitions.keys) }
        for (name, count) in try await means.database.read({ try WorkflowTable.unknown(names: names, in: $0) }) {
            means.logger.warning("workflows of a kind that this version of the program does not know are left alone", metadata: [
                "workflow_name": "\(name)", "count": "\(count)",
            ])
        }
    }

    private func lookForWork() async {
        while !Task.isCancelled {
            // From when it looks: what became due meanwhile is found a whole interval after that, not after it has looked.
            let latest = means.clock.now + means.options.pollInterval
            var next: Timestamp?
            do {
                next = try await takeDue()
            } catch {
                means.logger.error("due workflows cannot be taken", metadata: ["error": "\(error)"])
            }
            await bell.wait(until: min(next ?? latest, latest), on: means.clock)
        }
    }

    /// Takes as many due rows as there are places.
    /// - Returns: when the next will be due.
    private func takeDue() async throws -> Timestamp? {
        let (free, names) = state.withLock { state -> (Int, [String]) in
            let free = means.options.concurrency - state.inProgress - state.backlog.count
            if free <= 0 { state.isSaturated = true }
            return (free, Array(state.definitions.keys))
        }
        guard free > 0 else { return nil }
        let now = means.clock.now
        let (ids, next) = try await means.database.read {
            try WorkflowTable.due(names: names, now: now, limit: free, in: $0)
        }
        guard !ids.isEmpty else { return next }
        let until = now + means.options.lease
        let rows = try await means.database.write { [means] transaction in
            try ids.compactMap { id in
                try WorkflowTable.take(id: id, owner: means.owner, until: until, now: now, in: transaction)
            }
        }
        for row in rows { take(row, until: until) }
        if ids.count == free { state.withLock { $0.isSaturated = true } }
        return next.flatMap { $0 > now ? $0 : nil }
    }

    private func take(_ row: WorkflowRow, until: Timestamp) {
        let (definition, former) = state.withLock { ($0.definitions[row.name], $0.leases[row.id]) }
        guard let definition else { return }
        // Our own lease had ended before it was renewed: the execution under it must not go on beside the new one.
        former?.interrupt(.lost)
        accept(Work(definition: definition, row: row, lease: WorkflowLease(id: row.id, fence: row.fence, expiresAt: until)))
    }

    private func renewLeases() async {
        let third = means.options.lease / 3
        let timer = Bell()
        while !Task.isCancelled {
            await timer.wait(until: means.clock.now + third, on: means.clock)
            let ending = means.clock.now + third * 2
            let leases = state.withLock { $0.leases.values.filter { $0.expiresAt < ending } }
            guard !leases.isEmpty, !Task.isCancelled else { continue }
            do {
                try await renew(leases)
            } catch {
                means.logger.error("leases cannot be renewed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func renew(_ leases: [WorkflowLease]) async throws {
        let until = means.clock.now + means.options.lease
        let held = try await means.database.write { [means] transaction in
            try WorkflowTable.renew(ids: leases.map(\.id), owner: means.owner, until: until, in: transaction)
        }
        for lease in leases {
            guard let row = held[lease.id], row.fence == lease.fence else {
                lease.interrupt(.lost)
                continue
            }
            lease.expiresAt = until
            if row.isCancelRequested { lease.interrupt(.cancelled) }
        }
    }

    private func stop() async {
        let (leases, backlog) = state.withLock { state -> ([WorkflowLease], [Work]) in
            state.isStopping = true
            defer { state.backlog = [] }
            state.inProgress += state.backlog.count
            return (Array(state.leases.values), state.backlog)
        }
        for lease in leases { lease.interrupt(.stopping) }
        for work in backlog { begin(work) }
        await drain(until: means.clock.now + means.options.stopDeadline)
        for lease in state.withLock({ Array($0.leases.values) }) { lease.interrupt(.halted) }
        await drain(until: means.clock.now + means.options.interruptionGrace + .seconds(1))
        state.withLock { $0.isRunning = false }
    }

    private func drain(until moment: Timestamp) async {
        while state.withLock({ $0.inProgress }) > 0, means.clock.now < moment {
            await departure.wait(until: moment, on: means.clock)
        }
    }
}
