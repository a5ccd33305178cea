import HTTPTypes

/// A service's API microversion, such as 2.104.
public struct Microversion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The part before the dot.
    public let major: Int
    /// The part after the dot.
    public let minor: Int

    /// A microversion by its parts.
    public init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

    /// Parses `2.1`; nil for anything that is not two numbers of at most six digits without leading zeros.
    public init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let major = Self.number(parts[0]), let minor = Self.number(parts[1]) else { return nil }
        self.init(major, minor)
    }

    private static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...6).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    public var description: String { "\(major).\(minor)" }

    public static func < (left: Microversion, right: Microversion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// The microversions in which something exists.
public struct MicroversionRange: Sendable, Hashable {
    /// The first, or nil for the service's first.
    public let first: Microversion?
    /// The last, or nil while it still exists.
    public let last: Microversion?

    /// Every microversion.
    public static let all = MicroversionRange(first: nil, last: nil)
    /// From one on.
    public static func from(_ major: Int, _ minor: Int) -> Self { Self(first: Microversion(major, minor), last: nil) }
    /// Up to and including one.
    public static func through(_ major: Int, _ minor: Int) -> Self { Self(first: nil, last: Microversion(major, minor)) }
    /// Between two, both included.
    public static func between(_ first: Microversion, _ last: Microversion) -> Self { Self(first: first, last: last) }

    /// Whether it holds a microversion.
    public func contains(_ version: Microversion) -> Bool {
        (first.map { $0 <= version } ?? true) && (last.map { version <= $0 } ?? true)
    }
}

/// How a service negotiates microversions.
public struct MicroversionPolicy: Sendable, Hashable {
    /// The service's word in the `OpenStack-API-Version` header, such as "compute".
    public let service: String
    /// The older header with the version alone, such as `X-OpenStack-Nova-API-Version`; nil where there is none.
    public let legacyHeader: String?
    /// The lowest it speaks, which also counts when none is asked for.
    public let minimum: Microversion
    /// The highest it speaks, which is what `latest` means.
    public let maximum: Microversion

    /// A policy.
    public init(service: String, legacyHeader: String? = nil, minimum: Microversion, maximum: Microversion) {
        (self.service, self.legacyHeader, self.minimum, self.maximum) = (service, legacyHeader, minimum, maximum)
    }
}

extension MicroversionRange {
    /// Whether some microversion lies in both.
    func overlaps(_ other: MicroversionRange) -> Bool {
        func precedes(_ end: Microversion?, _ start: Microversion?) -> Bool {
            guard let end, let start else { return false }
            return end < start
        }
        return !precedes(last, other.first) && !precedes(other.last, first)
    }
}

/// What a request asks for in its version headers.
enum MicroversionRequest {
    /// The microversion a request is served in; the service's minimum when it asks for none.
    /// - Throws: a refusal for a text that is no version, or one outside what the service speaks.
    static func negotiate(
        _ headers: HTTPFields, _ policy: MicroversionPolicy, legacyHeader: HTTPField.Name?
    ) throws(Refusal) -> Microversion {
        let asked = standard(headers, policy.service) ?? legacyHeader.flatMap { legacy(headers, $0) }
        guard let text = asked else { return policy.minimum }
        if text.lowercased() == "latest" { return policy.maximum }
        guard let version = Microversion(text) else { throw .malformedMicroversion(text) }
        guard policy.minimum <= version, version <= policy.maximum else {
            throw .unsupportedMicroversion(text, policy)
        }
        return version
    }

    /// The version after the service's word; the header may be repeated and list several services, and the last
    /// mention counts, as microversion_parse has it.
    private static func standard(_ headers: HTTPFields, _ service: String) -> String? {
        guard let header = headers[.openStackAPIVersion] else { return nil }
        for part in header.split(separator: ",").reversed() {
            let words = part.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            guard words.count == 2, words[0].lowercased() == service.lowercased() else { continue }
            return words[1].trimmed
        }
        return nil
    }

    private static func legacy(_ headers: HTTPFields, _ name: HTTPField.Name) -> String? {
        headers[name]?.split(separator: ",").last?.trimmed
    }
}

extension Substring {
    /// The text without whitespace at its ends.
    fileprivate var trimmed: String {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
