/// A service's API microversion, such as 2.104.
public struct Microversion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The part before the dot.
    public let major: Int
    /// The part after the dot.
    public let minor: Int

    /// A microversion by its parts.
    public init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

    /// Parses `2.1`; nil for anything that is not two numbers without leading zeros.
    public init?(_ text: String) {
        guard let match = text.wholeMatch(of: /(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})/)?.output,
            let major = Int(match.1), let minor = Int(match.2)
        else { return nil }
        self.init(major, minor)
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
