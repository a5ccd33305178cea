import CLinux
import Foundation

/// The host that clients are told to go to.
enum PublicAddress {
    /// For a listener at all of the machine's addresses the one that it speaks to others from, or the loopback's where it has no way
    /// to any; else the listener's own. An IPv6 address has its brackets.
    static func ofListener(_ host: String) -> String {
        switch host {
        case "0.0.0.0", "*", "": outward ?? "127.0.0.1"
        case "::": outward ?? "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }

    /// The IPv4 address of the default route; nil without one. Nothing is sent: the address is one of those that no machine has
    /// (RFC 5737).
    private static var outward: String? {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var there = sockaddr_in()
        (there.sin_family, there.sin_port) = (sa_family_t(AF_INET), UInt16(9).bigEndian)
        guard inet_pton(AF_INET, "192.0.2.1", &there.sin_addr) == 1 else { return nil }
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafePointer(to: &there) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
        var (here, length) = (sockaddr_in(), size)
        let isNamed = withUnsafeMutablePointer(to: &here) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        guard isConnected, isNamed else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        guard inet_ntop(AF_INET, &here.sin_addr, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
