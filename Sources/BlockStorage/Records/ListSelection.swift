import CloudAPI
import CloudCore
import CloudStore

/// A table as lists see it: its name, and what it can be sorted by, under the API's names; expressions that are never NULL.
struct ListTable: Sendable {
    let name: SQL
    let keys: [String: SQL]

    init(_ name: SQL, keys: [String: SQL]) { (self.name, self.keys) = (name, keys) }
}

/// Which rows a list holds: conditions on the table's columns, and the page.
struct ListSelection: Sendable {
    var conditions: [SQL] = []
    let page: PageRequest
    var offset = 0
    /// How the marker's resource is missed, for the fault.
    var missing: @Sendable (String) -> BlockStorageError = { .notFound("Marker \($0) could not be found.") }

    /// The conditions alone.
    var filter: SQL { conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))" }

    /// Conditions, order, limit and offset.
    /// - Throws: 404 when there is no row with the marker's id.
    func clause(_ table: ListTable, in reader: any Reader) throws -> SQL {
        let columns = page.sort.compactMap { sort in
            table.keys[sort.name].map { KeysetOrder.Column($0, isAscending: sort.direction == .ascending) }
        }
        let order = KeysetOrder(columns)
        var conditions = conditions
        if let marker = page.marker {
            let expressions = columns.map(\.expression).joined(separator: ", ")
            let values = try reader.first("SELECT \(expressions) FROM \(table.name) WHERE id = \(marker)") { row in
                try columns.indices.map { position -> SQLValue in try row[position] }
            }
            guard let values else { throw missing(marker) }
            conditions.append(order.behind(values))
        }
        let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        return "\(filter) ORDER BY \(order.terms) LIMIT \(page.limit) OFFSET \(offset)"
    }

    /// A condition for a column that holds text, equal to a value or, for the filters with a tilde, containing it.
    static func match(_ column: SQL, _ filter: ListFilter) -> SQL {
        guard filter.isInexact else { return "\(column) = \(filter.value)" }
        return "\(column) LIKE \("%" + escaped(filter.value) + "%") ESCAPE '!'"
    }

    /// A condition for a column that holds an object of texts as JSON: it has each of the members.
    static func holds(_ column: SQL, _ members: [String: String]) -> [SQL] {
        members.map { member in
            let text = JSON([member.key: member.value]).text.dropFirst().dropLast()
            return "\(column) LIKE \("%" + escaped(String(text)) + "%") ESCAPE '!'"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if "!%_".contains(character) { result.append("!") }
            result.append(character)
        }
    }
}
