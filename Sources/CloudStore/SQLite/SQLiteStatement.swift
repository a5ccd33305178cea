import CSQLite
import Foundation

/// A prepared statement. It belongs to its connection's thread.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let text: String
    private let parameters: Int
    private let changesRows: Bool
    /// Whether its rows are being read; a second use of the same text then needs another statement.
    private(set) var isBusy = false

    /// Compiles a text.
    /// - Throws: `statement` when it is not exactly one valid statement.
    init(_ text: String, on database: OpaquePointer) throws {
        var handle: OpaquePointer?
        let (code, hasMore) = text.withCString { start -> (Int32, Bool) in
            var tail: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(database, start, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, &tail)
            return (code, tail.map { !String(cString: $0).allSatisfy { $0.isWhitespace || $0 == ";" } } ?? false)
        }
        guard code == SQLITE_OK, let handle else {
            throw SQLiteError.make(
                code == SQLITE_OK ? SQLITE_ERROR : code, String(cString: sqlite3_errmsg(database)), in: text)
        }
        guard !hasMore else {
            sqlite3_finalize(handle)
            throw StoreError.statement("more than one statement in \(text)")
        }
        (self.handle, self.text) = (handle, text)
        parameters = Int(sqlite3_bind_parameter_count(handle))
        // Other statements leave the connection's count of changed rows as the last of these set it.
        let verb = text.drop(while: \.isWhitespace).prefix(while: \.isLetter).uppercased()
        changesRows = ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].contains(verb) && sqlite3_stmt_readonly(handle) == 0
    }

    deinit { sqlite3_finalize(handle) }

    /// Runs the statement, calling `body` for each row, and answers how many rows it changed.
    func run(_ values: [SQLValue], _ body: (borrowing Row) throws -> Void) throws -> Int {
        guard values.count == parameters else {
            throw StoreError.statement("\(values.count) values for \(parameters) marks in \(text)")
        }
        isBusy = true
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
            isBusy = false
        }
        for (position, value) in values.enumerated() { try bind(value, at: Int32(position + 1)) }
        let row = Row { [handle] column in Self.value(of: handle, at: Int32(column)) }
        while true {
            switch sqlite3_step(handle) {
            case SQLITE_ROW: try body(row)
            case SQLITE_DONE: return changesRows ? Int(sqlite3_changes64(sqlite3_db_handle(handle))) : 0
            default: throw failure()
            }
        }
    }

    private func failure() -> StoreError {
        let database = sqlite3_db_handle(handle)
        return SQLiteError.make(sqlite3_extended_errcode(database), String(cString: sqlite3_errmsg(database)), in: text)
    }

    private func bind(_ value: SQLValue, at position: Int32) throws {
        let code =
            switch value {
            case .null: sqlite3_bind_null(handle, position)
            case .integer(let number): sqlite3_bind_int64(handle, position, Int64(number))
            case .real(let number): sqlite3_bind_double(handle, position, number)
            case .text(let text): try bind(text, at: position)
            case .blob(let bytes): bind(bytes, at: position)
            }
        guard code == SQLITE_OK else { throw failure() }
    }

    private func bind(_ text: String, at position: Int32) throws -> Int32 {
        var text = text
        return try text.withUTF8 { bytes in
            try PortableText.check(bytes)
            let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            return "".withCString { empty in
                altostack_sqlite_bind_text(handle, position, start ?? empty, UInt64(bytes.count))
            }
        }
    }

    private func bind(_ bytes: [UInt8], at position: Int32) -> Int32 {
        // A null pointer would bind NULL.
        guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, position, 0) }
        return bytes.withUnsafeBytes { altostack_sqlite_bind_blob(handle, position, $0.baseAddress, UInt64($0.count)) }
    }

    private static func value(of handle: OpaquePointer, at column: Int32) -> SQLValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .integer(Int(sqlite3_column_int64(handle, column)))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
        case SQLITE_TEXT:
            guard let start = sqlite3_column_text(handle, column) else { return .text("") }
            let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
            return .text(String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            guard let start = sqlite3_column_blob(handle, column) else { return .blob([]) }
            return .blob([UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))))
        default: return .null
        }
    }
}
