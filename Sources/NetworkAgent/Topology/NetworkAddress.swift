import Foundation

/// An IPv4 or IPv6 address. Whatever reaches an engine's text passes through here, so that no text can carry more than
/// an address.
struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]

    /// An address by its bytes.
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// An address from its usual text.
    init(_ text: String, what: String = "An address") throws(TopologyError) {
        var storage = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &storage) == 1 {
            bytes = Array(storage.prefix(4))
        } else if inet_pton(AF_INET6, text, &storage) == 1 {
            bytes = storage
        } else {
            throw .invalid(what: what, value: text)
        }
    }

    /// Whether this is an IPv6 address.
    var isIPv6: Bool { bytes.count == 16 }
    /// The name under which DNS knows an address's owner (RFC 1035, 3.5; RFC 3596, 2.5), without the dot at the end.
    var reverseName: String {
        guard isIPv6 else { return bytes.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa" }
        let digits = bytes.reversed().flatMap { [$0 & 0xF, $0 >> 4] }
        return digits.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
    }
    /// Whether the address means something on one host or link only: loopback, link-local or none.
    var isLocal: Bool {
        let loopback = isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } : bytes[0] == 127
        let link = isIPv6 ? bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 : bytes[0] == 169 && bytes[1] == 254
        return loopback || link || isUnspecified
    }
    /// Whether this is the address that means none: 0.0.0.0 or ::.
    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// An address with the length of its network's prefix, such as `10.0.0.1/24`.
struct NetworkPrefix: Sendable, Hashable, CustomStringConvertible {
    /// The address, host bits included.
    let address: NetworkAddress
    /// The length of the prefix in bits.
    let length: Int

    /// A prefix from its usual text; an address alone counts as a whole one.
    init(_ text: String, what: String = "A range") throws(TopologyError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { throw .invalid(what: what, value: text) }
        address = try NetworkAddress(String(first), what: what)
        let most = address.bytes.count * 8
        let length = parts.count == 2 ? Int(parts[1]) ?? (address.isIPv6 ? nil : Self.length(ofMask: String(parts[1]))) : most
        guard let length, (0...most).contains(length) else { throw .invalid(what: what, value: text) }
        self.length = length
    }

    /// The length that an IPv4 network mask such as 255.255.255.0 stands for; nil for other text.
    private static func length(ofMask text: String) -> Int? {
        guard let mask = try? NetworkAddress(text), !mask.isIPv6 else { return nil }
        let bits = mask.bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let length = (~bits).leadingZeroBitCount
        return length == 32 || bits << UInt32(length) == 0 ? length : nil
    }

    /// Whether this is an IPv6 prefix.
    var isIPv6: Bool { address.isIPv6 }
    /// Whether it is the whole address space.
    var isDefault: Bool { length == 0 }

    /// The network: the host bits cleared.
    var network: NetworkAddress {
        NetworkAddress(bytes: address.bytes.enumerated().map { position, byte in
            let kept = min(8, max(0, length - position * 8))
            return kept == 0 ? 0 : byte & (0xFF << (8 - UInt8(kept)))
        })
    }

    /// Whether an address lies within.
    func contains(_ other: NetworkAddress) -> Bool {
        guard other.isIPv6 == isIPv6 else { return false }
        return NetworkPrefix(address: other, length: length).network == network
    }

    /// Whether every address of another range lies within.
    func covers(_ other: NetworkPrefix) -> Bool { length <= other.length && contains(other.address) }

    private init(address: NetworkAddress, length: Int) { (self.address, self.length) = (address, length) }

    /// The network in its usual text, `10.0.0.0/24`.
    var cidr: String { "\(network)/\(length)" }

    var description: String { "\(address)/\(length)" }
}

/// A MAC address, lower case with colons.
struct MACAddress: Sendable, Hashable, CustomStringConvertible {
    let description: String

    init(_ text: String) throws(TopologyError) {
        let isAddress = text.utf8.count == 17 && text.utf8.enumerated().allSatisfy { position, byte in
            position % 3 == 2 ? byte == UInt8(ascii: ":") : Character(UnicodeScalar(byte)).isHexDigit && byte < 0x80
        }
        guard isAddress else { throw .invalid(what: "A MAC address", value: text) }
        description = text.lowercased()
    }

    /// The link-local address that a guest makes of it (RFC 4291, appendix A).
    var linkLocal: NetworkAddress {
        var bytes = description.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        bytes[0] ^= 2
        return NetworkAddress(bytes: [0xFE, 0x80, 0, 0, 0, 0, 0, 0] + bytes[..<3] + [0xFF, 0xFE] + bytes[3...])
    }
}
