import CSQLite
import Foundation

/// One connection to a SQLite file. It belongs to the thread that opened it.
final class SQLiteConnection: Connection {
    /// What a connection is for.
    enum Role { case reader, writer }

    private let handle: OpaquePointer
    private var statements = StatementCache<String, SQLiteStatement>()
    /// Pages in the write-ahead log after the last commit; SQLite writes here through a pointer.
    private let logPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// Opens the file, making it if need be, and sees to it that it is as durable and strict as promised.
    init(path: String, role: Role, busyTimeout: Duration) throws {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let handle else {
            defer { sqlite3_close_v2(handle) }
            throw SQLiteError.make(code, "cannot open \(path): " + String(cString: sqlite3_errstr(code)))
        }
        self.handle = handle
        logPages.initialize(to: 0)
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.milliseconds))
        altostack_sqlite_refuse_quoted_strings(handle)
        try configure(role)
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
        logPages.deallocate()
    }

    /// Whether a transaction is open. SQLite ends one by itself when the disk is full or broken.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Whether a deferred foreign key is still broken; a commit would fail for everyone in the batch.
    var hasOpenForeignKeys: Bool {
        var (current, highest): (Int32, Int32) = (0, 0)
        sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current != 0
    }

    func query(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws {
        _ = try statement(sql.text).run(sql.values, body)
    }

    func execute(_ sql: SQL) throws -> Int { try statement(sql.text).run(sql.values) { _ in } }

    /// Runs `body` on a snapshot of the file.
    func read<Result>(_ body: (any Reader) throws -> Result) throws -> Result {
        _ = try execute("BEGIN")
        do {
            let result = try body(Snapshot(self))
            _ = try execute("COMMIT")
            return result
        } catch {
            rollBack()
            throw error
        }
    }

    /// Ends the open transaction, if there is one, without its changes.
    func rollBack() {
        guard isInTransaction else { return }
        // ROLLBACK cannot fail but by a lost file, which also ends the transaction.
        sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
    }

    /// Pages in the write-ahead log after this connection's last commit.
    var pagesInLog: Int { Int(logPages.pointee) }

    /// Moves what the log holds into the file, as far as nobody reads what it would overwrite; neither readers nor the writer wait
    /// for it. By itself SQLite would do so within a commit, before that is acknowledged.
    func checkpoint() {
        // A failure costs nothing: the log still holds everything, and the next checkpoint tries again.
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    /// The cached statement of a text, or a fresh one while the cached one's rows are being read.
    private func statement(_ text: String) throws -> SQLiteStatement {
        guard let cached = statements[text] else {
            let statement = try SQLiteStatement(text, on: handle)
            _ = statements.insert(statement, for: text)
            return statement
        }
        return cached.isBusy ? try SQLiteStatement(text, on: handle) : cached
    }

    private func configure(_ role: Role) throws {
        try set("journal_mode", "wal", expecting: .text("wal"))
        try set("synchronous", "FULL", expecting: .integer(2))
        try set("foreign_keys", "ON", expecting: .integer(1))
        // As in PostgreSQL: LIKE tells upper from lower case, which also lets it use an index.
        try query("PRAGMA case_sensitive_like = ON") { _ in }
        try query("PRAGMA temp_store = MEMORY") { _ in }
        // The log is cut back to this size after a burst, in bytes.
        try query("PRAGMA journal_size_limit = 67108864") { _ in }
        // Negative: in KiB.
        try query(role == .writer ? "PRAGMA cache_size = -16000" : "PRAGMA cache_size = -8000") { _ in }
        sqlite3_wal_hook(handle, { pages, _, _, count in
            pages?.assumingMemoryBound(to: Int32.self).pointee = count
            return SQLITE_OK
        }, logPages)
        if role == .reader { try set("query_only", "ON", expecting: .integer(1)) }
    }

    private func set(_ pragma: String, _ value: String, expecting expected: SQLValue) throws {
        try query(SQL(stringLiteral: "PRAGMA \(pragma) = \(value)")) { _ in }
        var actual = SQLValue.null
        try query(SQL(stringLiteral: "PRAGMA \(pragma)")) { actual = try $0[0] }
        guard actual == expected else {
            throw StoreError.unavailable("SQLite does not take \(pragma) = \(value) here")
        }
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
