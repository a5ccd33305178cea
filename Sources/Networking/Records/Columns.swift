import CloudCore
import CloudStore
import NetworkMessages

// How the nouns' parts are stored.
extension NetworkType: SQLConvertible {}
extension IPv6Mode: SQLConvertible {}
extension PortStatus: SQLConvertible {}
extension LogicalRule.Direction: SQLConvertible {}
extension LogicalRule.EtherType: SQLConvertible {}

extension CIDR: SQLConvertible {
    var sqlValue: SQLValue { .text(description) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        self.init(text)
    }
}

extension IPAddress: SQLConvertible {
    var sqlValue: SQLValue { .text(description) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        self.init(text)
    }
}

/// A list kept as JSON in one column: parts that are read and written as a whole and never searched by.
struct StoredList<Element: StoredElement>: SQLConvertible {
    let elements: [Element]

    init(_ elements: [Element]) { self.elements = elements }

    var sqlValue: SQLValue { .text(elements.isEmpty ? "[]" : JSON.array(elements.map(\.json)).text) }

    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        // Most lists are empty: spare them the parser.
        guard text != "[]" else {
            elements = []
            return
        }
        guard let values = (try? JSON(parsing: text))?.array else { return nil }
        let decoded = values.compactMap(Element.init(json:))
        guard decoded.count == values.count else { return nil }
        elements = decoded
    }
}

/// What a stored list can hold.
protocol StoredElement: Sendable {
    var json: JSON { get }
    init?(json: JSON)
}

extension String: StoredElement {
    var json: JSON { .string(self) }
    init?(json: JSON) {
        guard let text = json.string else { return nil }
        self = text
    }
}

extension Route: StoredElement {
    var json: JSON { ["destination": .string(destination), "nexthop": .string(nexthop)] }
    init?(json: JSON) {
        guard let destination = json["destination"]?.string, let nexthop = json["nexthop"]?.string else { return nil }
        self.init(destination: destination, nexthop: nexthop)
    }
}

extension AddressPair: StoredElement {
    var json: JSON { ["mac_address": .string(mac), "ip_address": .string(address)] }
    init?(json: JSON) {
        guard let mac = json["mac_address"]?.string, let address = json["ip_address"]?.string else { return nil }
        self.init(mac: mac, address: address)
    }
}

extension DHCPOption: StoredElement {
    var json: JSON {
        ["opt_name": .string(name), "opt_value": value.map { .string($0) } ?? .null, "ip_version": .int(ipVersion)]
    }
    init?(json: JSON) {
        guard let name = json["opt_name"]?.string, let version = json["ip_version"]?.int else { return nil }
        self.init(name: name, value: json["opt_value"]?.string, ipVersion: version)
    }
}

extension AddressRange: StoredElement {
    var json: JSON { ["start": .string(first.description), "end": .string(last.description)] }
    init?(json: JSON) {
        guard let start = json["start"]?.string.flatMap({ IPAddress($0) }), let end = json["end"]?.string.flatMap({ IPAddress($0) })
        else { return nil }
        self.init(start, end)
    }
}

extension StandardAttributes {
    /// The standard columns, last in every resource's select: description, created_at, updated_at, revision_number.
    init(_ row: borrowing Row, at column: Int) throws {
        self.init(
            description: try row[column], createdAt: try row[column + 1], updatedAt: try row[column + 2],
            revision: try row[column + 3])
    }

    /// The attributes after one more change.
    func changed(at moment: Timestamp = .now) -> StandardAttributes {
        StandardAttributes(description: description, createdAt: createdAt, updatedAt: moment, revision: revision + 1)
    }
}

/// Splits ids into lists of few different lengths, so that the databases see few different statements: the last id
/// fills a list up.
func batches(_ ids: [String]) -> [[String]] {
    var batches: [[String]] = []
    var rest = ids[...]
    while let last = rest.last {
        let size = [1, 16, 128].first { rest.count <= $0 } ?? 1024
        let head = rest.prefix(size)
        batches.append(Array(head) + Array(repeating: last, count: size - head.count))
        rest = rest.dropFirst(size)
    }
    return batches
}

/// The rows of one kind that rows of another belong to.
enum RowSelection {
    /// Those with these ids.
    case ids([String])
    /// Those whose ids a query finds, as `selected_id`: where they are many, that is cheaper than to bind each id.
    case query(SQL)

    /// What stands behind `FROM` for a table's rows whose column has a selected id, once for each batch. What a query finds is
    /// joined in this order, where `IN` would have SQLite sort all ids first.
    fileprivate func rows(of table: SQL, by column: SQL) -> [SQL] {
        switch self {
        case .ids(let ids): batches(ids).map { "\(table) WHERE \(column) IN \(in: $0)" }
        case .query(let sql): ["(\(sql)) selected CROSS JOIN \(table) WHERE \(column) = selected_id"]
        }
    }
}

extension Reader {
    /// Runs a query for a table's rows that belong to others by a column, with what stands behind `FROM`, and groups its rows by
    /// what the mapping answers first. It is inlined, so that the dictionary's types are known.
    @inline(__always) func grouped<Key: Hashable, Value>(
        _ rows: RowSelection, of table: SQL, by column: SQL, _ sql: (SQL) -> SQL, _ map: (borrowing Row) throws -> (Key, Value)
    ) throws -> [Key: [Value]] {
        var groups: [Key: [Value]] = [:]
        for source in rows.rows(of: table, by: column) {
            try forEach(sql(source)) { row in
                let (key, value) = try map(row)
                groups[key, default: []].append(value)
            }
        }
        return groups
    }

    /// Runs a query for ids in batches and groups its rows by what the mapping answers first.
    @inline(__always) func grouped<Key: Hashable, Value>(
        _ ids: [String], _ sql: ([String]) -> SQL, _ map: (borrowing Row) throws -> (Key, Value)
    ) throws -> [Key: [Value]] {
        var groups: [Key: [Value]] = [:]
        for batch in batches(ids) {
            try forEach(sql(batch)) { row in
                let (key, value) = try map(row)
                groups[key, default: []].append(value)
            }
        }
        return groups
    }

    /// Whether a query has a row.
    func exists(_ sql: SQL) throws -> Bool { try first(sql) { _ in true } ?? false }
}
