import CloudCore

/// The one door to the cloud's state. Two drivers stand behind it: `SQLiteDatabase` and `PostgresDatabase`.
///
/// Bodies are synchronous, run on the database's own threads and see one consistent snapshot. A body may be run
/// again after a serialisation conflict, so it must not touch anything but its arguments and the transaction.
public protocol Database: Sendable {
    /// Runs queries on a consistent snapshot that does not wait for writers.
    /// - Throws: what the body throws, or `StoreError`.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result

    /// Runs a transaction. When this returns, the changes are on disk; when it throws, there are none.
    /// - Throws: what the body throws, or `StoreError`.
    @discardableResult
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result

    /// Brings one module's tables up to date: its migrations that have not run yet, in order, each in a
    /// transaction, under a lock that keeps other processes out.
    func migrate(_ set: MigrationSet) async throws

    /// Finishes what was accepted and closes the files or connections.
    func close() async
}

/// Queries within a snapshot. Valid only inside the body that received it.
public protocol Reader: AnyObject {
    /// Calls `body` for each row of the result, in order. Within a transaction, a body that changes the rows it walks
    /// over should collect them first (`all`): the databases differ in whether the walk sees the changes.
    func forEach(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws
}

extension Reader {
    /// Every row of the result, mapped.
    @inlinable @inline(__always) public func all<Element>(_ sql: SQL, _ map: (borrowing Row) throws -> Element) throws -> [Element] {
        var elements: [Element] = []
        try forEach(sql) { elements.append(try map($0)) }
        return elements
    }

    /// The first row of the result, mapped; nil when there is none.
    @inlinable @inline(__always) public func first<Element>(_ sql: SQL, _ map: (borrowing Row) throws -> Element) throws -> Element? {
        var element: Element?
        do {
            try forEach(sql) { row in
                guard element == nil else { throw EnoughRows() }
                element = try map(row)
            }
        } catch is EnoughRows {
            return element
        }
        return element
    }

    /// The first column of the first row; nil when there is no row.
    @inlinable @inline(__always) public func scalar<Value: SQLDecodable>(_ sql: SQL, as type: Value.Type = Value.self) throws -> Value? {
        try first(sql) { try $0[0] }
    }
}

/// Thrown within `first` to leave the rest of a result unread.
@usableFromInline struct EnoughRows: Error {
    @usableFromInline init() {}
}

/// A reading and writing transaction.
public protocol Transaction: Reader {
    /// Runs a statement and answers how many rows it changed.
    /// - Throws: `StoreError.constraint` when a row would break a key or a foreign key, or a text holds a NUL
    ///   character, which PostgreSQL cannot store (`.check`). Unless the statement ran
    ///   in a `savepoint`, the transaction can then only be abandoned.
    @discardableResult
    func execute(_ sql: SQL) throws -> Int

    /// Runs a part of the transaction that may fail alone: if the body throws, only its changes are undone.
    func savepoint<Result>(_ body: () throws -> Result) throws -> Result

    /// Registers what shall happen once the transaction is on disk, such as ringing a workflow runner's bell.
    func onCommit(_ action: @escaping @Sendable () -> Void)
}

/// One row of a result, read by column position. Reading can be inlined into the modules that read, so that each has code
/// for its own types: a list reads some thirty values a row.
public struct Row: ~Copyable {
    @usableFromInline let column: (Int) -> SQLValue

    /// A row over a driver's column accessor.
    public init(column: @escaping (Int) -> SQLValue) { self.column = column }

    /// The value of a column, counted from zero.
    /// - Throws: `StoreError.unexpectedValue` when it is not of the wanted type.
    @inlinable public subscript<Value: SQLDecodable>(position: Int) -> Value {
        get throws {
            guard let decoded = Value(sqlValue: column(position)) else { throw Self.unexpected(Value.self, at: position) }
            return decoded
        }
    }

    @usableFromInline static func unexpected(_ wanted: any SQLDecodable.Type, at position: Int) -> StoreError {
        .unexpectedValue(column: position, wanted: "\(wanted)")
    }
}

/// What can go wrong between the program and its database.
public enum StoreError: Error, Sendable, Equatable {
    /// A row would break a unique key, a foreign key or a check. `detail` names table and columns where known.
    case constraint(Constraint, detail: String)
    /// The queue of waiting transactions is full: the caller should answer 503.
    case overloaded
    /// The database is closed or cannot be reached.
    case unavailable(String)
    /// A column held a value of another type than the code expects.
    case unexpectedValue(column: Int, wanted: String)
    /// A migration on disk is newer than this program, or one failed.
    case migration(String)
    /// Anything else the database said about a statement.
    case statement(String)

    /// The kinds of constraint.
    public enum Constraint: Sendable { case unique, foreignKey, check, notNull }

    /// Whether a unique key was in the way.
    public var isUniqueViolation: Bool {
        if case .constraint(.unique, _) = self { true } else { false }
    }
}

/// One forward-only step of a module's tables.
public struct Migration: Sendable {
    /// Its number; migrations of a set run in this order and never change once released.
    public let number: Int
    /// What it does, in a few words.
    public let name: String
    /// Its statements.
    public let statements: [SQL]

    /// A migration of plain statements.
    public init(_ number: Int, _ name: String, _ statements: [SQL]) {
        (self.number, self.name, self.statements) = (number, name, statements)
    }
}

/// The migrations of one module.
public struct MigrationSet: Sendable {
    /// The module, such as "identity".
    public let module: String
    /// Its migrations by rising number.
    public let migrations: [Migration]

    /// A module's migrations.
    public init(module: String, _ migrations: [Migration]) {
        (self.module, self.migrations) = (module, migrations)
    }
}
