import Glibc

/// This host's own addresses.
enum HostAddresses {
    /// Whether an address is one of this host's.
    static func isOwn(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" || all().contains(address) }

    /// The addresses that an initiator of a host may come from: one of this host comes from that which it calls, and for a host
    /// whose address isn't known, the password alone decides.
    static func initiators(_ address: String, portal: String) -> [String] {
        guard isAddress(address) else { return ["ALL"] }
        guard isOwn(address), let colon = portal.lastIndex(of: ":") else { return [address] }
        let own = String(portal[..<colon].filter { $0 != "[" && $0 != "]" })
        return own == address ? [address] : [address, own]
    }

    private static func isAddress(_ text: String) -> Bool {
        var storage = in6_addr()
        return inet_pton(AF_INET, text, &storage) == 1 || inet_pton(AF_INET6, text, &storage) == 1
    }

    private static func all() -> Set<String> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var (addresses, next) = (Set<String>(), first)
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr else { continue }
            let isShort = Int32(address.pointee.sa_family) == AF_INET
            guard isShort || Int32(address.pointee.sa_family) == AF_INET6 else { continue }
            let length = socklen_t(isShort ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard getnameinfo(address, length, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0 else { continue }
            let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            // An address of a link names its interface after a percent sign.
            addresses.insert(String(String(decoding: bytes, as: UTF8.self).prefix { $0 != "%" }))
        }
        return addresses
    }
}
