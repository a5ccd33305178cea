import CLibPQ
import CloudCore

/// One connection to a PostgreSQL server. It belongs to the thread that opened it, which waits for each answer.
final class PostgresConnection: Connection {
    private struct StatementKey: Hashable {
        let text: String
        let types: [UInt32]
    }

    private let handle: OpaquePointer
    private var statements = StatementCache<StatementKey, String>()
    private var translations = StatementCache<String, (text: String, marks: Int)>()
    private var prepared = 0
    private var wasEnded = false
    /// Whether a statement of this transaction ran into a concurrent one, so that all of it should be run again.
    private(set) var isConflict = false

    /// Connects.
    /// - Throws: `unavailable` when that fails or the server cannot keep what the store promises.
    init(_ info: Secret<String>, statementTimeout: Duration) throws {
        // Later entries win: what `info` says replaces the defaults, but not the encoding.
        let parameters = [
            ("application_name", "altostack"), ("connect_timeout", "10"), ("tcp_user_timeout", "30000"),
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("target_session_attrs", "read-write"), ("dbname", info.reveal()), ("client_encoding", "UTF8"),
        ]
        handle = try CStrings.with(parameters.map(\.0)) { names in
            try CStrings.with(parameters.map(\.1)) { values in
                guard let handle = PQconnectdbParams(names, values, 1) else {
                    throw StoreError.unavailable("PostgreSQL: out of memory")
                }
                return handle
            }
        }
        guard PQstatus(handle) == CONNECTION_OK else {
            throw StoreError.unavailable("PostgreSQL: " + PostgresError.connectionMessage(handle))
        }
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        try configure(statementTimeout)
    }

    deinit { PQfinish(handle) }

    /// Whether the connection is of no more use.
    var isBroken: Bool { wasEnded || PQstatus(handle) != CONNECTION_OK }

    func query(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws { try run(sql).forEach(body) }

    func execute(_ sql: SQL) throws -> Int { try run(sql).changes }

    /// Begins a transaction; `mode` is what follows BEGIN.
    func begin(_ mode: String) throws {
        isConflict = false
        try command("BEGIN " + mode)
    }

    /// Begins a serialisable transaction and answers the id by which the server knows it for good.
    func beginWriting() throws -> String {
        isConflict = false
        var id = ""
        try command("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pg_current_xact_id()::text").forEach { id = try $0[0] }
        return id
    }

    /// Commits. A server answers the commit of a spoilt transaction with a rollback, without an error.
    func commit() throws {
        let answer = try command("COMMIT").command
        guard answer == "COMMIT" else { throw StoreError.statement("PostgreSQL answered COMMIT with \(answer)") }
    }

    /// Ends a transaction that changed nothing, without waiting for the answer: libpq drops it when the next
    /// statement is sent, and a connection that was lost meanwhile shows then.
    func endReading() { PQsendQuery(handle, "ROLLBACK") }

    /// Ends the open transaction, if there is one, without its changes. Answers whether the connection survived.
    func rollBack() -> Bool {
        guard !isBroken else { return false }
        guard PQtransactionStatus(handle) != PQTRANS_IDLE else { return true }
        return (try? command("ROLLBACK")) != nil
    }

    /// Runs statements without bound values, in one round trip; answers the last one's result.
    @discardableResult
    func command(_ text: String) throws -> PostgresResult { try check(PQexec(handle, text), text) }

    private func run(_ sql: SQL) throws -> PostgresResult {
        let translation = translate(sql.text)
        guard translation.marks == sql.values.count else {
            throw StoreError.statement("\(sql.values.count) values for \(translation.marks) marks in \(sql.text)")
        }
        let parameters = try PostgresParameters(sql.values)
        let count = Int32(clamping: sql.values.count)
        guard isWorthPreparing(sql.text) else {
            return try check(
                parameters.withPointers { PQexecParams(handle, translation.text, count, parameters.types, $0, $1, $2, 0) }, sql.text)
        }
        let name = try statement(translation.text, parameters.types)
        return try check(parameters.withPointers { PQexecPrepared(handle, name, count, $0, $1, $2, 0) }, sql.text)
    }

    /// Savepoints and definitions of tables have no plan to keep.
    private func isWorthPreparing(_ text: String) -> Bool {
        let verb = text.drop(while: \.isWhitespace).prefix(while: \.isLetter).uppercased()
        return ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES"].contains(verb)
    }

    /// The name of the prepared statement for a text and its values' types.
    private func statement(_ text: String, _ types: [UInt32]) throws -> String {
        let key = StatementKey(text: text, types: types)
        if let name = statements[key] { return name }
        prepared += 1
        let name = "altostack_\(prepared)"
        _ = try check(PQprepare(handle, name, text, Int32(clamping: types.count), types), text)
        for evicted in statements.insert(name, for: key) { try command("DEALLOCATE " + evicted) }
        return name
    }

    private func translate(_ text: String) -> (text: String, marks: Int) {
        if let translation = translations[text] { return translation }
        let translation = PostgresText.numbered(text)
        _ = translations.insert(translation, for: text)
        return translation
    }

    private func check(_ answer: OpaquePointer?, _ text: String) throws -> PostgresResult {
        let result = PostgresResult(answer)
        guard !result.isSuccess else { return result }
        let failure = result.failure(on: handle, in: text)
        if failure.isConflict { isConflict = true }
        if failure.isConnectionLost { wasEnded = true }
        throw failure.error
    }

    private func configure(_ statementTimeout: Duration) throws {
        guard PQserverVersion(handle) >= 130_000 else {
            throw StoreError.unavailable("PostgreSQL: version 13 or later is needed")
        }
        let encoding = PQparameterStatus(handle, "server_encoding").map { String(cString: $0) }
        guard encoding == "UTF8" else {
            throw StoreError.unavailable("PostgreSQL: the database's encoding must be UTF8, not \(encoding ?? "unknown")")
        }
        let limit = statementTimeout.milliseconds
        try command(
            """
            SET statement_timeout = \(limit); SET idle_in_transaction_session_timeout = \(limit);
            SET standard_conforming_strings = on; SET bytea_output = 'hex'; SET client_min_messages = warning;
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
            """)
    }
}

/// Arrays of C strings, ended by a null pointer.
enum CStrings {
    /// Calls `body` with the strings as C has them.
    static func with<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
    ) rethrows -> Result {
        let bytes = strings.map { Array($0.utf8CString) }
        let offsets = bytes.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        return try bytes.flatMap(\.self).withUnsafeBufferPointer { buffer in
            var pointers: [UnsafePointer<CChar>?] = offsets.dropLast().map { offset in
                buffer.baseAddress.map { $0 + offset }
            }
            pointers.append(nil)
            return try pointers.withUnsafeBufferPointer { list in
                // Never empty: there is at least the null pointer that ends it.
                guard let base = list.baseAddress else { preconditionFailure("an array of one element has an address") }
                return try body(base)
            }
        }
    }
}
