import CLibPQ

/// Why PostgreSQL refused a statement, told apart by SQLSTATE (PostgreSQL's manual, appendix A).
struct PostgresError {
    /// What the program is told.
    let error: StoreError
    /// Whether the transaction may succeed when it is run again.
    let isConflict: Bool
    /// Whether the connection is of no more use: the server has ended it, or a newer program has changed the
    /// tables below its prepared statements.
    let isConnectionLost: Bool

    /// The error of a failed result. `text` is the statement's, which holds no values.
    init(_ result: OpaquePointer?, connection: OpaquePointer, in text: String) {
        let state = Self.field(altostack_pq_sqlstate(result))
        let message = Self.field(altostack_pq_message(result))
        isConflict = ["40001", "40P01"].contains(state)
        isConnectionLost =
            state.hasPrefix("08") && state != "08P01" || ["57P01", "57P02", "57P03"].contains(state)
            || state == "0A000" && message.contains("cached plan")
        error =
            switch state {
            case "": .unavailable("PostgreSQL: " + Self.connectionMessage(connection))
            case "23505", "23P01": .constraint(.unique, detail: Self.columns(result))
            case "23503", "23001": .constraint(.foreignKey, detail: Self.field(altostack_pq_constraint(result)))
            case "23502": .constraint(.notNull, detail: Self.column(result))
            case let state where state.hasPrefix("23"):
                .constraint(.check, detail: Self.field(altostack_pq_constraint(result)))
            case "40001", "40P01": .overloaded
            case let state where ["08", "53", "57", "55", "58"].contains(state.prefix(2)):
                .unavailable("PostgreSQL: \(message) (\(state))")
            default: .statement("\(message) (\(state)), in \(text)")
            }
    }

    /// What libpq last said about a connection, on one line. It names hosts and users but never a password.
    static func connectionMessage(_ connection: OpaquePointer?) -> String {
        field(PQerrorMessage(connection)).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    /// The columns of a broken key as SQLite writes them: `projects.domain_id, projects.name`.
    private static func columns(_ result: OpaquePointer?) -> String {
        // The detail is "Key (domain_id, name)=(…, …) already exists."; the values in it are none of ours to show.
        let table = field(altostack_pq_table(result))
        let detail = field(altostack_pq_detail(result))
        guard let start = detail.firstIndex(of: "("), let end = detail.firstRange(of: ")=(")?.lowerBound, start < end else {
            return field(altostack_pq_constraint(result))
        }
        return detail[detail.index(after: start)..<end].split(separator: ", ").map { "\(table).\($0)" }
            .joined(separator: ", ")
    }

    private static func column(_ result: OpaquePointer?) -> String {
        field(altostack_pq_table(result)) + "." + field(altostack_pq_column(result))
    }

    private static func field(_ text: UnsafePointer<CChar>?) -> String { text.map { String(cString: $0) } ?? "" }
}
