/// A JSON value (RFC 8259). Integers keep 64 bits; object members keep their order.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// The members of a JSON object in the order they were written. A repeated name keeps its last value.
public struct JSONObject: Sendable, Hashable {
    /// The members in order.
    public private(set) var members: [(name: String, value: JSON)] = []
    /// Positions by name, kept only once a linear search would be slower than hashing.
    private var index: [String: Int]?
    private static let indexThreshold = 16

    /// An object without members.
    public init() {}

    /// The value of a member; assigning nil removes it.
    public subscript(name: String) -> JSON? {
        get { position(of: name).map { members[$0].value } }
        set {
            switch (position(of: name), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil):
                members.remove(at: position)
                reindex()
            case (nil, let value?):
                members.append((name, value))
                if index != nil { index?[name] = members.count - 1 } else { reindex() }
            case (nil, nil): break
            }
        }
    }

    /// How many members there are.
    public var count: Int { members.count }
    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }
    /// The member names in order.
    public var names: [String] { members.map(\.name) }

    private func position(of name: String) -> Int? {
        if let index { return index[name] }
        return members.firstIndex { $0.name == name }
    }

    private mutating func reindex() {
        guard members.count > Self.indexThreshold else { return index = nil }
        index = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.name, $0) })
    }

    /// Objects are equal when they have equal members, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(Set(names))
    }
}

extension JSONObject: Sequence {
    public func makeIterator() -> IndexingIterator<[(name: String, value: JSON)]> { members.makeIterator() }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        for (name, value) in elements { self[name] = value }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}

extension JSON {
    /// A member of an object; nil for other kinds and for absent members. A present null is `.null`.
    public subscript(name: String) -> JSON? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }

    /// An element of an array; nil for other kinds and beyond the end.
    public subscript(position: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(position) else { return nil }
        return elements[position]
    }

    /// The text, if this is a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The truth value, if this is a boolean.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The number, if this is an integer.
    public var int: Int? { if case .int(let value) = self { value } else { nil } }
    /// The number, if this is any number.
    public var double: Double? {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        default: nil
        }
    }
    /// The elements, if this is an array.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The members, if this is an object.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether this is null.
    public var isNull: Bool { self == .null }

    /// An object of strings, from a dictionary, sorted by name so that the text is stable.
    public init(_ strings: [String: String]) {
        var object = JSONObject()
        for (name, value) in strings.sorted(by: { $0.key < $1.key }) { object[name] = .string(value) }
        self = .object(object)
    }

    /// The string members of an object as a dictionary; other members are left out.
    public var stringDictionary: [String: String] {
        guard let object else { return [:] }
        return Dictionary(uniqueKeysWithValues: object.compactMap { member in
            member.value.string.map { (member.name, $0) }
        })
    }
}

extension JSON: CustomStringConvertible {
    /// The compact JSON text.
    public var description: String { text }
    /// The compact JSON text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The compact JSON text as UTF-8.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}
