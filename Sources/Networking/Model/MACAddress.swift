import CloudCore

/// A 48-bit Ethernet address.
struct MACAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address as a number below 2^48.
    let value: UInt64

    init(value: UInt64) { self.value = value & 0xFFFF_FFFF_FFFF }

    /// Parses six pairs of hexadecimal digits between colons or hyphens, or twelve digits; nil for anything else.
    init?(_ text: some StringProtocol) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        let digits = parts.joined()
        guard parts.count == 1 || parts.count == 6 && parts.allSatisfy({ (1...2).contains($0.utf8.count) }) else { return nil }
        let padded = parts.count == 6 ? parts.map { $0.utf8.count == 1 ? "0\($0)" : String($0) }.joined() : digits
        guard padded.utf8.count == 12, padded.allSatisfy(\.isHexDigit), let value = UInt64(padded, radix: 16) else { return nil }
        self.init(value: value)
    }

    /// A random address below Neutron's own prefix, fa:16:3e.
    static func generated() -> MACAddress {
        var choice = ChoiceGenerator()
        return MACAddress(value: 0xFA16_3E00_0000 | UInt64.random(in: 0...0xFF_FFFF, using: &choice))
    }

    /// Whether it names a group rather than one interface.
    var isMulticast: Bool { value >> 40 & 1 == 1 }
    /// Whether it is the address that names nothing.
    var isZero: Bool { value == 0 }

    /// The address that a host with this MAC gives itself in a /64 (RFC 4291, appendix A).
    func eui64(in range: CIDR) -> IPAddress {
        let high = value >> 24 ^ 0x02_0000
        let identifier = high << 40 | 0xFFFE << 24 | value & 0xFF_FFFF
        return IPAddress(version: .v6, value: range.network.value | UInt128(identifier))
    }

    var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for shift in stride(from: 40, through: 0, by: -8) {
            let byte = Int(value >> UInt64(shift) & 0xFF)
            text += [digits[byte >> 4], digits[byte & 15]]
            if shift > 0 { text.append(UInt8(ascii: ":")) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
