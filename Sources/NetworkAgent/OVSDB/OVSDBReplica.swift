import CloudCore

/// Where a row is.
struct OVSDBRowAddress: Sendable, Hashable, Comparable {
    var table: String
    var uuid: String

    static func < (left: OVSDBRowAddress, right: OVSDBRowAddress) -> Bool {
        (left.table, left.uuid) < (right.table, right.uuid)
    }
}

/// A copy of the wanted tables of a database, kept by the server's updates. A value: whoever holds one sees one moment.
struct OVSDBReplica: Sendable {
    private let schema: OVSDBSchema
    /// The wanted columns by table.
    private let wanted: [String: [String]]
    /// The rows by table and identifier.
    private(set) var tables: [String: [String: OVSDBRow]]
    /// The `external_ids` key by whose value rows are found fast, if any.
    private let indexKey: String?
    private var index: [String: Set<OVSDBRowAddress>] = [:]

    /// An empty copy.
    /// - Throws: `OVSDBError.unknownColumn` if the database lacks what is wanted.
    init(schema: OVSDBSchema, wanted: [String: [String]], indexKey: String? = nil) throws(OVSDBError) {
        for (table, columns) in wanted {
            for column in columns where schema.tables[table]?[column] == nil {
                throw .unknownColumn(table: table, column: column)
            }
        }
        (self.schema, self.wanted, self.indexKey) = (schema, wanted, indexKey)
        tables = wanted.mapValues { _ in [:] }
    }

    /// The rows of a table by identifier.
    subscript(table: String) -> [String: OVSDBRow] { tables[table] ?? [:] }

    /// A row.
    subscript(address: OVSDBRowAddress) -> OVSDBRow? { tables[address.table]?[address.uuid] }

    /// The rows whose `external_ids` hold a value under the index's key.
    func rows(indexed value: String) -> Set<OVSDBRowAddress> { index[value] ?? [] }

    /// Every value under the index's key.
    var indexedValues: Dictionary<String, Set<OVSDBRowAddress>>.Keys { index.keys }

    /// The default of a column, which the server leaves out of new rows.
    func defaultValue(table: String, column: String) -> OVSDBValue {
        schema.tables[table]?[column]?.defaultValue ?? .none
    }

    /// Applies the `<table-updates2>` of an `update2` or of the answer to `monitor_cond` (ovsdb-server(7), 4.1.14).
    mutating func apply(_ updates: JSON) throws(OVSDBError) {
        guard let updates = updates.object else { throw .malformed("table updates are no object") }
        for (table, rows) in updates {
            guard wanted[table] != nil, let rows = rows.object else { throw .malformed("update of table \(table)") }
            for (uuid, change) in rows {
                try apply(change, to: OVSDBRowAddress(table: table, uuid: uuid))
            }
        }
    }

    private mutating func apply(_ change: JSON, to address: OVSDBRowAddress) throws(OVSDBError) {
        if let columns = change["initial"] ?? change["insert"] {
            var row: OVSDBRow = [:]
            for column in wanted[address.table] ?? [] { row[column] = defaultValue(table: address.table, column: column) }
            for (column, value) in columns.object ?? [:] { row[column] = try decode(value) }
            replace(address, by: row)
        } else if let columns = change["modify"] {
            guard var row = self[address] else { throw .malformed("change of unknown row \(address.uuid)") }
            for (column, value) in columns.object ?? [:] {
                let difference = try decode(value)
                row[column] = merged(row[column], difference, isSingle: schema.tables[address.table]?[column]?.isSingle ?? true)
            }
            replace(address, by: row)
        } else if change["delete"] != nil {
            replace(address, by: nil)
        } else {
            throw .malformed("row change of an unknown kind")
        }
    }

    private func decode(_ value: JSON) throws(OVSDBError) -> OVSDBValue {
        guard let value = OVSDBValue(json: value) else { throw .malformed("value \(value.text.prefix(100))") }
        return value
    }

    /// A column after a difference: elements of a set are toggled; keys of a map are set, or removed where the pair is
    /// the one already there; a single value is replaced.
    private func merged(_ old: OVSDBValue?, _ difference: OVSDBValue, isSingle: Bool) -> OVSDBValue {
        guard !isSingle, let old else { return difference }
        switch (old, difference) {
        case (.set(let atoms), .set(let toggled)): return .set(atoms.symmetricDifference(toggled))
        case (.map(var map), .map(let changed)):
            for (key, value) in changed { map[key] = map[key] == value ? nil : value }
            return .map(map)
        default: return difference
        }
    }

    private mutating func replace(_ address: OVSDBRowAddress, by row: OVSDBRow?) {
        let before = indexValue(of: self[address])
        let after = indexValue(of: row)
        tables[address.table]?[address.uuid] = row
        guard before != after else { return }
        if let before {
            index[before]?.remove(address)
            if index[before]?.isEmpty == true { index[before] = nil }
        }
        if let after { index[after, default: []].insert(address) }
    }

    private func indexValue(of row: OVSDBRow?) -> String? {
        guard let indexKey, case .map(let map)? = row?["external_ids"], case .string(let value)? = map[.string(indexKey)]
        else { return nil }
        return value
    }
}
