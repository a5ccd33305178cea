import CloudAPI
import CloudCore
import CloudStore

/// What a request says of a new subnet's range: the range itself, or the pool that it is cut from.
struct SubnetOrder: Sendable {
    /// The name of prefix delegation where a pool's id stands.
    private static let delegation = "prefix_delegation"

    let attributes: Attributes
    let projectID: String
    /// The range asked for.
    let cidr: CIDR?
    /// The family asked for: 4 or 6.
    let version: Int?
    private let poolID: String?
    private let prefixLength: Int?
    private let usesDefault: Bool

    /// Reads a body.
    /// - Throws: `NetworkingError` for what contradicts itself.
    init(_ attributes: Attributes, _ request: APIRequest) throws(NetworkingError) {
        self.attributes = attributes
        projectID = try attributes.project(of: request)
        cidr = try Self.cidr(attributes)
        (version, prefixLength) = (attributes.number("ip_version"), attributes.number("prefixlen"))
        (poolID, usesDefault) = (attributes.text("subnetpool_id"), attributes.flag("use_default_subnetpool") ?? false)
        if let cidr, let version, version != cidr.version.rawValue {
            throw .invalidInput("cidr '\(cidr)' does not match the ip_version '\(version)'")
        }
        if cidr != nil, prefixLength != nil {
            throw .badRequest("subnets", "cidr and prefixlen must not be supplied together")
        }
        if usesDefault, poolID != nil {
            throw .badRequest("subnets", "subnetpool_id and use_default_subnetpool cannot both be specified")
        }
        guard poolID != nil || usesDefault || cidr != nil else {
            throw .badRequest("subnets", "a subnetpool must be specified in the absence of a cidr")
        }
        guard cidr != nil || attributes.json["allocation_pools"]?.array == nil else {
            throw .badRequest("subnets", "allocation_pools allowed only for specific subnet requests")
        }
        if poolID == nil, !usesDefault, version == nil { throw .badBody("An ip_version is needed") }
        if let poolID, poolID != Self.delegation, !Self.isUUID(poolID) {
            throw .badBody("Invalid input for subnetpool_id. Reason: '\(poolID)' is not a valid subnetpool ID.")
        }
    }

    private static func isUUID(_ text: String) -> Bool {
        let digits = text.filter { $0 != "-" }
        return digits.count == 32 && digits.allSatisfy(\.isHexDigit)
    }

    private static func cidr(_ attributes: Attributes) throws(NetworkingError) -> CIDR? {
        guard let text = attributes.text("cidr") else { return nil }
        guard text.contains("/"), let cidr = CIDR(text) else {
            throw .badBody("Invalid input for cidr. Reason: '\(text)' is not a valid IP subnet.")
        }
        return cidr
    }

    /// Where the range is from.
    /// - Throws: `NetworkingError` when the default pool is meant and there is none.
    func choice(visibility: Visibility, in reader: any Reader) throws -> Operations.PrefixChoice {
        if poolID == Self.delegation { return try delegated() }
        if let poolID { return .cut(pool: poolID, cidr, prefixLength: prefixLength) }
        guard usesDefault else {
            return .given(try cidr.orThrow(.badRequest("subnets", "a subnetpool must be specified in the absence of a cidr")))
        }
        guard let number = cidr?.version.rawValue ?? version, let family = IPAddress.Version(rawValue: number) else {
            throw NetworkingError.badRequest("subnets", "ip_version must be specified in the absence of cidr and subnetpool_id")
        }
        guard let pool = try SubnetPoolRecords.standard(family, visibility, in: reader) else {
            throw NetworkingError.badRequest("subnets", "No default subnetpool found for IPv\(number)")
        }
        return .cut(pool: pool.id, cidr, prefixLength: prefixLength)
    }

    /// Prefix delegation gives ranges only to subnets that name none, and only where an agent asks for them: here none
    /// does (ipv6_pd_enabled is off).
    private func delegated() throws(NetworkingError) -> Operations.PrefixChoice {
        if let cidr { return .given(cidr) }
        guard version == 6 else {
            throw .badRequest("subnets", "Prefix Delegation can only be used with IPv6 subnets")
        }
        for name in ["ipv6_ra_mode", "ipv6_address_mode"] {
            guard [IPv6Mode.slaac, .stateless].contains(attributes.text(name).flatMap(IPv6Mode.init)) else {
                throw .badRequest("subnets", "\(name) must be slaac or dhcpv6-stateless for Prefix Delegation")
            }
        }
        throw .badRequest("subnets", "Prefix Delegation is not enabled")
    }
}
