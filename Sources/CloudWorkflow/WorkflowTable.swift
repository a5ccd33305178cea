import CloudCore
import CloudStore
import Foundation

/// The workflows' tables.
public enum WorkflowSchema {
    /// The migrations of module "workflow".
    ///
    /// A live row has no `finished_at`. Its `due_at` is the moment from which any runner may take it: the end of
    /// the lease while one holds it, else the time of the next try. `fence` counts the leases, so that a runner
    /// that lost one can no longer write. `step` is empty when none is left in the row's direction.
    public static let migrations = MigrationSet(module: "workflow", [
        Migration(1, "workflows", [
            """
            CREATE TABLE workflows (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, subject TEXT NOT NULL, steps TEXT NOT NULL,
                state TEXT NOT NULL, status TEXT NOT NULL, direction TEXT NOT NULL, step TEXT NOT NULL,
                rewind_to TEXT, attempts BIGINT NOT NULL, rewinds BIGINT NOT NULL, generation BIGINT NOT NULL,
                error TEXT, failure TEXT, request_id TEXT, cancel_requested BIGINT NOT NULL,
                lease_owner TEXT, fence BIGINT NOT NULL, due_at BIGINT NOT NULL, deadline_at BIGINT NOT NULL,
                created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, finished_at BIGINT)
            """,
            "CREATE UNIQUE INDEX workflows_live_subject ON workflows (subject) WHERE finished_at IS NULL",
            "CREATE INDEX workflows_due ON workflows (due_at) WHERE finished_at IS NULL",
            "CREATE INDEX workflows_finished ON workflows (finished_at) WHERE finished_at IS NOT NULL",
        ])
    ])
}

/// What a runner takes from a row to carry the workflow on.
struct WorkflowRow: Sendable {
    enum Direction: String, SQLConvertible { case forward, rewinding, unwinding }

    let id: String
    let name: String
    let state: String
    let direction: Direction
    let step: String
    let rewindTarget: String?
    let attempts: Int
    let rewinds: Int
    let generation: Int
    let failure: WorkflowFailure?
    let requestID: String?
    let isCancelRequested: Bool
    let deadlineAt: Timestamp
    /// The number of the lease under which this runner holds the row.
    let fence: Int
    /// Whether no step has begun.
    let isFresh: Bool
}

extension WorkflowRecord.Status: SQLConvertible {}

/// What an execution writes into its row.
struct WorkflowUpdate: Sendable {
    /// How the row stands afterwards.
    enum Standing: Sendable, Equatable {
        /// In this runner's hands, with the lease until that moment.
        case held(until: Timestamp)
        /// In nobody's hands, due at that moment.
        case waiting(until: Timestamp)
        /// As waiting, but only an operator or the slow timer tries again.
        case stuck(until: Timestamp)
        /// At the end.
        case done, unwound
    }
    var progress: WorkflowProgress
    var standing: Standing
    var error: String?

    var status: WorkflowRecord.Status {
        switch standing {
        case .held: progress.isBackward ? .unwinding : .running
        case .waiting: progress.isBackward ? .unwinding : .waiting
        case .stuck: .stuck
        case .done: .done
        case .unwound: .unwound
        }
    }
}

/// The engine's statements.
enum WorkflowTable {
    /// The longest error text kept.
    static let errorLimit = 1_000

    struct New {
        let id: String, name: String, subject: String, requestID: String?
        let steps: [String], state: String
        let deadlineAt: Timestamp, now: Timestamp
        /// The runner that takes it at once, and until when; nil for a row that waits for any runner.
        let lease: (owner: String, until: Timestamp)?
    }

    static func liveName(subject: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT name FROM workflows WHERE subject = \(subject) AND finished_at IS NULL")
    }

