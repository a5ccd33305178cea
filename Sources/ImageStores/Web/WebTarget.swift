/// An HTTP URL taken apart strictly: what is not plain is refused, so that nothing reads it in another way.
public struct WebTarget: Sendable, Hashable {
    /// `http` or `https`, or another scheme that a filter will refuse.
    public let scheme: String
    /// The host in lower case; an IPv6 address without brackets.
    public let host: String
    /// The port, the scheme's own where the URL names none.
    public let port: Int
    /// The path with its query, as it stands in a request.
    public let path: String

    /// The host, if it is an address.
    public var address: InternetAddress? { InternetAddress(host) }
    /// The host and port as the `Host` header names them.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == Self.port(of: scheme) ? name : "\(name):\(port)"
    }
    /// The URL.
    public var url: String { "\(scheme)://\(authority)\(path)" }

    /// Takes a URL apart. Fragments are dropped.
    /// - Throws: `WebRefusal.malformed` for anything but `scheme://host[:port][/path][?query]` in plain ASCII without
    ///   a user, and for hosts that only look like names.
    public init(_ url: String) throws(WebRefusal) {
        guard url.utf8.count <= 8192, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }),
            let mark = url.firstRange(of: "://")
        else { throw .malformed("it is not an absolute URL in plain ASCII") }
        let scheme = url[..<mark.lowerBound].lowercased()
        guard scheme.first?.isLetter == true, scheme.allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) })
        else { throw .malformed("its scheme is none") }
        let rest = url[mark.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest[authority.endIndex...]
        let (host, port) = try Self.split(authority)
        self.scheme = scheme
        self.host = try Self.checked(host)
        self.port = port ?? Self.port(of: scheme)
        self.path = path.first == "/" ? String(path) : "/" + path
    }

    /// The target that a `Location` header leads to from here (RFC 9110 section 10.2.2, RFC 3986 section 5.2).
    public func redirected(to location: String) throws(WebRefusal) -> WebTarget {
        let origin = "\(scheme)://\(authority)"
        if location.hasPrefix("//") { return try WebTarget(scheme + ":" + location) }
        if location.hasPrefix("/") { return try WebTarget(origin + location) }
        let head = location.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if head.contains(":") { return try WebTarget(location) }
        let base = path.prefix { $0 != "?" }
        if location.hasPrefix("?") { return try WebTarget(origin + base + location) }
        let folder = base[...(base.lastIndex(of: "/") ?? base.startIndex)]
        return try WebTarget(origin + folder + location)
    }

    /// Whether two targets are of one origin (RFC 6454).
    public func sharesOrigin(with other: WebTarget) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    private static func port(of scheme: String) -> Int { scheme == "https" ? 443 : 80 }

    private static func split(_ authority: Substring) throws(WebRefusal) -> (host: String, port: Int?) {
        guard !authority.contains("@") else { throw .malformed("it names a user") }
        var (host, rest) = (authority[...], authority[authority.endIndex...])
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw .malformed("its address has no end") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[authority.index(after: end)...]
            guard InternetAddress(String(host))?.isIPv6 == true else { throw .malformed("its address is none") }
        } else if let colon = authority.firstIndex(of: ":") {
            (host, rest) = (authority[..<colon], authority[colon...])
        }
        guard !rest.isEmpty else { return (host.lowercased(), nil) }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), (1...65535).contains(port)
        else { throw .malformed("its port is none") }
        return (host.lowercased(), port)
    }

    /// A host that ends in a number must be an address in the strict form: resolvers take `2130706433`, `127.1` and
    /// `0x7f.1` for addresses too.
    private static func checked(_ host: String) throws(WebRefusal) -> String {
        if InternetAddress(host) != nil { return host }
        let name = host.hasSuffix(".") ? host.dropLast() : host[...]
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let last = labels.last, name.utf8.count <= 253,
            labels.allSatisfy({ (1...63).contains($0.utf8.count) && $0.utf8.allSatisfy(isNameByte) })
        else { throw .malformed("its host is none") }
        guard !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !last.hasPrefix("0x") else {
            throw .malformed("its host is an address in an unusual form")
        }
        return host
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}

/// Why a URL is not fetched.
public enum WebRefusal: Error, Sendable, Hashable {
    /// It can't be read, or could be read in more than one way.
    case malformed(String)
    /// Its scheme is not among those that are allowed.
    case scheme(String)
    /// Its host is not among those that are allowed.
    case host(String)
    /// Its port is not among those that are allowed.
    case port(Int)
    /// Its host has no address that may be reached, of those it has.
    case address(host: String)
    /// It leads on more often than is followed.
    case tooManyRedirects
}

extension WebRefusal: CustomStringConvertible {
    /// The reason in words, without what the network answered.
    public var description: String {
        switch self {
        case .malformed(let reason): "the URL is refused: \(reason)"
        case .scheme(let scheme): "the scheme \(scheme) is not allowed"
        case .host(let host): "the host \(host) is not allowed"
        case .port(let port): "the port \(port) is not allowed"
        case .address(let host): "the host \(host) has no address that may be reached"
        case .tooManyRedirects: "the URL redirects too often"
        }
    }
}
