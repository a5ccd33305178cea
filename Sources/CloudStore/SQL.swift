import CloudCore

/// A value as both databases store it.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

/// A value that can be bound to a statement.
public protocol SQLBindable: Sendable {
    /// The value as the database stores it.
    var sqlValue: SQLValue { get }
}

/// A value that can be read from a column.
public protocol SQLDecodable: Sendable {
    /// The value from what the database stored; nil when it is of another kind.
    init?(sqlValue: SQLValue)
}

/// A type that goes into the database and comes out again.
public typealias SQLConvertible = SQLBindable & SQLDecodable

/// A piece of SQL with its bound values. Interpolated values always become parameters, never text:
///
///     let sql: SQL = "SELECT id, name FROM projects WHERE domain_id = \(domain) AND name = \(name)"
///
/// One text serves both databases; column types are TEXT, BIGINT, DOUBLE PRECISION and BLOB.
/// Both take ON CONFLICT, RETURNING and deferred foreign keys. LIKE tells upper from lower case, and its patterns name
/// their escape (`LIKE ? ESCAPE '!'`), because the databases' own differ.
public struct SQL: Sendable, Hashable, ExpressibleByStringInterpolation {
    /// The text with a `?` for every bound value.
    public private(set) var text: String
    /// The bound values in the order of their marks.
    public private(set) var values: [SQLValue]

    /// A piece without bound values.
    public init(stringLiteral text: String) {
        (self.text, values) = (text, [])
    }

    public init(stringInterpolation interpolation: Interpolation) {
        (text, values) = (interpolation.text, interpolation.values)
    }

    /// Collects the text and the values of an interpolated literal.
    public struct Interpolation: StringInterpolationProtocol {
        var text = ""
        var values: [SQLValue] = []

        /// Room for a literal of that size.
        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount)
        }

        /// Adds SQL text as it stands.
        public mutating func appendLiteral(_ literal: String) { text += literal }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some SQLBindable) {
            text += "?"
            values.append(value.sqlValue)
        }

        /// Binds a value, or NULL for none.
        public mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            text += "?"
            values.append(value?.sqlValue ?? .null)
        }

        /// Embeds another piece with its values.
        public mutating func appendInterpolation(_ sql: SQL) {
            text += sql.text
            values += sql.values
        }

        /// Binds a parenthesised list for IN. An empty list matches nothing.
        public mutating func appendInterpolation(in list: some Sequence<some SQLBindable>) {
            bind(list.map { $0.sqlValue })
        }

        /// Binds a list of texts, as most lists are: without the detour over what else could be bound.
        public mutating func appendInterpolation(in list: [String]) { bind(list.map { .text($0) }) }

        private mutating func bind(_ list: [SQLValue]) {
            text += list.isEmpty ? "(NULL)" : "(" + String(repeating: "?, ", count: list.count - 1) + "?)"
            values += list
        }
    }

    /// Two pieces, one after the other.
    public static func + (left: SQL, right: SQL) -> SQL { "\(left)\(right)" }

    /// Appends a piece.
    public static func += (left: inout SQL, right: SQL) { left = left + right }
}

extension Sequence<SQL> {
    /// The pieces with a separator between them, such as `" AND "`.
    public func joined(separator: SQL) -> SQL {
        var result: SQL = ""
        for (position, piece) in enumerated() { result += position == 0 ? piece : separator + piece }
        return result
    }
}

extension SQLValue: SQLConvertible {
    public var sqlValue: SQLValue { self }
    @inlinable public init?(sqlValue: SQLValue) { self = sqlValue }
}

extension String: SQLConvertible {
    public var sqlValue: SQLValue { .text(self) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .text(let value) = sqlValue else { return nil }
        self = value
    }
}

extension Int: SQLConvertible {
    public var sqlValue: SQLValue { .integer(self) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self = value
    }
}

extension Bool: SQLConvertible {
    public var sqlValue: SQLValue { .integer(self ? 1 : 0) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self = value != 0
    }
}

extension Double: SQLConvertible {
    public var sqlValue: SQLValue { .real(self) }
    @inlinable public init?(sqlValue: SQLValue) {
        switch sqlValue {
        case .real(let value): self = value
        case .integer(let value): self = Double(value)
        default: return nil
        }
    }
}

extension Timestamp: SQLConvertible {
    public var sqlValue: SQLValue { .integer(microseconds) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(microseconds: value)
    }
}

extension JSON: SQLConvertible {
    /// JSON is stored as its compact text.
    public var sqlValue: SQLValue { .text(text) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue, let value = try? JSON(parsing: text) else { return nil }
        self = value
    }
}

extension Optional: SQLBindable where Wrapped: SQLBindable {
    public var sqlValue: SQLValue { self?.sqlValue ?? .null }
}

extension Optional: SQLDecodable where Wrapped: SQLDecodable {
    @inlinable public init?(sqlValue: SQLValue) {
        guard sqlValue != .null else {
            self = .none
            return
        }
        guard let value = Wrapped(sqlValue: sqlValue) else { return nil }
        self = .some(value)
    }
}

extension [UInt8]: SQLConvertible {
    public var sqlValue: SQLValue { .blob(self) }
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .blob(let value) = sqlValue else { return nil }
        self = value
    }
}

extension RawRepresentable where Self: Sendable, RawValue == String {
    /// Enumerations are stored as their raw text.
    public var sqlValue: SQLValue { .text(rawValue) }
    /// An enumeration from its raw text; nil for a text that is none of its cases.
    @inlinable public init?(sqlValue: SQLValue) {
        guard case .text(let value) = sqlValue else { return nil }
        self.init(rawValue: value)
    }
}
