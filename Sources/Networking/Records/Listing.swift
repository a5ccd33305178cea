import CloudCore
import CloudStore

/// How a kind of resource is listed: its table and the attributes that can be filtered and sorted by.
struct Listing: Sendable {
    /// An attribute that a query can name.
    struct Attribute: Sendable {
        /// How a filter's text becomes a value.
        enum Kind: Sendable { case text, boolean, integer }

        /// Builds the condition for the values of a filter, which is nil for a value the attribute cannot have; nil when it
        /// cannot be filtered by. The project is the caller's: what is shared depends on it.
        let condition: (@Sendable (_ values: [String], _ project: String?) -> SQL?)?
        /// What to sort by, for the caller's project; nil when it cannot be sorted by.
        let order: (@Sendable (_ project: String?) -> SQL)?

        /// An attribute that is a column.
        static func column(_ column: SQL, _ kind: Kind = .text, isSorted: Bool = true) -> Attribute {
            let missing: SQL = kind == .text ? "''" : "-1"
            return Attribute(order: isSorted ? "COALESCE(\(column), \(missing))" : nil) { values, _ in
                Listing.condition(column, kind, values)
            }
        }

        /// An attribute with a condition of its own.
        static func custom(order: SQL? = nil, _ condition: @escaping @Sendable ([String]) -> SQL?) -> Attribute {
            Attribute(order: order) { values, _ in condition(values) }
        }

        /// An attribute that lists can be sorted by and not filtered by.
        static func sorted(by order: SQL) -> Attribute { Attribute(order: { _ in order }, condition: nil) }

        init(order: SQL?, condition: @escaping @Sendable (_ values: [String], _ project: String?) -> SQL?) {
            self.init(order: order.map { order in { @Sendable _ in order } }, condition: condition)
        }

        init(
            order: (@Sendable (_ project: String?) -> SQL)?,
            condition: (@Sendable (_ values: [String], _ project: String?) -> SQL?)?
        ) {
            (self.order, self.condition) = (order, condition)
        }
    }

    /// The table.
    let table: SQL
    /// The attributes by their names in the API.
    let attributes: [String: Attribute]

    /// Whether `changed_since` finds rows by when they were last changed.
    let isTimed: Bool
    /// Whether the resources have tags.
    let isTagged: Bool

    /// The attributes of every resource that lists can be filtered by: id, name, project and the standard ones.
    static let standard: [String: Attribute] = [
        "id": .column("id"), "name": .column("name"), "project_id": .column("project_id"), "tenant_id": .column("project_id"),
        "description": .column("description", isSorted: false),
        "revision_number": .column("revision_number", .integer, isSorted: false),
    ]

    /// - Parameter absent: the standard attributes that the resources don't have, `updated_at` among them.
    init(_ table: SQL, _ attributes: [String: Attribute], without absent: Set<String> = [], isTagged: Bool = false) {
        (self.table, self.isTagged, isTimed) = (table, isTagged, !absent.contains("updated_at"))
        self.attributes = Listing.standard.filter { !absent.contains($0.key) }.merging(attributes) { $1 }
    }

    private static func condition(_ column: SQL, _ kind: Attribute.Kind, _ texts: [String]) -> SQL? {
        switch kind {
        case .text where texts == ["null"] || texts == ["None"]:
            return "(\(column) IS NULL OR \(column) = \(texts[0]))"
        case .text: return "\(column) IN \(in: texts)"
        case .boolean:
            let values = texts.compactMap(LenientBoolean.init).map(\.value)
            return values.count == texts.count ? "\(column) IN \(in: values)" : nil
        case .integer:
            let values = texts.compactMap { Int($0) }
            return values.count == texts.count ? "\(column) IN \(in: values)" : nil
        }
    }

    /// The rows of a page: the conditions, the order and the limit behind `SELECT … FROM table`.
    /// - Throws: `NetworkingError` for a filter value that the attribute cannot have.
    func page(_ request: ListRequest, visibility: SQL?) throws -> SQL {
        var conditions = try request.filters.map { try condition($0, request.project) }
        conditions += tagConditions(request.tags)
        if let moment = request.changedSince { conditions.append("updated_at >= \(moment)") }
        if let visibility { conditions.append("(\(visibility))") }
        if let marker = request.marker { conditions.append("(\(after(marker, request)))") }
        var sql: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        sql += " ORDER BY \(order(request).map { $0.isAscending ? $0.column : "\($0.column) DESC" }.joined(separator: ", "))"
        if let limit = request.limit { sql += " LIMIT \(limit)" }
        return sql
    }

    private func condition(_ filter: ListRequest.Filter, _ project: String?) throws -> SQL {
        guard let build = attributes[filter.attribute]?.condition else {
            throw NetworkingError.badBody("\(filter.attribute) is invalid attribute for filtering")
        }
        guard let condition = build(filter.values, project) else {
            throw NetworkingError.invalidInput("\(filter.attribute) cannot be \(filter.values.joined(separator: ", "))")
        }
        return condition
    }

    private func order(_ request: ListRequest) -> [(column: SQL, isAscending: Bool)] {
        var keys = request.sorts.compactMap { sort in
            attributes[sort.attribute]?.order.map {
                (column: $0(request.project), isAscending: sort.isAscending != request.isReversed)
            }
        }
        if !request.sorts.contains(where: { $0.attribute == "id" }) { keys.append(("id", !request.isReversed)) }
        return keys
    }

    /// The rows behind the marker: greater in the first key, or equal in it and greater in the next, and so on.
    private func after(_ marker: String, _ request: ListRequest) -> SQL {
        var alternatives: [SQL] = []
        var equal: [SQL] = []
        for key in order(request) {
            let value: SQL = "(SELECT \(key.column) FROM \(table) WHERE id = \(marker))"
            let comparison: SQL = key.isAscending ? "\(key.column) > \(value)" : "\(key.column) < \(value)"
            alternatives.append("(\((equal + [comparison]).joined(separator: " AND ")))")
            equal.append("\(key.column) = \(value)")
        }
        return alternatives.joined(separator: " OR ")
    }

    private func tagConditions(_ tags: TagFilter) -> [SQL] {
        guard !tags.isEmpty else { return [] }
        func count(_ names: [String]) -> SQL {
            "(SELECT COUNT(*) FROM network_tags WHERE resource_id = id AND tag IN \(in: names))"
        }
        var conditions: [SQL] = []
        if !tags.all.isEmpty { conditions.append("\(count(tags.all)) = \(Set(tags.all).count)") }
        if !tags.any.isEmpty { conditions.append("\(count(tags.any)) > 0") }
        if !tags.notAll.isEmpty { conditions.append("\(count(tags.notAll)) < \(Set(tags.notAll).count)") }
        if !tags.notAny.isEmpty { conditions.append("\(count(tags.notAny)) = 0") }
        return conditions
    }
}

extension Reader {
    /// One page of a listing.
    func page<Element>(
        _ columns: SQL, _ listing: Listing, _ request: ListRequest, visibility: SQL?, _ map: (borrowing Row) throws -> Element
    ) throws -> [Element] {
        if let marker = request.marker {
            guard try exists("SELECT 1 FROM \(listing.table) WHERE id = \(marker)") else {
                throw NetworkingError(.notFound, "HTTPNotFound", "The marker \(marker) could not be found.")
            }
        }
        let rows = try all(
            "SELECT \(columns) FROM \(listing.table)\(try listing.page(request, visibility: visibility))", map)
        return request.isReversed ? rows.reversed() : rows
    }
}
