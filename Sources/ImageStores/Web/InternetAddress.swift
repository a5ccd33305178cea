import Glibc

/// An IPv4 or IPv6 address.
public struct InternetAddress: Sendable, Hashable {
    /// What an address is for (the special-purpose registries of RFC 6890 and RFC 4291).
    public enum Reach: Sendable, Hashable, CaseIterable {
        /// Anywhere on the Internet.
        case global
        /// This host: 127.0.0.0/8, ::1.
        case loopback
        /// This link, cloud metadata among it: 169.254.0.0/16, fe80::/10.
        case linkLocal
        /// A site's own: RFC 1918, the shared space of RFC 6598, and the deprecated fec0::/10.
        case `private`
        /// A site's own in IPv6: fc00::/7.
        case uniqueLocal
        /// Many hosts: 224.0.0.0/4, ff00::/8.
        case multicast
        /// No host: 0.0.0.0/8, ::.
        case unspecified
        /// Nobody yet, documentation, benchmarks, and translations whose other side is not known.
        case reserved
    }

    /// Four or sixteen bytes in network order.
    public let bytes: [UInt8]

    /// An address by its bytes; nil unless there are 4 or 16.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// An address by its text, in the strict forms alone: four decimal numbers, or RFC 4291's for IPv6. The forms that
    /// `inet_aton` takes besides (`127.1`, `0x7f000001`) are none.
    public init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.bytes = Array(bytes.prefix(4))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.bytes = bytes
        } else {
            return nil
        }
    }

    /// Whether this is an IPv6 address.
    public var isIPv6: Bool { bytes.count == 16 }

    /// The IPv4 address within `::ffff:0:0/96`; nil for others.
    public var mapped: InternetAddress? {
        guard isIPv6, bytes[0..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff else { return nil }
        return InternetAddress(bytes: Array(bytes[12...]))
    }

    /// What the address is for; of a mapped one, what the IPv4 address within is for.
    public var reach: Reach {
        if let mapped { return mapped.reach }
        let table = isIPv6 ? Self.reaches6 : Self.reaches4
        return table.first { isWithin($0.prefix, $0.length) }?.reach ?? (isIPv6 ? .reserved : .global)
    }

    private func isWithin(_ prefix: [UInt8], _ length: Int) -> Bool {
        let (whole, rest) = (length / 8, length % 8)
        guard bytes[..<whole].elementsEqual(prefix[..<whole]) else { return false }
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xff00 >> rest)
        return bytes[whole] & mask == prefix[whole] & mask
    }

    /// The special blocks; what is in none of them is global.
    private static let reaches4: [(prefix: [UInt8], length: Int, reach: Reach)] = [
        ([0], 8, .unspecified), ([10], 8, .private), ([100, 64], 10, .private), ([127], 8, .loopback),
        ([169, 254], 16, .linkLocal), ([172, 16], 12, .private), ([192, 0, 0], 24, .reserved),
        ([192, 0, 2], 24, .reserved), ([192, 88, 99], 24, .reserved), ([192, 168], 16, .private),
        ([198, 18], 15, .reserved), ([198, 51, 100], 24, .reserved), ([203, 0, 113], 24, .reserved),
        ([224], 4, .multicast), ([240], 4, .reserved),
    ]

    /// The global block 2000::/3 comes last: what is in no block is not given to anybody.
    private static let reaches6: [(prefix: [UInt8], length: Int, reach: Reach)] = [
        ([UInt8](repeating: 0, count: 16), 128, .unspecified),
        ([UInt8](repeating: 0, count: 15) + [1], 128, .loopback),
        ([0xfe, 0x80], 10, .linkLocal), ([0xfe, 0xc0], 10, .private), ([0xfc], 7, .uniqueLocal), ([0xff], 8, .multicast),
        // Teredo, ORCHID and benchmarks; documentation; 6to4, which hides an IPv4 address.
        ([0x20, 0x01, 0x00], 23, .reserved), ([0x20, 0x01, 0x0d, 0xb8], 32, .reserved), ([0x20, 0x02], 16, .reserved),
        ([0x3f, 0xff, 0x00], 20, .reserved), ([0x20], 3, .global),
    ]
}

extension InternetAddress: CustomStringConvertible {
    /// The address as text, IPv6 without brackets.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
