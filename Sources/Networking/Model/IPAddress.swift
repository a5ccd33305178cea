/// An IPv4 or IPv6 address: a number with a width.
struct IPAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The two families.
    enum Version: Int, Sendable, Hashable {
        case v4 = 4
        case v6 = 6

        /// How many bits an address has.
        var width: Int { self == .v4 ? 32 : 128 }
    }

    /// The family.
    let version: Version
    /// The address as a number; below 2^32 for IPv4.
    let value: UInt128

    init(version: Version, value: UInt128) { (self.version, self.value) = (version, value) }

    /// Parses an address; nil for anything else, also for the short forms of inet_aton.
    init?(_ text: some StringProtocol) {
        if let value = Self.parseV4(text) {
            self.init(version: .v4, value: UInt128(value))
        } else if let value = Self.parseV6(text) {
            self.init(version: .v6, value: value)
        } else {
            return nil
        }
    }

    static func < (left: IPAddress, right: IPAddress) -> Bool {
        (left.version.rawValue, left.value) < (right.version.rawValue, right.value)
    }

    /// The address at a distance; nil beyond the ends of the family's range.
    func advanced(by distance: Int) -> IPAddress? {
        let (value, overflow) = distance >= 0
            ? value.addingReportingOverflow(UInt128(distance))
            : value.subtractingReportingOverflow(UInt128(distance.magnitude))
        guard !overflow, version == .v6 || value <= UInt128(UInt32.max) else { return nil }
        return IPAddress(version: version, value: value)
    }

    /// Fixed-width hexadecimal digits, so that texts of one family sort as the addresses do.
    var key: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: version.width / 4 - digits.utf8.count) + digits
    }

    /// The address behind a key; nil for other texts.
    init?(key: String) {
        guard let value = UInt128(key, radix: 16) else { return nil }
        switch key.utf8.count {
        case 8: self.init(version: .v4, value: value)
        case 32: self.init(version: .v6, value: value)
        default: return nil
        }
    }

    /// 224.0.0.0/4 and ff00::/8.
    var isMulticast: Bool { version == .v4 ? value >> 28 == 0xE : value >> 120 == 0xFF }
    /// 127.0.0.0/8 and ::1.
    var isLoopback: Bool { version == .v4 ? value >> 24 == 127 : value == 1 }
    /// fe80::/10.
    var isLinkLocal: Bool { version == .v6 && value >> 118 == 0x3FA }

    /// The canonical text: dotted decimal, or RFC 5952.
    var description: String {
        switch version {
        case .v4: [24, 16, 8, 0].map { String((value >> $0) & 0xFF) }.joined(separator: ".")
        case .v6: Self.textV6(value)
        }
    }
}

extension IPAddress {
    private static func parseV4(_ text: some StringProtocol) -> UInt32? {
        var (value, part, digits, parts): (UInt32, UInt32, Int, Int) = (0, 0, 0, 0)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                // A leading zero would mean octal to some readers: refused, so that nobody reads another address.
                guard digits < 3, !(digits > 0 && part == 0) else { return nil }
                part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
            case UInt8(ascii: "."):
                guard digits > 0, part <= 255, parts < 3 else { return nil }
                (value, part, digits, parts) = (value << 8 | part, 0, 0, parts + 1)
            default: return nil
            }
        }
        guard parts == 3, digits > 0, part <= 255 else { return nil }
        return value << 8 | part
    }

    private static func parseV6(_ text: some StringProtocol) -> UInt128? {
        guard text.utf8.count <= 45, text.utf8.contains(UInt8(ascii: ":")) else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        switch halves.count {
        case 1:
            guard let groups = groups(halves[0], last: true), groups.count == 8 else { return nil }
            return number(groups)
        case 2:
            guard let head = groups(halves[0], last: false), let tail = groups(halves[1], last: true),
                head.count + tail.count <= 7
            else { return nil }
            return number(head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
        default: return nil
        }
    }

    private static func groups(_ text: some StringProtocol, last: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (position, part) in parts.enumerated() {
            if last, position == parts.count - 1, let embedded = parseV4(part) {
                groups += [UInt16(embedded >> 16), UInt16(embedded & 0xFFFF)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    private static func number(_ groups: [UInt16]) -> UInt128 { groups.reduce(0) { $0 << 16 | UInt128($1) } }

    private static func textV6(_ value: UInt128) -> String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> (112 - 16 * $0)) }
        var (best, start): (Range<Int>, Int?) = (0..<0, nil)
        for position in 0...8 {
            if position < 8, groups[position] == 0 {
                start = start ?? position
            } else if let first = start {
                if position - first > max(best.count, 1) { best = first..<position }
                start = nil
            }
        }
        func text(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        guard !best.isEmpty else { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
