import CSQLite

/// Why SQLite refused something, told apart by its result code.
enum SQLiteError {
    /// The error of a code and the message that went with it. `text` is the statement's, which holds no values.
    static func make(_ code: Int32, _ message: String, in text: String = "") -> StoreError {
        switch (code & 0xff, code) {
        case (SQLITE_CONSTRAINT, let extended): constraint(extended, message)
        case (SQLITE_ERROR, _), (SQLITE_MISUSE, _), (SQLITE_RANGE, _), (SQLITE_MISMATCH, _), (SQLITE_TOOBIG, _):
            .statement(text.isEmpty ? message : "\(message), in \(text)")
        default: .unavailable("SQLite: \(message) (\(code))")
        }
    }

    private static func constraint(_ code: Int32, _ message: String) -> StoreError {
        // "UNIQUE constraint failed: projects.domain_id, projects.name": what follows the colon is the detail.
        let detail = message.firstRange(of: ": ").map { String(message[$0.upperBound...]) } ?? ""
        return switch code {
        case foreignKey: .constraint(.foreignKey, detail: detail)
        case notNull: .constraint(.notNull, detail: detail)
        case unique, primaryKey, rowID: .constraint(.unique, detail: detail)
        default: .constraint(.check, detail: detail)
        }
    }

    // Extended codes are macros of macros, which Swift does not import: SQLITE_CONSTRAINT | (n << 8).
    private static let foreignKey = SQLITE_CONSTRAINT | (3 << 8)
    private static let notNull = SQLITE_CONSTRAINT | (5 << 8)
    private static let primaryKey = SQLITE_CONSTRAINT | (6 << 8)
    private static let unique = SQLITE_CONSTRAINT | (8 << 8)
    private static let rowID = SQLITE_CONSTRAINT | (10 << 8)
}
