import Foundation

/// A moment in UTC with a resolution of one microsecond; stored as microseconds since 1970.
public struct Timestamp: Sendable, Hashable, Comparable, Codable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int

    /// A moment by its distance from 1970 in microseconds.
    public init(microseconds: Int) { self.microseconds = microseconds }

    /// A moment by its distance from 1970 in seconds; beyond what is representable, the nearest that is.
    public init(seconds: Int) { self.init(microseconds: Self.saturated(seconds, plus: 0)) }

    /// A number of seconds and microseconds as microseconds, held within the range of 64 bits.
    private static func saturated(_ seconds: Int, plus microseconds: Int) -> Int {
        let (product, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, alsoTooLarge) = product.addingReportingOverflow(microseconds)
        guard tooLarge || alsoTooLarge else { return sum }
        return seconds < 0 ? .min : .max
    }

    /// The moment of the call.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
    }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int {
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return rest < 0 ? seconds - 1 : seconds
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// The moment so much later; beyond what is representable, the last that is.
    public static func + (moment: Timestamp, distance: Duration) -> Timestamp {
        let (seconds, attoseconds) = distance.components
        let distance = saturated(Int(seconds), plus: Int(attoseconds / 1_000_000_000_000))
        let (sum, isTooLarge) = moment.microseconds.addingReportingOverflow(distance)
        return Timestamp(microseconds: isTooLarge ? (distance < 0 ? .min : .max) : sum)
    }

    /// The time from one moment to another.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds) - .microseconds(earlier.microseconds)
    }

    /// `2026-01-31T12:00:00Z`: Nova, Glance, Neutron.
    public var iso8601: String { text(fraction: false, zone: "Z") }
    /// `2026-01-31T12:00:00.000000Z`: Keystone.
    public var iso8601Microseconds: String { text(fraction: true, zone: "Z") }
    /// `2026-01-31T12:00:00.000000`, without a zone: Cinder and some of Nova.
    public var iso8601Naive: String { text(fraction: true, zone: "") }

    private func text(fraction: Bool, zone: StaticString) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        append(to: &bytes, fraction: fraction)
        zone.withUTF8Buffer { bytes.append(contentsOf: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes the form of `iso8601Microseconds`, or of `iso8601` without the fraction, but for the zone.
    public func append(to bytes: inout [UInt8], fraction: Bool) {
        let seconds = seconds
        let days = seconds.dividedRoundingDown(by: 86_400)
        let (date, second) = (Self.date(days), seconds - days * 86_400)
        Self.append(date.year, 4, to: &bytes)
        Self.append("-", date.month, to: &bytes)
        Self.append("-", date.day, to: &bytes)
        Self.append("T", second / 3_600, to: &bytes)
        Self.append(":", second / 60 % 60, to: &bytes)
        Self.append(":", second % 60, to: &bytes)
        guard fraction else { return }
        bytes.append(UInt8(ascii: "."))
        Self.append(microseconds - seconds * 1_000_000, 6, to: &bytes)
    }

    /// The date of a day since 1970-01-01, by the rules of the Gregorian calendar. The C library's function takes a lock
    /// each time; lists show two moments a row. Years are counted from March, so that the leap day is the last; 400 years
    /// have 146,097 days, and 719,468 lie between 0000-03-01 and 1970-01-01.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted.dividedRoundingDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func append(_ separator: Unicode.Scalar, _ number: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: separator))
        bytes.append(UInt8(ascii: "0") + UInt8(number / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// Decimal digits, with zeros before them up to the width.
    private static func append(_ number: Int, _ width: Int, to bytes: inout [UInt8]) {
        guard number >= 0 else {
            bytes.append(UInt8(ascii: "-"))
            return append(-number, width, to: &bytes)
        }
        var (divisor, rest) = (1, number)
        for _ in 1..<width { divisor *= 10 }
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// Parses ISO 8601 as OpenStack's clients write it: `T` or a space, an optional fraction, an optional zone
    /// (`Z` or `±hh:mm`; without one, UTC). Nil for anything else.
    public init?(iso8601 text: String) {
        let pattern = /(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?/
        guard let match = text.wholeMatch(of: pattern.asciiOnlyDigits())?.output else { return nil }
        func number(_ part: Substring?) -> Int { part.flatMap { Int($0) } ?? 0 }
        guard let midnight = Self.midnight(year: number(match.1), month: number(match.2), day: number(match.3)),
            let zone = Self.offset(match.8 ?? "Z")
        else { return nil }
        let (hour, minute, second) = (number(match.4), number(match.5), number(match.6))
        // The sixtieth second is a leap second, which counts as the next minute's first.
        guard hour < 24, minute < 60, second < 61 else { return nil }
        let fraction = (match.7.map(String.init) ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)
        let seconds = midnight + hour * 3_600 + minute * 60 + second - zone
        self.init(microseconds: seconds * 1_000_000 + number(fraction[...]))
    }

    /// The seconds from 1970 to the beginning of a day; nil when the month has no such day.
    private static func midnight(year: Int, month: Int, day: Int) -> Int? {
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
        let seconds = timegm(&parts)
        return Int(parts.tm_mday) == day ? seconds : nil
    }

    /// The seconds by which a zone is ahead of UTC.
    private static func offset(_ zone: Substring) -> Int? {
        guard zone != "Z" else { return 0 }
        let digits = zone.dropFirst().filter { $0 != ":" }
        guard let hours = Int(digits.prefix(2)), let minutes = Int(digits.suffix(2)), hours < 24, minutes < 60 else { return nil }
        return (zone.hasPrefix("-") ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }
}

extension Int {
    /// The quotient, rounded towards negative infinity.
    fileprivate func dividedRoundingDown(by divisor: Int) -> Int {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
