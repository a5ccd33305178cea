import CloudCore
import Foundation

/// The little language of extra specs' values (nova.scheduler.filters.extra_specs_ops): an operator and operands, or the
/// value itself.
enum ExtraSpecCondition {
    /// Whether a condition holds for a value.
    static func holds(_ condition: String, for value: String) -> Bool {
        let words = condition.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first else { return condition == value }
        let operands = Array(words.dropFirst())
        if first == "<or>" { return alternatives(operands).contains(value) }
        guard let test = tests[first] else { return condition == value }
        guard let operand = operands.first else { return false }
        return first == "<all-in>" ? operands.allSatisfy(value.contains) : test(value, operand)
    }

    /// `<or> a <or> b`: every second word.
    private static func alternatives(_ words: [String]) -> [String] {
        words.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }

    private static let tests: [String: @Sendable (String, String) -> Bool] = [
        "=": { number($0, $1, >=) }, "==": { number($0, $1, ==) }, "!=": { number($0, $1, !=) },
        ">=": { number($0, $1, >=) }, "<=": { number($0, $1, <=) },
        "s==": { $0 == $1 }, "s!=": { $0 != $1 }, "s<": { $0 < $1 }, "s<=": { $0 <= $1 }, "s>": { $0 > $1 }, "s>=": { $0 >= $1 },
        "<in>": { $0.contains($1) }, "<all-in>": { $0.contains($1) },
    ]

    /// What is no number fulfils nothing.
    private static func number(_ value: String, _ operand: String, _ test: (Double, Double) -> Bool) -> Bool {
        guard let value = Double(value), let operand = Double(operand) else { return false }
        return test(value, operand)
    }
}

/// Conditions on versions such as `>=6.0, <7` (oslo_utils.versionutils.VersionPredicate).
enum VersionCondition {
    /// Whether all parts hold for a hypervisor's version number, such as 7002022 for 7.2.22.
    static func holds(_ condition: String, for number: Int) -> Bool {
        let version = [number / 1_000_000, number / 1_000 % 1_000, number % 1_000]
        return condition.split(separator: ",").allSatisfy { part in
            let text = part.filter { !$0.isWhitespace }
            let sign = text.prefix { "<>=!".contains($0) }
            let wanted = text.dropFirst(sign.count).split(separator: ".").map { Int($0) ?? 0 }
            let padded = (0..<3).map { $0 < wanted.count ? wanted[$0] : 0 }
            let (isLess, isEqual) = (version.lexicographicallyPrecedes(padded), version == padded)
            switch sign {
            case "<": return isLess
            case "<=": return isLess || isEqual
            case ">": return !isLess && !isEqual
            case ">=": return !isLess
            case "!=": return !isEqual
            case "==": return isEqual
            default: return false
            }
        }
    }
}

/// A network around an address.
struct AddressRange: Sendable {
    private let bytes: [UInt8]
    private let prefix: Int

    /// - Parameter prefix: the network's prefix, with or without a slash before it.
    init?(_ address: String, prefix: String) {
        guard let bytes = Self.bytes(address), let length = Int(prefix.drop { $0 == "/" }), (0...bytes.count * 8).contains(length)
        else { return nil }
        (self.bytes, self.prefix) = (bytes, length)
    }

    /// Whether another address is in it.
    func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(address), other.count == bytes.count else { return false }
        for bit in 0..<prefix where (bytes[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) != 0 { return false }
        return true
    }

    private static func bytes(_ address: String) -> [UInt8]? {
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, address, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        if inet_pton(AF_INET6, address, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }
}

/// A condition on a host as nested lists: `["and", [">=", "$free_ram_mb", 1024], …]` (JsonFilter).
struct JSONQuery: Sendable {
    private let query: JSON
    /// Lists within lists beyond this are no condition.
    private static let maximumDepth = 32

    /// - Parameter text: the hint's JSON text; nil for what is no list.
    init?(_ text: String) {
        guard let query = try? JSON(parsing: text), query.array != nil else { return nil }
        self.query = query
    }

    /// Whether the host fulfils it. What cannot be compared is not fulfilled.
    func isTrue(_ state: HostState) -> Bool { Self.truth(Self.value(query, state, 0)) }

    private static func truth(_ value: JSON?) -> Bool {
        switch value {
        case nil, .null?, .bool(false)?, .int(0)?: false
        case .array(let values)?: values.contains { truth($0) }
        case .string(let text)?: !text.isEmpty
        default: true
        }
    }

    private static func value(_ query: JSON, _ state: HostState, _ depth: Int) -> JSON? {
        switch query {
        case .string(let text) where text.hasPrefix("$"): return state.capability(text.dropFirst().split(separator: "."))
        case .array(let parts):
            guard !parts.isEmpty else { return true }
            guard depth < maximumDepth, let name = parts[0].string else { return false }
            return apply(name, parts.dropFirst().compactMap { value($0, state, depth + 1) })
        default: return query
        }
    }

    private static func apply(_ name: String, _ arguments: [JSON]) -> JSON? {
        switch name {
        case "and": return .bool(arguments.allSatisfy { truth($0) })
        case "or": return .bool(arguments.contains { truth($0) })
        case "not": return .array(arguments.map { .bool(!truth($0)) })
        default:
            guard let first = arguments.first, arguments.count > 1 else { return false }
            let rest = arguments.dropFirst()
            return .bool(name == "in" ? rest.contains(first) : rest.allSatisfy { compare(name, first, $0) })
        }
    }

    private static func compare(_ name: String, _ left: JSON, _ right: JSON) -> Bool {
        if name == "=" { return left == right || (left.double != nil && left.double == right.double) }
        if let left = left.double, let right = right.double { return ordered(name, left, right) }
        if let left = left.string, let right = right.string { return ordered(name, left, right) }
        return false
    }

    private static func ordered<Value: Comparable>(_ name: String, _ left: Value, _ right: Value) -> Bool {
        switch name {
        case "<": left < right
        case ">": left > right
        case "<=": left <= right
        case ">=": left >= right
        default: false
        }
    }
}
