import CloudCore

/// What the replica must know of a database's schema (RFC 7047, section 3): how a column's changes are told, and the
/// value of columns that the server leaves out.
struct OVSDBSchema: Sendable, Equatable {
    struct Column: Sendable, Equatable {
        /// At most one element, so that a change is told as the new value rather than as what was toggled.
        var isSingle: Bool
        /// The value of a column of a new row that was not set.
        var defaultValue: OVSDBValue
    }

    /// The columns by table and name.
    var tables: [String: [String: Column]]

    /// A schema from the answer to `get_schema`.
    init(json: JSON) throws(OVSDBError) {
        guard let described = json["tables"]?.object else { throw .malformed("the schema has no tables") }
        tables = [:]
        for (table, description) in described {
            var columns: [String: Column] = [:]
            for (name, column) in description["columns"]?.object ?? [:] {
                guard let type = column["type"] else { throw .malformed("column \(table).\(name) has no type") }
                columns[name] = Column(type: type)
            }
            tables[table] = columns
        }
    }

    init(tables: [String: [String: Column]]) { self.tables = tables }
}

extension OVSDBSchema.Column {
    /// A column from its `<type>`: a name, or an object with key, value, min and max.
    init(type: JSON) {
        let isMap = type["value"] != nil
        let maximum = type["max"]?.int ?? (type["max"] == nil ? 1 : Int.max)
        isSingle = maximum <= 1 && !isMap
        if isMap {
            defaultValue = .map([:])
        } else if type["min"]?.int == 0 {
            defaultValue = .none
        } else {
            let key = type.string ?? type["key"]?.string ?? type["key"]?["type"]?.string ?? "string"
            defaultValue = .set([Self.defaultAtom(of: key)])
        }
    }

    private static func defaultAtom(of type: String) -> OVSDBAtom {
        switch type {
        case "integer": .integer(0)
        case "real": .real(0)
        case "boolean": .boolean(false)
        case "uuid": .uuid("00000000-0000-0000-0000-000000000000")
        default: .string("")
        }
    }
}
