import Foundation

/// What an operator may set about federation: Keystone's `[federation]`, and who may vouch for logins.
///
/// A web server in front of this cloud (Apache with mod_auth_openidc or mod_auth_mellon, an OAuth2 proxy) authenticates
/// people at their identity provider and passes what it learned in request headers. It must take headers that begin
/// with the prefix out of what clients send. Both settings are empty by default, and then there are no such logins.
public struct FederationOptions: Sendable {
    /// The addresses, or networks as in `192.0.2.0/24`, of the proxies whose headers are believed.
    public var trustedProxies: [String] = []
    /// How the names of headers with assertions begin, such as `OIDC-`; not empty, or a client's own headers would count.
    public var assertionPrefix = ""
    /// The attribute that holds a provider's remote id where its protocol names none.
    public var remoteIDAttribute: String?
    /// How many minutes memberships last where the provider has no number of its own.
    public var defaultAuthorizationTTL = 0
    /// The dashboards, by the exact address of their login page, that tokens may be sent to.
    public var trustedDashboards: [String] = []

    /// Upstream's defaults, and no trusted proxy.
    public init() {}

    /// Whether a text is an address or a network, as `trustedProxies` holds them.
    public static func isNetwork(_ text: String) -> Bool { NetworkAddress.network(text) != nil }

    /// Whether anybody may vouch for logins.
    var takesAssertions: Bool { !trustedProxies.isEmpty && !assertionPrefix.isEmpty }

    /// Whether the one at an address may vouch for logins.
    func trusts(_ address: String) -> Bool {
        guard takesAssertions, let address = NetworkAddress(address) else { return false }
        return trustedProxies.contains { NetworkAddress.network($0)?.contains(address) ?? false }
    }
}

/// An IP address as bits. An IPv4 address within IPv6 is that IPv4 address.
struct NetworkAddress: Hashable {
    let bytes: [UInt8]

    private static let mapped: [UInt8] = Array(repeating: 0, count: 10) + [255, 255]

    init?(_ text: String) {
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            let all = withUnsafeBytes(of: &six) { Array($0) }
            bytes = all.starts(with: Self.mapped) ? Array(all.dropFirst(Self.mapped.count)) : all
        } else {
            return nil
        }
    }

    /// An address with the length of its network's prefix.
    struct Network: Hashable {
        let address: NetworkAddress
        let length: Int

        func contains(_ other: NetworkAddress) -> Bool {
            guard other.bytes.count == address.bytes.count else { return false }
            return zip(address.bytes, other.bytes).enumerated().allSatisfy { position, pair in
                let bits = min(8, max(0, length - position * 8))
                return bits == 0 || (pair.0 ^ pair.1) >> (8 - UInt8(bits)) == 0
            }
        }
    }

    /// A network, or an address alone; nil for other texts.
    static func network(_ text: String) -> Network? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ NetworkAddress(String($0)) }) else { return nil }
        guard parts.count == 2 else { return Network(address: address, length: address.bytes.count * 8) }
        guard let length = Int(parts[1]), (0...address.bytes.count * 8).contains(length) else { return nil }
        return Network(address: address, length: length)
    }
}
