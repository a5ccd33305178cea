import CloudCore

/// An address scope: ranges within one never overlap, so that its subnets can be routed to each other as they are.
struct AddressScope: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    let version: IPAddress.Version
    var sharing: Sharing = .none
}

/// A subnet pool: prefixes from which subnets are cut.
struct SubnetPool: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    /// The prefixes: the fewest that make the pool's addresses, in rising order.
    var prefixes: [CIDR]
    let version: IPAddress.Version
    /// The shortest, the longest and the usual prefix of its subnets.
    var bounds: PrefixBounds
    /// How much each project may have of it, in IPv4 addresses or IPv6 /64s; nil or 0 for any amount.
    var quota: Int?
    var isDefault: Bool
    var scopeID: String?
    var sharing: Sharing = .none
    var standard: StandardAttributes

    /// The addresses.
    var addresses: CIDRSet { CIDRSet(prefixes, version: version) }
}

/// The lengths that the prefixes of a pool's subnets may have.
struct PrefixBounds: Sendable, Hashable {
    /// The shortest prefix, of the largest subnet.
    var minimum: Int
    /// The longest prefix, of the smallest subnet.
    var maximum: Int
    /// The prefix of a subnet that names none.
    var standard: Int
}

/// Neutron's rules about subnet pools.
enum SubnetPoolRules {
    /// The family of prefixes.
    /// - Throws: `NetworkingError` for none, or of both families.
    static func version(of prefixes: [CIDR]) throws(NetworkingError) -> IPAddress.Version {
        guard let version = prefixes.first?.version else {
            throw NetworkingError(.badRequest, "EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
        }
        guard prefixes.allSatisfy({ $0.version == version }) else {
            throw NetworkingError(.badRequest, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
        }
        return version
    }

    /// The bounds of a pool that names these; the rest is the family's.
    static func bounds(
        minimum: Int?, maximum: Int?, standard: Int?, version: IPAddress.Version
    ) throws(NetworkingError) -> PrefixBounds {
        let shortest = minimum ?? (version == .v4 ? 8 : 64)
        let bounds = PrefixBounds(minimum: shortest, maximum: maximum ?? version.width, standard: standard ?? shortest)
        try check(bounds, version: version)
        return bounds
    }

    static func check(_ bounds: PrefixBounds, version: IPAddress.Version) throws(NetworkingError) {
        try order("min_prefixlen", bounds.minimum, "max_prefixlen", bounds.maximum, bounds.minimum <= bounds.maximum)
        try order("max_prefixlen", bounds.maximum, "ip_version_max", version.width, bounds.maximum <= version.width)
        try order("default_prefixlen", bounds.standard, "min_prefixlen", bounds.minimum, bounds.standard >= bounds.minimum)
        try order("default_prefixlen", bounds.standard, "max_prefixlen", bounds.maximum, bounds.standard <= bounds.maximum)
    }

    private static func order(_ name: String, _ value: Int, _ other: String, _ limit: Int, _ holds: Bool) throws(NetworkingError) {
        guard !holds else { return }
        throw NetworkingError(
            .badRequest, "IllegalSubnetPoolPrefixBounds", "Illegal prefix bounds: \(name)=\(value), \(other)=\(limit).")
    }

    /// Checks the length of the prefix that a subnet is to have.
    static func check(prefixLength: Int, of pool: SubnetPool) throws(NetworkingError) {
        guard prefixLength <= pool.bounds.maximum else {
            throw NetworkingError(
                .badRequest, "MaxPrefixSubnetAllocationError",
                "Unable to allocate subnet with prefix length \(prefixLength), maximum allowed prefix is \(pool.bounds.maximum).")
        }
        guard prefixLength >= pool.bounds.minimum else {
            throw NetworkingError(
                .badRequest, "MinPrefixSubnetAllocationError",
                "Unable to allocate subnet with prefix length \(prefixLength), minimum allowed prefix is \(pool.bounds.minimum).")
        }
    }

    /// How much of a quota a prefix takes: IPv4 is counted in addresses, IPv6 in /64s, of which smaller ones are parts.
    static func share(of cidr: CIDR) -> Double { share(prefixLength: cidr.prefixLength, cidr.version) }

    static func share(prefixLength: Int, _ version: IPAddress.Version) -> Double {
        var share = 1.0
        let distance = (version == .v4 ? 32 : 64) - prefixLength
        for _ in 0..<abs(distance) { share *= distance > 0 ? 2 : 0.5 }
        return share
    }

    /// The first free prefix of a length, from the smallest gap that has room for it; nil when none has.
    static func firstFree(prefixLength: Int, in pool: SubnetPool, besides taken: [CIDR]) -> CIDR? {
        let free = pool.addresses.subtracting(CIDRSet(taken, version: pool.version)).cidrs
        let longest = free.filter { $0.prefixLength <= prefixLength }.map(\.prefixLength).max()
        return free.first { $0.prefixLength == longest }.map { CIDR($0.network, prefixLength: prefixLength) }
    }
}

extension NetworkingError {
    static func subnetPoolNotFound(_ id: String) -> Self { notFound("SubnetPoolNotFound", "Subnet pool", id) }
    static func addressScopeNotFound(_ id: String) -> Self { notFound("AddressScopeNotFound", "Address scope", id) }
    static func illegalPoolUpdate(_ reason: String) -> Self {
        Self(.badRequest, "IllegalSubnetPoolUpdate", "Illegal subnetpool update : \(reason).")
    }
    static func illegalPrefixUpdate(_ reason: String) -> Self {
        Self(.badRequest, "IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: \(reason).")
    }
}
