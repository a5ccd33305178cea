/// A driver's connection: runs statements one after the other on the thread that owns it.
protocol Connection: AnyObject {
    /// Runs a statement and calls `body` for each row of its result.
    func query(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws

    /// Runs a statement and answers how many rows it changed.
    func execute(_ sql: SQL) throws -> Int
}

/// A read snapshot on a connection, the same for every driver.
final class Snapshot: Reader {
    private let connection: any Connection

    init(_ connection: any Connection) { self.connection = connection }

    func forEach(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws { try connection.query(sql, body) }
}

/// A transaction on a connection, the same for every driver: savepoints, actions for after the commit, and the
/// rule that a failed statement spoils the transaction. PostgreSQL has that rule; SQLite would go on, and code
/// tested on the one would then fail on the other.
final class Session: Transaction {
    private let connection: any Connection
    private var depth = 0
    private var failure: (any Error)?
    /// What to do once the transaction is on disk, in the order of registration.
    private(set) var actions: [@Sendable () -> Void] = []

    init(_ connection: any Connection) { self.connection = connection }

    func forEach(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws {
        try checkUsable()
        var isBodysError = false
        do {
            try connection.query(sql) { row in
                do { try body(row) } catch {
                    isBodysError = true
                    throw error
                }
            }
        } catch {
            if !isBodysError { failure = error }
            throw error
        }
    }

    func execute(_ sql: SQL) throws -> Int {
        try checkUsable()
        do { return try connection.execute(sql) } catch {
            failure = error
            throw error
        }
    }

    func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        let name = "s\(depth)"
        let registered = actions.count
        _ = try execute(SQL(stringLiteral: "SAVEPOINT " + name))
        depth += 1
        defer { depth -= 1 }
        do {
            let result = try body()
            try checkUsable()
            _ = try connection.execute(SQL(stringLiteral: "RELEASE SAVEPOINT " + name))
            return result
        } catch {
            actions.removeLast(actions.count - registered)
            try undo(to: name, because: error)
            throw error
        }
    }

    func onCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    /// Must be called before the commit: a body that swallowed a statement's error has not succeeded.
    /// - Throws: the error that spoiled the transaction.
    func checkUsable() throws {
        if let failure { throw failure }
    }

    /// Undoes a savepoint. When even that fails, the whole transaction is lost, for the reason that led here.
    private func undo(to name: String, because error: any Error) throws {
        do {
            _ = try connection.execute(SQL(stringLiteral: "ROLLBACK TO SAVEPOINT " + name))
            _ = try connection.execute(SQL(stringLiteral: "RELEASE SAVEPOINT " + name))
            failure = nil
        } catch let lost {
            failure = failure ?? lost
            throw error
        }
    }
}
