import CloudCore
import CloudStore

/// A workflow with its steps, as `altostack workflows show` explains it.
public struct WorkflowDetail: Sendable, Hashable {
    /// A step and where the workflow stands towards it.
    public struct Step: Sendable, Hashable {
        /// Where a step stands.
        public enum Standing: String, Sendable { case done, current, pending, undone }
        /// The step's name.
        public let name: String
        /// Where it stands, as the row tells; a run of actions may be further.
        public let standing: Standing
    }
    /// What the list shows too.
    public let record: WorkflowRecord
    /// The steps in order.
    public let steps: [Step]
    /// Why it was turned back; nil on the way forward.
    public let failure: WorkflowFailure?
    /// How often it went back to try another way.
    public let rewinds: Int
    /// Whether somebody asked it to unwind.
    public let isCancelRequested: Bool
    /// When a runner will take it; nil while one holds it and when it has ended.
    public let dueAt: Timestamp?
    /// When it is unwound if it is not done.
    public let deadlineAt: Timestamp
    /// The name of the runner that holds it.
    public let leaseOwner: String?
}

/// What operators see of workflows and can do to them. It needs nothing but the database, so it works in another
/// process than the runner's; that one hears of a request at once when it is told, else within its lease.
public struct WorkflowInspector: Sendable {
    /// The longest page of a list.
    public static let pageLimit = 1_000
    private let database: any Database
    private let clock: any WorkflowClock

    /// An inspector of the workflows in a database.
    public init(database: any Database, clock: any WorkflowClock = SystemClock()) {
        (self.database, self.clock) = (database, clock)
    }

    /// Workflows, the latest first.
    /// - Parameters:
    ///   - statuses: which; empty for all.
    ///   - subject: of one resource only.
    ///   - request: begun by one request only.
    ///   - limit: how many at most.
    public func list(
        statuses: Set<WorkflowRecord.Status> = [], subject: String? = nil, request: String? = nil,
        limit: Int = WorkflowInspector.pageLimit
    ) async throws -> [WorkflowRecord] {
        var conditions: [SQL] = ["1 = 1"]
        if !statuses.isEmpty { conditions.append("status IN \(in: statuses.sorted { $0.rawValue < $1.rawValue })") }
        if let subject { conditions.append("subject = \(subject)") }
        if let request { conditions.append("request_id = \(request)") }
        let filter = conditions.joined(separator: " AND ")
        return try await database.read { reader in
            try reader.all("""
                SELECT \(WorkflowRecord.columns) FROM workflows WHERE \(filter)
                ORDER BY created_at DESC, id LIMIT \(min(max(limit, 0), Self.pageLimit))
                """, WorkflowRecord.init)
        }
    }

    /// One workflow; nil when there is none.
    public func show(_ id: String) async throws -> WorkflowDetail? {
        try await database.read { reader in
            try reader.first(
                "SELECT \(WorkflowRecord.columns), \(WorkflowDetail.columns) FROM workflows WHERE id = \(id)",
                WorkflowDetail.init)
        }
    }

    /// Lets a waiting or stuck workflow try again at once, its failures forgotten.
    /// - Returns: whether it is live.
    @discardableResult
    public func retry(_ id: String) async throws -> Bool {
        try await database.write { [now = clock.now] transaction in
            try transaction.execute("""
                UPDATE workflows SET attempts = 0, updated_at = \(now),
                    due_at = CASE WHEN lease_owner IS NULL THEN \(now) ELSE due_at END
                WHERE id = \(id) AND finished_at IS NULL
                """) > 0
        }
    }

    /// Asks a workflow to unwind.
    /// - Returns: whether it is live.
    @discardableResult
    public func unwind(_ id: String) async throws -> Bool {
        try await database.write { [now = clock.now] transaction in
            try WorkflowTable.requestCancel(id: id, now: now, in: transaction)
        }
    }
}

extension WorkflowRecord {
    static var columns: SQL {
        "id, name, subject, status, step, attempts, error, request_id, created_at, updated_at, lease_owner, due_at"
    }

    fileprivate init(_ row: borrowing Row) throws {
        let owner: String? = try row[10]
        self.init(
            id: try row[0], name: try row[1], subject: try row[2], status: try row[3], step: try row[4],
            attempts: try row[5], error: try row[6], requestID: try row[7], createdAt: try row[8],
            updatedAt: try row[9], leaseExpiresAt: owner == nil ? nil : try row[11])
    }
}

extension WorkflowDetail {
    static var columns: SQL { "steps, direction, failure, rewinds, cancel_requested, deadline_at, finished_at" }

    fileprivate init(_ row: borrowing Row) throws {
        let record = try WorkflowRecord(row)
        let names: JSON = try row[12], failure: JSON? = try row[14], finishedAt: Timestamp? = try row[18]
        let direction: WorkflowRow.Direction = try row[13]
        let owner: String? = try row[10], dueAt: Timestamp = try row[11]
        self.init(
            record: record, steps: Self.steps(record, (names.array ?? []).compactMap(\.string), direction),
            failure: failure.flatMap(WorkflowFailure.init), rewinds: try row[15], isCancelRequested: try row[16],
            dueAt: owner == nil && finishedAt == nil ? dueAt : nil, deadlineAt: try row[17], leaseOwner: owner)
    }

    private static func steps(
        _ record: WorkflowRecord, _ names: [String], _ direction: WorkflowRow.Direction
    ) -> [Step] {
        let isForward = direction == .forward
        let current = names.firstIndex(of: record.step) ?? (isForward ? names.count : -1)
        return names.enumerated().map { index, name in
            if index == current { return Step(name: name, standing: .current) }
            if index < current { return Step(name: name, standing: .done) }
            return Step(name: name, standing: isForward ? .pending : .undone)
        }
    }
}

extension WorkflowFailure {
    fileprivate init?(_ json: JSON) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init), let step = json["step"]?.string,
            let message = json["message"]?.string
        else { return nil }
        self.init(kind: kind, step: step, message: message)
    }
}

/// Deletes the rows of workflows that ended long ago.
public struct WorkflowPurge: Reconciler {
    /// "workflow.purge".
    public let name = "workflow.purge"
    /// How often it looks.
    public let interval: Duration
    private let retention: Duration
    private let database: any Database
    private let clock: any WorkflowClock
    private static let batch = 500

    /// A purge of what ended longer than `retention` ago.
    public init(
        database: any Database, retention: Duration = .seconds(7 * 86_400), interval: Duration = .seconds(3_600),
        clock: any WorkflowClock = SystemClock()
    ) {
        (self.database, self.retention, self.interval, self.clock) = (database, retention, interval, clock)
    }

    /// Deletes them in batches, so that no transaction is long.
    public func reconcile() async throws {
        let moment = clock.now + (.zero - retention)
        while try await database.write({ try WorkflowTable.purge(finishedBefore: moment, limit: Self.batch, in: $0) })
            == Self.batch
        {
            try Task.checkCancellation()
        }
    }
}
