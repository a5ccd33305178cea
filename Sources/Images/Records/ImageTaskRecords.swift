import CloudAPI
import CloudCore
import CloudStore

extension ImageSchema {
    /// Tasks' table.
    static let tasks = Migration(20, "tasks", [
        """
        CREATE TABLE image_tasks (
            id TEXT PRIMARY KEY, type TEXT NOT NULL, status TEXT NOT NULL, owner TEXT, user_id TEXT, request_id TEXT,
            image_id TEXT, input TEXT NOT NULL, result TEXT NOT NULL, message TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, expires_at BIGINT)
        """,
        "CREATE INDEX image_tasks_by_image ON image_tasks (image_id, created_at)",
        "CREATE INDEX image_tasks_by_time ON image_tasks (created_at, id)",
        "CREATE INDEX image_tasks_by_end ON image_tasks (expires_at)",
    ])
}

extension ImageTask.Kind: SQLConvertible {}
extension ImageTask.Status: SQLConvertible {}

/// The tasks' rows.
enum ImageTaskRecords {
    private static let columns: SQL = """
        id, type, status, owner, user_id, request_id, image_id, input, result, message, created_at, updated_at, expires_at
        """

    private static func task(_ row: borrowing Row) throws -> ImageTask {
        var task = ImageTask(
            id: try row[0], kind: try row[1], owner: try row[3], userID: try row[4], requestID: try row[5],
            imageID: try row[6], input: try row[7], now: try row[10])
        (task.status, task.result, task.message) = (try row[2], try row[8], try row[9])
        (task.updatedAt, task.expiresAt) = (try row[11], try row[12])
        return task
    }

    static func insert(_ task: ImageTask, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO image_tasks (\(columns)) VALUES (\(task.id), \(task.kind), \(task.status), \(task.owner),
                \(task.userID), \(task.requestID), \(task.imageID), \(task.input), \(task.result), \(task.message),
                \(task.createdAt), \(task.updatedAt), \(task.expiresAt))
            """)
    }

    /// Changes a task; one that is gone stays gone.
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout ImageTask) -> Void) throws {
        guard var task = try find(id, in: transaction) else { return }
        change(&task)
        try transaction.execute(
            """
            UPDATE image_tasks SET status = \(task.status), image_id = \(task.imageID), result = \(task.result),
                message = \(task.message), updated_at = \(task.updatedAt), expires_at = \(task.expiresAt)
            WHERE id = \(id)
            """)
    }

    static func find(_ id: String, in reader: any Reader) throws -> ImageTask? {
        try reader.first("SELECT \(columns) FROM image_tasks WHERE id = \(id)", task)
    }

    /// An image's tasks, the oldest first, without those that have expired.
    static func list(image: String, now: Timestamp = .now, in reader: any Reader) throws -> [ImageTask] {
        try reader.all(
            """
            SELECT \(columns) FROM image_tasks WHERE image_id = \(image) AND (expires_at IS NULL OR expires_at > \(now))
            ORDER BY created_at, id
            """, task)
    }

    static func list(_ filter: ImageTaskFilter, in reader: any Reader) throws -> [ImageTask] {
        try reader.all("SELECT \(columns) FROM image_tasks\(filter.clause)", task)
    }

    /// Forgets the tasks whose time is over.
    static func purge(now: Timestamp = .now, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM image_tasks WHERE expires_at <= \(now)")
    }
}

/// Which tasks a list holds, and in which order.
struct ImageTaskFilter: Sendable {
    /// What tasks can be sorted by. Columns that may be empty count as empty text or zero.
    enum Key: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case expiresAt = "expires_at"
        case id, type, status, owner

        var column: SQL {
            switch self {
            case .createdAt: "created_at"
            case .updatedAt: "updated_at"
            case .expiresAt: "COALESCE(expires_at, 0)"
            case .id: "id"
            case .type: "type"
            case .status: "status"
            case .owner: "COALESCE(owner, '')"
            }
        }

        func value(of task: ImageTask) -> SQLValue {
            switch self {
            case .createdAt: task.createdAt.sqlValue
            case .updatedAt: task.updatedAt.sqlValue
            case .expiresAt: (task.expiresAt ?? Timestamp(microseconds: 0)).sqlValue
            case .id: task.id.sqlValue
            case .type: task.kind.sqlValue
            case .status: task.status.sqlValue
            case .owner: (task.owner ?? "").sqlValue
            }
        }
    }

    var status: String?
    var kind: String?
    var owner: String?
    var marker: ImageTask?
    var sort: [SortKey] = []
    var limit: Int
    var now = Timestamp.now

    /// How lists of tasks are cut and sorted.
    static func rules(_ options: ImageOptions) -> PageRules {
        PageRules(
            .glance, defaultLimit: options.pageSize, maximumLimit: options.maximumPageSize,
            sortKeys: Set(Key.allCases.map(\.rawValue)),
            defaultSort: [SortKey(Key.createdAt.rawValue, .descending), SortKey(Key.id.rawValue, .descending)])
    }

    private var order: [(key: Key, isAscending: Bool)] {
        sort.compactMap { sort in Key(rawValue: sort.name).map { ($0, sort.direction == .ascending) } }
    }

    var clause: SQL {
        var conditions: [SQL] = ["(expires_at IS NULL OR expires_at > \(now))"]
        if let status { conditions.append("status = \(status)") }
        if let kind { conditions.append("type = \(kind)") }
        if let owner { conditions.append("owner = \(owner)") }
        let keyset = KeysetOrder(order.map { .init($0.key.column, isAscending: $0.isAscending) })
        if let marker { conditions.append(keyset.behind(order.map { $0.key.value(of: marker) })) }
        return " WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }
}

extension ImageRecords {
    /// Those of some images that wait for staged bytes.
    static func waitingForStaged(_ ids: [String], in reader: any Reader) throws -> Set<String> {
        Set(try reader.all(
            """
            SELECT id FROM images WHERE id IN \(in: ids)
                AND status IN (\(Image.Status.uploading), \(Image.Status.importing))
            """
        ) { try $0[0] })
    }

    /// The images that are in a state.
    static func withStatus(_ status: Image.Status, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT id FROM images WHERE status = \(status)") { try $0[0] }
    }
}
