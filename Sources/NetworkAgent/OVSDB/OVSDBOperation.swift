import CloudCore

/// A clause of a `where`: a column compared with a value (RFC 7047, section 5.1). All clauses must hold.
struct OVSDBCondition: Sendable, Hashable {
    var column: String
    var function: String
    var value: OVSDBValue

    /// The row with an identifier.
    static func uuid(_ id: String) -> OVSDBCondition { OVSDBCondition(column: "_uuid", function: "==", value: .uuid(id)) }
    /// Rows whose column has a value.
    static func equal(_ column: String, _ value: OVSDBValue) -> OVSDBCondition {
        OVSDBCondition(column: column, function: "==", value: value)
    }

    var json: JSON { .array([.string(column), .string(function), value.json]) }
}

/// A change of part of a column (RFC 7047, section 5.1).
struct OVSDBMutation: Sendable, Hashable {
    var column: String
    var mutator: String
    var value: OVSDBValue

    /// Adds elements to a set, or keys to a map that has none of them.
    static func insert(_ column: String, _ value: OVSDBValue) -> OVSDBMutation {
        OVSDBMutation(column: column, mutator: "insert", value: value)
    }
    /// Takes elements from a set, or keys from a map.
    static func delete(_ column: String, _ value: OVSDBValue) -> OVSDBMutation {
        OVSDBMutation(column: column, mutator: "delete", value: value)
    }
    /// Adds to a number.
    static func increment(_ column: String) -> OVSDBMutation {
        OVSDBMutation(column: column, mutator: "+=", value: .integer(1))
    }

    var json: JSON { .array([.string(column), .string(mutator), value.json]) }
}

/// An operation of a transaction (RFC 7047, section 5.2).
enum OVSDBOperation: Sendable, Hashable {
    case insert(table: String, row: OVSDBRow, name: String?)
    case update(table: String, where: [OVSDBCondition], row: OVSDBRow)
    case mutate(table: String, where: [OVSDBCondition], mutations: [OVSDBMutation])
    case delete(table: String, where: [OVSDBCondition])
    /// Lets the transaction go on only if the rows' columns equal (or differ from) those given; it never waits.
    case wait(table: String, where: [OVSDBCondition], columns: [String], equal: Bool, rows: [OVSDBRow])
    /// A note in the database's log.
    case comment(String)

    var json: JSON {
        func clauses(_ conditions: [OVSDBCondition]) -> JSON { .array(conditions.map(\.json)) }
        switch self {
        case .insert(let table, let row, let name):
            var object: JSONObject = ["op": "insert", "table": .string(table), "row": JSON(row: row)]
            if let name { object["uuid-name"] = .string(name) }
            return .object(object)
        case .update(let table, let conditions, let row):
            return ["op": "update", "table": .string(table), "where": clauses(conditions), "row": JSON(row: row)]
        case .mutate(let table, let conditions, let mutations):
            return [
                "op": "mutate", "table": .string(table), "where": clauses(conditions),
                "mutations": .array(mutations.map(\.json)),
            ]
        case .delete(let table, let conditions):
            return ["op": "delete", "table": .string(table), "where": clauses(conditions)]
        case .wait(let table, let conditions, let columns, let equal, let rows):
            return [
                "op": "wait", "timeout": 0, "table": .string(table), "where": clauses(conditions),
                "columns": .array(columns.map(JSON.string)), "until": equal ? "==" : "!=",
                "rows": .array(rows.map(JSON.init(row:))),
            ]
        case .comment(let text):
            return ["op": "comment", "comment": .string(text)]
        }
    }
}

/// What an operation of a committed transaction did.
struct OVSDBResult: Sendable, Hashable {
    /// The row that was inserted.
    var uuid: String?
    /// How many rows matched.
    var count: Int?

    init(uuid: String? = nil, count: Int? = nil) { (self.uuid, self.count) = (uuid, count) }

    init(json: JSON) {
        self.init(uuid: json["uuid"].flatMap(OVSDBValue.init(json:))?.uuids.first, count: json["count"]?.int)
    }
}

/// Why talking to a database failed.
enum OVSDBError: Error, Sendable, Equatable {
    /// There is no connection, and none came up before the deadline.
    case disconnected
    /// The deadline passed; a transaction may or may not have been committed.
    case deadlineExceeded
    /// Too many calls wait already.
    case overloaded
    /// The client was shut down.
    case closed
    /// The server refused the transaction: its error's name and details. Nothing was changed.
    case refused(error: String, details: String)
    /// The server's message makes no sense.
    case malformed(String)
    /// The database has no such table or column.
    case unknownColumn(table: String, column: String)
}

extension OVSDBError {
    /// The results of a transaction, or the first of its errors (RFC 7047, section 4.1.3).
    static func results(of reply: JSON) throws(OVSDBError) -> [OVSDBResult] {
        guard let elements = reply.array else { throw .malformed("a transaction's result is no array") }
        for element in elements {
            guard let error = element["error"]?.string else { continue }
            throw .refused(error: error, details: element["details"]?.string ?? "")
        }
        return elements.map(OVSDBResult.init(json:))
    }
}
