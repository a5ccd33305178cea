import CloudCore
import NetworkMessages

/// A subnet as it is asked for, before it is known to fit its network.
struct SubnetDraft: Sendable, Hashable {
    /// What the client says of the gateway.
    enum Gateway: Sendable, Hashable {
        /// Nothing: the first address of the range.
        case automatic
        /// There is none.
        case none
        /// This one.
        case address(IPAddress)
    }

    var networkID: String
    var projectID: String?
    var name = ""
    var description = ""
    var cidr: CIDR
    var gateway: Gateway = .automatic
    var pools: [AddressRange]?
    var isDHCPEnabled = true
    var nameservers: [String] = []
    var hostRoutes: [Route] = []
    var serviceTypes: [String] = []
    var publishesFixedIPs = false
    var raMode: IPv6Mode?
    var addressMode: IPv6Mode?
    var segmentID: String?
}

/// Neutron's rules about subnets.
enum SubnetRules {
    /// The most resolvers a subnet may have (max_dns_nameservers).
    static let nameserverLimit = 5
    /// The most host routes a subnet may have (max_subnet_host_routes).
    static let hostRouteLimit = 20

    /// The gateway of a draft: its own word, or the range's first host address; in IPv6 the subnet-router anycast
    /// address, on which every router answers.
    static func gateway(of draft: SubnetDraft) -> IPAddress? {
        switch draft.gateway {
        case .none: nil
        case .address(let address): address
        case .automatic: draft.cidr.version == .v6 ? draft.cidr.first : draft.cidr.first.advanced(by: 1)
        }
    }

    /// The pools of a range whose gateway is set aside.
    static func defaultPools(_ cidr: CIDR, gateway: IPAddress?) -> [AddressRange] {
        guard let gateway else { return [cidr.hosts] }
        return cidr.hosts.removing(gateway)
    }

    /// Checks a whole draft by itself.
    static func check(_ draft: SubnetDraft) throws(NetworkingError) {
        guard draft.cidr.prefixLength > 0 else { throw .invalidInput("0 is not allowed as CIDR prefix length") }
        guard !(draft.cidr.version == .v6 && draft.cidr.first.value == 0) else {
            throw .invalidInput("IPv6 subnet '::' is not supported")
        }
        if draft.isDHCPEnabled { try checkDHCP(draft.cidr) }
        try checkGateway(gateway(of: draft), in: draft.cidr)
        try checkServices(nameservers: draft.nameservers, hostRoutes: draft.hostRoutes, version: draft.cidr.version)
        try checkModes(draft)
    }

    /// Checks that DHCP can serve a range.
    static func checkDHCP(_ cidr: CIDR) throws(NetworkingError) {
        guard cidr.prefixLength <= (cidr.version == .v4 ? 30 : 126) else {
            throw .invalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
        }
        guard !cidr.first.isMulticast else { throw .invalidInput("A multicast subnet cannot have enable_dhcp") }
        guard !cidr.first.isLoopback else { throw .invalidInput("A loopback subnet cannot have enable_dhcp") }
        guard cidr.version == .v6 || cidr.first.value != 0 else {
            throw .invalidInput("A subnet that begins at 0.0.0.0 cannot have enable_dhcp")
        }
    }

    /// Checks a gateway's family and, within the range, that hosts can reach it. It may lie outside.
    static func checkGateway(_ gateway: IPAddress?, in cidr: CIDR) throws(NetworkingError) {
        guard let gateway else { return }
        guard gateway.version == cidr.version else { throw wrongVersion("gateway_ip", gateway.description, cidr.version) }
        guard cidr.version == .v4, cidr.contains(gateway), !cidr.hosts.contains(gateway) else { return }
        throw .invalidInput("Gateway is not valid on subnet")
    }

    private static func wrongVersion(_ field: String, _ value: String, _ version: IPAddress.Version) -> NetworkingError {
        .invalidInput("\(field) '\(value)' does not match the ip_version '\(version.rawValue)'")
    }

