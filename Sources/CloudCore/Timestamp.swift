import Foundation

/// A moment in UTC with a resolution of one microsecond; stored as microseconds since 1970.
public struct Timestamp: Sendable, Hashable, Comparable, Codable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int

    /// A moment by its distance from 1970 in microseconds.
    public init(microseconds: Int) { self.microseconds = microseconds }

    /// A moment by its distance from 1970 in seconds.
    public init(seconds: Int) { self.init(microseconds: seconds * 1_000_000) }

    /// The moment of the call.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
    }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int { Int((Double(microseconds) / 1_000_000).rounded(.down)) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// The moment so much later.
    public static func + (moment: Timestamp, distance: Duration) -> Timestamp {
        let (seconds, attoseconds) = distance.components
        return Timestamp(microseconds: moment.microseconds + Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
    }

    /// The time from one moment to another.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }

    /// `2026-01-31T12:00:00Z`: Nova, Glance, Neutron.
    public var iso8601: String { text(fraction: false) + "Z" }
    /// `2026-01-31T12:00:00.000000Z`: Keystone.
    public var iso8601Microseconds: String { text(fraction: true) + "Z" }
    /// `2026-01-31T12:00:00.000000`, without a zone: Cinder and some of Nova.
    public var iso8601Naive: String { text(fraction: true) }

    private func text(fraction: Bool) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: Int32, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let time = "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        guard fraction else { return "\(date)T\(time)" }
        return "\(date)T\(time).\(padded(Int32(microseconds - seconds * 1_000_000), 6))"
    }

    /// Parses ISO 8601 as OpenStack's clients write it: `T` or a space, an optional fraction, an optional zone
    /// (`Z` or `±hh:mm`; without one, UTC). Nil for anything else.
    public init?(iso8601 text: String) {
        let pattern = /(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?/
        guard let match = text.wholeMatch(of: pattern)?.output else { return nil }
        func number(_ part: Substring?) -> Int { part.flatMap { Int($0) } ?? 0 }
        let (month, day) = (number(match.2), number(match.3))
        let (hour, minute, second) = (number(match.4), number(match.5), number(match.6))
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(number(match.1) - 1900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        var seconds = timegm(&parts)
        guard Int(parts.tm_mday) == day else { return nil }
        if let zone = match.8, zone != "Z" {
            let offset = zone.dropFirst().filter(\.isNumber)
            let distance = number(offset.prefix(2)) * 3600 + number(offset.suffix(2)) * 60
            seconds -= zone.hasPrefix("-") ? -distance : distance
        }
        let fraction = number((match.7.map(String.init) ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)[...])
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }
}
