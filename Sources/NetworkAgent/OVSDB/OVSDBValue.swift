import CloudCore

/// An atomic value of the database (RFC 7047, section 5.1).
enum OVSDBAtom: Sendable, Hashable {
    case string(String)
    case integer(Int)
    case real(Double)
    case boolean(Bool)
    case uuid(String)
    /// A row inserted by the same transaction, by the name the insertion gave it.
    case namedUUID(String)

    /// An atom from its wire form.
    init?(json: JSON) {
        switch json {
        case .string(let value): self = .string(value)
        case .int(let value): self = .integer(value)
        case .double(let value): self = .real(value)
        case .bool(let value): self = .boolean(value)
        case .array(let pair) where pair.count == 2:
            switch (pair[0].string, pair[1].string) {
            case ("uuid", let id?): self = .uuid(id)
            case ("named-uuid", let name?): self = .namedUUID(name)
            default: return nil
            }
        default: return nil
        }
    }

    /// The wire form.
    var json: JSON {
        switch self {
        case .string(let value): .string(value)
        case .integer(let value): .int(value)
        case .real(let value): .double(value)
        case .boolean(let value): .bool(value)
        case .uuid(let id): .array(["uuid", .string(id)])
        case .namedUUID(let name): .array(["named-uuid", .string(name)])
        }
    }
}

extension OVSDBAtom: Comparable {
    private var rank: Int {
        switch self {
        case .boolean: 0
        case .integer: 1
        case .real: 2
        case .string: 3
        case .uuid: 4
        case .namedUUID: 5
        }
    }

    /// An order of no meaning but that equal sets give equal text.
    static func < (left: OVSDBAtom, right: OVSDBAtom) -> Bool {
        switch (left, right) {
        case (.string(let a), .string(let b)), (.uuid(let a), .uuid(let b)), (.namedUUID(let a), .namedUUID(let b)): a < b
        case (.integer(let a), .integer(let b)): a < b
        case (.real(let a), .real(let b)): a < b
        case (.boolean(let a), .boolean(let b)): !a && b
        default: left.rank < right.rank
        }
    }
}

/// The value of a column: a set (of which a single atom and an absent optional are the sizes one and nought) or a map.
enum OVSDBValue: Sendable, Hashable {
    case set(Set<OVSDBAtom>)
    case map([OVSDBAtom: OVSDBAtom])

    /// The empty set: an optional that is absent.
    static let none = OVSDBValue.set([])

    /// A set of one string.
    static func string(_ value: String) -> OVSDBValue { .set([.string(value)]) }
    /// A set of strings.
    static func strings(_ values: some Sequence<String>) -> OVSDBValue { .set(Set(values.map(OVSDBAtom.string))) }
    /// A set of one number.
    static func integer(_ value: Int) -> OVSDBValue { .set([.integer(value)]) }
    /// A set of one truth value.
    static func boolean(_ value: Bool) -> OVSDBValue { .set([.boolean(value)]) }
    /// A map of strings.
    static func strings(_ values: [String: String]) -> OVSDBValue {
        .map(Dictionary(uniqueKeysWithValues: values.map { (.string($0.key), .string($0.value)) }))
    }
    /// A reference to a row that exists.
    static func uuid(_ id: String) -> OVSDBValue { .set([.uuid(id)]) }

    /// A value from its wire form.
    init?(json: JSON) {
        guard case .array(let pair) = json, pair.count == 2, let kind = pair[0].string, kind == "set" || kind == "map" else {
            guard let atom = OVSDBAtom(json: json) else { return nil }
            self = .set([atom])
            return
        }
        guard let elements = pair[1].array else { return nil }
        if kind == "set" {
            var atoms: Set<OVSDBAtom> = []
            for element in elements {
                guard let atom = OVSDBAtom(json: element) else { return nil }
                atoms.insert(atom)
            }
            self = .set(atoms)
        } else {
            var map: [OVSDBAtom: OVSDBAtom] = [:]
            for element in elements {
                guard let key = element[0].flatMap(OVSDBAtom.init(json:)), let value = element[1].flatMap(OVSDBAtom.init(json:))
                else { return nil }
                map[key] = value
            }
            self = .map(map)
        }
    }

    /// The wire form, elements in order so that equal values give equal text.
    var json: JSON {
        switch self {
        case .set(let atoms):
            if atoms.count == 1, let atom = atoms.first { return atom.json }
            return .array(["set", .array(atoms.sorted().map(\.json))])
        case .map(let map):
            let pairs = map.sorted { $0.key < $1.key }.map { JSON.array([$0.key.json, $0.value.json]) }
            return .array(["map", .array(pairs)])
        }
    }

    /// The elements, if this is a set.
    var atoms: Set<OVSDBAtom> { if case .set(let atoms) = self { atoms } else { [] } }
    /// The text, if this is a set of one string.
    var string: String? { if atoms.count == 1, case .string(let value)? = atoms.first { value } else { nil } }
    /// The number, if this is a set of one integer.
    var integer: Int? { if atoms.count == 1, case .integer(let value)? = atoms.first { value } else { nil } }
    /// The truth value, if this is a set of one boolean.
    var boolean: Bool? { if atoms.count == 1, case .boolean(let value)? = atoms.first { value } else { nil } }
    /// The identifiers of the rows that are referred to.
    var uuids: Set<String> {
        Set(atoms.compactMap { if case .uuid(let id) = $0 { id } else { nil } })
    }
    /// The map, if this is one of strings to strings.
    var stringMap: [String: String] {
        guard case .map(let map) = self else { return [:] }
        var strings: [String: String] = [:]
        for case (.string(let key), .string(let value)) in map { strings[key] = value }
        return strings
    }
}

/// A row: the values of its columns by name.
typealias OVSDBRow = [String: OVSDBValue]

extension JSON {
    /// The wire form of a row, columns in order.
    init(row: OVSDBRow) {
        var object = JSONObject()
        for (column, value) in row.sorted(by: { $0.key < $1.key }) { object[column] = value.json }
        self = .object(object)
    }
}