    /// Checks resolvers and routes.
    static func checkServices(
        nameservers: [String], hostRoutes: [Route], version: IPAddress.Version
    ) throws(NetworkingError) {
        guard nameservers.count <= nameserverLimit else {
            throw NetworkingError(
                .badRequest, "DNSNameServersExhausted", "The number of DNS nameservers exceeds the limit \(nameserverLimit).")
        }
        for server in nameservers {
            guard let address = IPAddress(server) else { throw .invalidInput("Error parsing dns address \(server)") }
            guard address.version == version else { throw wrongVersion("dns_nameserver", server, version) }
        }
        guard hostRoutes.count <= hostRouteLimit else {
            throw NetworkingError(
                .badRequest, "HostRoutesExhausted", "The number of host routes exceeds the limit \(hostRouteLimit).")
        }
        for route in hostRoutes { try check(route, version: version) }
    }

    private static func check(_ route: Route, version: IPAddress.Version) throws(NetworkingError) {
        guard let destination = CIDR(route.destination), let nexthop = IPAddress(route.nexthop) else {
            throw .invalidInput("Invalid route: destination \(route.destination), nexthop \(route.nexthop)")
        }
        guard nexthop.version == version else { throw wrongVersion("nexthop", route.nexthop, version) }
        guard destination.version == version else { throw wrongVersion("destination", route.destination, version) }
    }

    private static func checkModes(_ draft: SubnetDraft) throws(NetworkingError) {
        guard draft.raMode != nil || draft.addressMode != nil else { return }
        guard draft.cidr.version == .v6 else {
            throw .invalidInput("ipv6_ra_mode and ipv6_address_mode are not valid when ip_version is 4")
        }
        guard draft.isDHCPEnabled else {
            throw .invalidInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
        }
        if let raMode = draft.raMode, let addressMode = draft.addressMode, raMode != addressMode {
            throw .invalidInput(
                "ipv6_ra_mode set to '\(raMode.rawValue)' with ipv6_address_mode set to '\(addressMode.rawValue)' is not"
                    + " valid: if both are set they must be the same")
        }
        let isAuto = [draft.raMode, draft.addressMode].contains { $0 == .slaac || $0 == .stateless }
        guard !isAuto || draft.cidr.prefixLength == 64 else {
            throw .invalidInput("Invalid CIDR \(draft.cidr) for IPv6 address mode: EUI-64 addresses need a /64")
        }
    }

    /// Checks pools against the range, each other and the gateway.
    static func check(_ pools: [AddressRange], in cidr: CIDR, gateway: IPAddress?) throws(NetworkingError) {
        for (position, pool) in pools.enumerated() {
            guard pool.first.version == cidr.version, pool.last.version == cidr.version, pool.first <= pool.last else {
                throw NetworkingError(.badRequest, "InvalidAllocationPool", "The allocation pool \(pool) is not valid.")
            }
            guard cidr.hosts.contains(pool.first), cidr.hosts.contains(pool.last) else {
                throw NetworkingError(
                    .badRequest, "OutOfBoundsAllocationPool", "The allocation pool \(pool) reaches beyond \(cidr).")
            }
            if let other = pools[..<position].first(where: pool.overlaps) {
                throw NetworkingError(
                    .conflict, "OverlappingAllocationPools", "The allocation pools \(other) and \(pool) of \(cidr) overlap.")
            }
            if let gateway, pool.contains(gateway) {
                throw NetworkingError(
                    .conflict, "GatewayConflictWithAllocationPools", "Gateway \(gateway) lies in the allocation pool \(pool).")
            }
        }
    }

    /// Checks that an address may be given to a port of an owner. Only routers take IPv6's subnet-router anycast.
    static func check(_ address: IPAddress, in subnet: Subnet, owner: String) throws(NetworkingError) {
        let isRouter = owner.isEmpty || owner.hasPrefix("network:router_")
        let fits = subnet.cidr.version == .v6 && isRouter
            ? subnet.cidr.contains(address) : subnet.cidr.hosts.contains(address)
        guard fits else { throw .invalidIP(address.description, subnet: subnet.id) }
    }
}
