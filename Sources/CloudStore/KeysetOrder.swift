/// The order of a list whose pages go on behind the last row of the page before (keyset pagination): rows that come or
/// go meanwhile shift nothing. The order is total when its last column is a key.
public struct KeysetOrder: Sendable, Hashable {
    /// What sorts, and which way.
    public struct Column: Sendable, Hashable {
        /// The expression; it must not be NULL, which compares with nothing.
        public let expression: SQL
        /// Whether small values come first.
        public let isAscending: Bool

        /// A column of an order.
        public init(_ expression: SQL, isAscending: Bool) { (self.expression, self.isAscending) = (expression, isAscending) }
    }

    /// The columns, the most significant first.
    public let columns: [Column]

    /// An order.
    public init(_ columns: [Column]) { self.columns = columns }

    /// What stands behind `ORDER BY`.
    public var terms: SQL {
        columns.map { column -> SQL in "\(column.expression) \(column.isAscending ? "ASC" as SQL : "DESC")" }.joined(separator: ", ")
    }

    /// Whether a row comes behind another: it is equal to it in the first columns and behind it in the next.
    /// - Parameter values: what the columns' expressions are for that other row, one for each column.
    public func behind(_ values: [SQLValue]) -> SQL {
        precondition(values.count == columns.count, "a row has one value for each column of its order")
        let cases = columns.indices.map { position -> SQL in
            var parts = (0..<position).map { index -> SQL in "\(columns[index].expression) = \(values[index])" }
            let comparison: SQL = columns[position].isAscending ? ">" : "<"
            parts.append("\(columns[position].expression) \(comparison) \(values[position])")
            return "(\(parts.joined(separator: " AND ")))"
        }
        return "(\(cases.joined(separator: " OR ")))"
    }
}