    static func insert(_ new: New, in transaction: any Transaction) throws {
        let steps = JSON.array(new.steps.map { .string($0) })
        let status: WorkflowRecord.Status = new.lease == nil ? .waiting : .running
        try transaction.execute("""
            INSERT INTO workflows (id, name, subject, steps, state, status, direction, step, attempts, rewinds,
                generation, request_id, cancel_requested, lease_owner, fence, due_at, deadline_at, created_at, updated_at)
            VALUES (\(new.id), \(new.name), \(new.subject), \(steps), \(new.state), \(status),
                \(WorkflowRow.Direction.forward), \(new.steps.first ?? ""), 0, 0, 1, \(new.requestID), 0,
                \(new.lease?.owner), \(new.lease == nil ? 0 : 1), \(new.lease?.until ?? new.now), \(new.deadlineAt),
                \(new.now), \(new.now))
            """)
    }

    /// Asks the subject's live workflow to unwind; one that is in nobody's hands becomes due.
    /// - Returns: its id.
    static func requestCancel(subject: String, now: Timestamp, in transaction: any Transaction) throws -> String? {
        let id: String? = try transaction.scalar(
            "SELECT id FROM workflows WHERE subject = \(subject) AND finished_at IS NULL")
        if let id { try requestCancel(id: id, now: now, in: transaction) }
        return id
    }

    /// Asks a live workflow to unwind.
    /// - Returns: whether it is live.
    @discardableResult
    static func requestCancel(id: String, now: Timestamp, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("""
            UPDATE workflows SET cancel_requested = 1,
                due_at = CASE WHEN lease_owner IS NULL THEN \(now) ELSE due_at END
            WHERE id = \(id) AND finished_at IS NULL
            """) > 0
    }

    // MARK: Leases

    /// Frees what an earlier run of the same runner held: it is dead, since this one has begun.
    static func releaseAll(owner: String, now: Timestamp, in transaction: any Transaction) throws -> Int {
        try transaction.execute("""
            UPDATE workflows SET lease_owner = NULL, due_at = \(now) WHERE lease_owner = \(owner) AND finished_at IS NULL
            """)
    }

    /// The ids of what is due, the longest waiting first, and when the next thing will be due after those.
    static func due(
        names: [String], now: Timestamp, limit: Int, in reader: any Reader
    ) throws -> (ids: [String], next: Timestamp?) {
        let rows = try reader.all("""
            SELECT id, due_at FROM workflows WHERE finished_at IS NULL AND name IN \(in: names)
            ORDER BY due_at LIMIT \(limit + 1)
            """) { row -> (id: String, dueAt: Timestamp) in (try row[0], try row[1]) }
        let due = rows.prefix(limit).filter { $0.dueAt <= now }
        return (due.map(\.id), rows.dropFirst(due.count).first?.dueAt)
    }

    /// The names of live workflows that are none of these, with how many there are.
    static func unknown(names: [String], in reader: any Reader) throws -> [(name: String, count: Int)] {
        try reader.all("""
            SELECT name, COUNT(*) FROM workflows WHERE finished_at IS NULL AND name NOT IN \(in: names + [""])
            GROUP BY name ORDER BY name
            """) { (try $0[0], try $0[1]) }
    }

    /// Takes a due row under a new lease; nil when another runner was faster.
    static func take(
        id: String, owner: String, until: Timestamp, now: Timestamp, in transaction: any Transaction
    ) throws -> WorkflowRow? {
        let taken = try transaction.execute("""
            UPDATE workflows SET lease_owner = \(owner), fence = fence + 1, due_at = \(until),
                status = CASE WHEN status = 'waiting' THEN 'running' ELSE status END
            WHERE id = \(id) AND finished_at IS NULL AND due_at <= \(now)
            """)
        guard taken > 0 else { return nil }
        return try transaction.first("""
            SELECT id, name, state, direction, step, rewind_to, attempts, rewinds, generation, failure, request_id,
                cancel_requested, deadline_at, fence FROM workflows WHERE id = \(id)
            """, row)
    }

    private static func row(_ row: borrowing Row) throws -> WorkflowRow {
        let failure: String? = try row[9]
        let fence: Int = try row[13]
        return WorkflowRow(
            id: try row[0], name: try row[1], state: try row[2], direction: try row[3], step: try row[4],
            rewindTarget: try row[5], attempts: try row[6], rewinds: try row[7], generation: try row[8],
            failure: try failure.map { try JSONDecoder().decode(WorkflowFailure.self, from: Data($0.utf8)) },
            requestID: try row[10], isCancelRequested: try row[11], deadlineAt: try row[12], fence: fence,
            isFresh: fence == 1)
    }

