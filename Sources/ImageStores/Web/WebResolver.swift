import Glibc

/// Finds the addresses of names.
public protocol WebResolver: Sendable {
    /// A host's addresses, the best first.
    /// - Throws: `WebError.unreachable` when the name has none.
    func addresses(of host: String) async throws -> [InternetAddress]
}

/// The system's resolver.
public struct SystemResolver: WebResolver {
    /// The system's resolver.
    public init() {}

    /// Asks `getaddrinfo`, on a thread of its own as it blocks.
    public func addresses(of host: String) async throws -> [InternetAddress] {
        try await BlockingWork.run {
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var first: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(host, nil, &hints, &first) == 0 else {
                throw WebError.unreachable("the name \(host) cannot be resolved")
            }
            defer { freeaddrinfo(first) }
            var found: [InternetAddress] = []
            for entry in sequence(first: first, next: { $0?.pointee.ai_next }) {
                guard let entry, let address = Self.address(entry.pointee), !found.contains(address) else { continue }
                found.append(address)
            }
            return found
        }
    }

    /// Through the numeric text, which is the same for every family. A link's scope is dropped.
    private static func address(_ entry: addrinfo) -> InternetAddress? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        let numeric = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return InternetAddress(String(numeric.prefix { $0 != "%" }))
    }
}
