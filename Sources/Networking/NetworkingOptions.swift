/// What an operator decides about networking. The composition root fills it from the settings.
public struct NetworkingOptions: Sendable {
    /// The type of networks that projects make, such as `geneve` (ml2's first tenant_network_types).
    public var tenantNetworkType = "geneve"
    /// The tunnel keys that projects' networks get: Geneve's VNIs.
    public var tunnelIDs: ClosedRange<Int> = 1...65536
    /// The physical networks and the VLAN tags that may be handed out without being asked for by number.
    public var physicalNetworks: [PhysicalNetwork] = []
    /// What the physical networks carry, in bytes (global_physnet_mtu).
    public var physicalMTU = 1500
    /// What the network below the tunnels carries, in bytes; 0 for `physicalMTU` (path_mtu).
    public var pathMTU = 0
    /// The availability zones, as long as no host reports others.
    public var availabilityZones = ["nova"]
    /// How much a project may have, where no other limit was set for it; -1 for any number.
    public var quotas = NetworkingOptions.defaultQuotas
    /// How many items a list answers at most; nil for all (pagination_max_limit).
    public var pageLimit: Int?
    /// The domain of ports' fully qualified names (dns_domain).
    public var dnsDomain = "openstacklocal."
    /// How long the reconciler waits between complete comparisons.
    public var resyncInterval: Duration = .seconds(300)

    /// The defaults.
    public init() {}

    /// Upstream's default quotas.
    public static let defaultQuotas = [
        "network": 100, "subnet": 100, "port": 500, "router": 10, "floatingip": 50,
        "security_group": 10, "security_group_rule": 100,
        "rbac_policy": 10,
        "trunk": -1,
        "subnetpool": -1,
        "router_route": 30, "firewall_group": 10, "firewall_policy": 10, "firewall_rule": 100,
    ]
}

/// A physical network that hosts map to a bridge.
public struct PhysicalNetwork: Sendable, Hashable {
    /// Its label, such as `physnet1`.
    public var label: String
    /// Whether one flat network may use it untagged.
    public var allowsFlat: Bool
    /// The VLAN tags to hand out; nil when a tag must always be named.
    public var vlans: ClosedRange<Int>?
    /// What it carries, in bytes; nil for the general value.
    public var mtu: Int?

    /// A physical network.
    public init(label: String, allowsFlat: Bool = true, vlans: ClosedRange<Int>? = nil, mtu: Int? = nil) {
        (self.label, self.allowsFlat, self.vlans, self.mtu) = (label, allowsFlat, vlans, mtu)
    }
}