    /// Lengthens the leases of these rows.
    /// - Returns: what this runner still holds, with each lease's number and whether its workflow shall unwind.
    static func renew(
        ids: [String], owner: String, until: Timestamp, in transaction: any Transaction
    ) throws -> [String: (fence: Int, isCancelRequested: Bool)] {
        try transaction.execute("""
            UPDATE workflows SET due_at = \(until)
            WHERE id IN \(in: ids) AND lease_owner = \(owner) AND finished_at IS NULL
            """)
        let rows = try transaction.all("""
            SELECT id, fence, cancel_requested FROM workflows
            WHERE id IN \(in: ids) AND lease_owner = \(owner) AND finished_at IS NULL
            """) { row -> (String, (fence: Int, isCancelRequested: Bool)) in (try row[0], (try row[1], try row[2])) }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    // MARK: Progress

    /// Writes progress if the lease is still the writer's, and, for a row that goes forward, nobody asked it to
    /// unwind.
    static func update(
        id: String, owner: String, fence: Int, _ update: WorkflowUpdate, now: Timestamp,
        in transaction: any Transaction
    ) throws {
        let progress = update.progress
        let failure = try progress.failure.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        var direction = WorkflowRow.Direction.forward, target: String?, dueAt = now, isHeld = false, isFinished = false
        switch progress.direction {
        case .forward: direction = .forward
        case .rewinding(let index): (direction, target) = (.rewinding, progress.plan[index].name)
        case .unwinding: direction = .unwinding
        }
        switch update.standing {
        case .held(let moment): (dueAt, isHeld) = (moment, true)
        case .waiting(let moment), .stuck(let moment): dueAt = moment
        case .done, .unwound: isFinished = true
        }
        let isOurs: SQL = "id = \(id) AND lease_owner = \(owner) AND fence = \(fence) AND finished_at IS NULL"
        let wanted: SQL = progress.isBackward ? isOurs : isOurs + " AND cancel_requested = 0"
        let written = try transaction.execute("""
            UPDATE workflows SET status = \(update.status), direction = \(direction), step = \(progress.stepName ?? ""),
                rewind_to = \(target), attempts = \(progress.attempts), rewinds = \(progress.rewinds),
                generation = \(progress.generation), error = \(update.error.map { String($0.prefix(errorLimit)) }),
                failure = \(failure), lease_owner = \(isHeld ? owner : nil), due_at = \(dueAt), updated_at = \(now),
                finished_at = \(isFinished ? now : nil)
            WHERE \(wanted)
            """)
        guard written == 0 else { return }
        let isStillOurs: Int? = try transaction.scalar("SELECT 1 FROM workflows WHERE \(isOurs)")
        throw isStillOurs == nil ? LeaseInterruption.lost : LeaseInterruption.cancelled
    }

    /// Writes the state of a row whose progress this transaction has written.
    static func setState(id: String, _ state: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE workflows SET state = \(state) WHERE id = \(id)")
    }

    /// Lets a row go that this version of the program cannot carry on.
    static func park(
        id: String, owner: String, fence: Int, error: String, until: Timestamp, now: Timestamp,
        in transaction: any Transaction
    ) throws {
        try transaction.execute("""
            UPDATE workflows SET status = \(WorkflowRecord.Status.stuck), error = \(String(error.prefix(errorLimit))),
                lease_owner = NULL, due_at = \(until), updated_at = \(now)
            WHERE id = \(id) AND lease_owner = \(owner) AND fence = \(fence) AND finished_at IS NULL
            """)
    }

    /// Deletes up to `limit` rows that ended before a moment.
    static func purge(finishedBefore moment: Timestamp, limit: Int, in transaction: any Transaction) throws -> Int {
        try transaction.execute("""
            DELETE FROM workflows WHERE id IN
                (SELECT id FROM workflows WHERE finished_at < \(moment) ORDER BY finished_at LIMIT \(limit))
            """)
    }
}
