/// Which URLs the cloud fetches for its users. A pure value: it judges URLs and addresses; the client asks it for every
/// URL, every redirect, and every address that a name resolves to, and connects to a judged address only.
///
/// The lists are upstream's `import_filtering_opts`: a list of what is allowed that is not empty decides alone, else
/// what is disallowed is refused.
public struct WebFilter: Sendable, Hashable {
    /// Whether the cloud's own surroundings may be reached: loopback, link-local, private and unique-local addresses.
    public var allowsPrivate = false
    /// The schemes that may be used; empty for all but the disallowed ones.
    public var allowedSchemes = ["http", "https"]
    /// The schemes that may not be used.
    public var disallowedSchemes: [String] = []
    /// The hosts, as names or addresses, that may be reached; empty for all but the disallowed ones.
    public var allowedHosts: [String] = []
    /// The hosts, as names or addresses, that may not be reached.
    public var disallowedHosts: [String] = []
    /// The ports that may be reached; empty for all but the disallowed ones.
    public var allowedPorts = [80, 443]
    /// The ports that may not be reached.
    public var disallowedPorts: [Int] = []

    /// Upstream's defaults, and no private addresses.
    public init() {}

    /// Takes a URL apart and judges what can be judged without asking the network.
    public func target(_ url: String) throws(WebRefusal) -> WebTarget {
        let target = try WebTarget(url)
        try check(target)
        return target
    }

    /// Judges a target; its address too, if its host is one.
    public func check(_ target: WebTarget) throws(WebRefusal) {
        guard ["http", "https"].contains(target.scheme), admits(target.scheme, allowedSchemes, disallowedSchemes) else {
            throw .scheme(target.scheme)
        }
        let name = target.host.hasSuffix(".") ? String(target.host.dropLast()) : target.host
        guard admits(name, allowedHosts.map { $0.lowercased() }, disallowedHosts.map { $0.lowercased() }) else {
            throw .host(target.host)
        }
        guard admits(target.port, allowedPorts, disallowedPorts) else { throw .port(target.port) }
        if let address = target.address { _ = try admitted([address], for: target) }
    }

    /// The addresses of a target's host that may be reached, in their order.
    /// - Throws: `WebRefusal.address` when there is none.
    public func admitted(_ addresses: [InternetAddress], for target: WebTarget) throws(WebRefusal) -> [InternetAddress] {
        let good = addresses.filter(admits)
        guard !good.isEmpty else { throw .address(host: target.host) }
        return good
    }

    /// Whether an address may be reached.
    public func admits(_ address: InternetAddress) -> Bool {
        guard address.mapped == nil || allowsPrivate, !isDisallowed(address) else { return false }
        switch address.reach {
        case .global: return true
        case .loopback, .linkLocal, .private, .uniqueLocal: return allowsPrivate
        case .multicast, .unspecified, .reserved: return false
        }
    }

    private func isDisallowed(_ address: InternetAddress) -> Bool {
        guard allowedHosts.isEmpty else { return false }
        return disallowedHosts.contains { text in
            guard let refused = InternetAddress(text) else { return false }
            return refused == address || refused == address.mapped
        }
    }

    private func admits<Value: Equatable>(_ value: Value, _ allowed: [Value], _ disallowed: [Value]) -> Bool {
        allowed.isEmpty ? !disallowed.contains(value) : allowed.contains(value)
    }
}
