import CLibPQ

/// What a statement answered, whole, in libpq's memory.
final class PostgresResult {
    private let handle: OpaquePointer?

    init(_ handle: OpaquePointer?) { self.handle = handle }

    deinit { PQclear(handle) }

    /// Whether the statement succeeded.
    var isSuccess: Bool {
        switch PQresultStatus(handle) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: true
        default: false
        }
    }

    /// Why it did not.
    func failure(on connection: OpaquePointer, in text: String) -> PostgresError {
        PostgresError(handle, connection: connection, in: text)
    }

    /// The command it was, as the server confirms it, such as `COMMIT`.
    var command: String { String(cString: PQcmdStatus(handle)) }

    /// How many rows were changed; zero for a query.
    var changes: Int {
        command.hasPrefix("SELECT") ? 0 : Int(String(cString: PQcmdTuples(handle))) ?? 0
    }

    /// Calls `body` for each row.
    func forEach(_ body: (borrowing Row) throws -> Void) rethrows {
        let cursor = Cursor(result: self)
        let row = Row { cursor.result.value(row: cursor.row, column: Int32($0)) }
        for number in 0..<PQntuples(handle) {
            cursor.row = number
            try body(row)
        }
    }

    private final class Cursor {
        let result: PostgresResult
        var row: Int32 = 0

        init(result: PostgresResult) { self.result = result }
    }

    private func value(row: Int32, column: Int32) -> SQLValue {
        guard PQgetisnull(handle, row, column) == 0, let start = PQgetvalue(handle, row, column) else { return .null }
        let count = Int(PQgetlength(handle, row, column))
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        switch PQftype(handle, column) {
        case PostgresType.bigint, PostgresType.integer, PostgresType.smallint, PostgresType.oid:
            return Int(String(decoding: bytes, as: UTF8.self)).map { .integer($0) } ?? .null
        case PostgresType.bool: return .integer(bytes.first == UInt8(ascii: "t") ? 1 : 0)
        case PostgresType.double, PostgresType.real: return Self.real(bytes)
        // What SUM makes of BIGINT; SQLite answers an integer there.
        case PostgresType.numeric:
            return Int(String(decoding: bytes, as: UTF8.self)).map { .integer($0) } ?? Self.real(bytes)
        case PostgresType.bytea: return .blob(Self.unescape(bytes))
        default: return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func real(_ bytes: UnsafeRawBufferPointer) -> SQLValue {
        Double(String(decoding: bytes, as: UTF8.self)).map { .real($0) } ?? .null
    }

    /// A bytea's text: `\x` and two hexadecimal digits a byte.
    private static func unescape(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        func nibble(_ digit: UInt8) -> UInt8 { digit <= UInt8(ascii: "9") ? digit &- UInt8(ascii: "0") : digit &- 87 }
        return stride(from: 2, to: text.count - 1, by: 2).map { nibble(text[$0]) << 4 | nibble(text[$0 + 1]) }
    }
}
