extension IPAddress {
    /// The MAC address that a link-local address is made from by EUI-64 (RFC 4291, appendix A); nil for other addresses.
    var linkLocalMAC: String? {
        // fe80::/64, and ff:fe in the middle of the interface's half.
        guard version == .v6, value >> 64 == 0xFE80_0000_0000_0000, (value >> 24) & 0xFFFF == 0xFFFE else { return nil }
        let bytes = [56, 48, 40, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        let flipped = [bytes[0] ^ 2] + bytes.dropFirst()
        return flipped.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
