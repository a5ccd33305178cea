import CloudCore
import CloudStore

/// The columns a list can be filtered by.
struct FilterColumns {
    /// What a column holds, which decides how a filter's text is read.
    enum Kind { case text, flag }

    let columns: [String: (sql: SQL, kind: Kind)]

    init(_ columns: [String: (SQL, Kind)]) { self.columns = columns.mapValues { (sql: $0.0, kind: $0.1) } }

    /// The names a query string may use.
    var names: Set<String> { Set(columns.keys) }

    /// Whether an attribute is a truth value.
    func isFlag(_ name: String) -> Bool { columns[name].map { $0.kind == .flag } ?? false }

    /// The conditions of a query, without its page.
    func conditions(_ query: ListQuery) -> [SQL] {
        query.filters.compactMap { filter in columns[filter.attribute].map { condition(filter, $0.sql, $0.kind) } }
    }

    private func condition(_ filter: ListQuery.Filter, _ column: SQL, _ kind: Kind) -> SQL {
        guard kind == .text else { return "\(column) = \(ListQuery.truth(filter.value))" }
        let (column, value): (SQL, String) = filter.ignoresCase ? ("lower(\(column))", filter.value.lowercased()) : (column, filter.value)
        // PostgreSQL's substr takes no 64-bit numbers, which bound ones are.
        let length: SQL = "CAST(\(value.unicodeScalars.count) AS INTEGER)"
        // These forms compare the same way in both databases, and need no escaping as LIKE would.
        switch filter.comparison {
        case .equals: return "\(column) = \(value)"
        case .contains: return value.isEmpty ? "1 = 1" : "replace(\(column), \(value), '') <> \(column)"
        case .startswith: return "substr(\(column), 1, \(length)) = \(value)"
        case .endswith: return "substr(\(column), length(\(column)) - \(length) + 1) = \(value)"
        }
    }
}

extension ListQuery {
    /// The conditions joined, the page's among them: lists are ordered by id.
    func whereClause(_ columns: FilterColumns, id: SQL, and more: [SQL] = []) -> SQL {
        var conditions = columns.conditions(self) + more
        if let marker { conditions.append("\(id) > \(marker)") }
        return conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
    }

    /// Checks that the element exists after which the page starts.
    /// - Throws: `IdentityError.missing`.
    func checkMarker(_ table: SQL, _ reader: any Reader) throws {
        guard let marker else { return }
        guard try reader.scalar("SELECT 1 FROM \(table) WHERE id = \(marker)", as: Int.self) != nil else {
            throw IdentityError.missing("Marker \(marker) could not be found.")
        }
    }

    /// The order and the size of the page.
    func pageClause(id: SQL) -> SQL {
        " ORDER BY \(id)" + (limit.map { " LIMIT \($0)" } ?? "")
    }

    /// A page of what was found.
    func page<Element>(_ elements: [Element]) -> Page<Element> {
        Page(elements: elements, isFull: limit.map { elements.count >= $0 } ?? false)
    }
}

extension JSON {
    /// The members of an object; none for other values.
    var members: JSONObject { object ?? [:] }
}
