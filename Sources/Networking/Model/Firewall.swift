import CloudCore

/// A firewall rule: which traffic a policy lets through or stops.
struct FirewallRule: Sendable, Hashable {
    /// What becomes of traffic.
    enum Action: String, Sendable, Hashable, CaseIterable { case allow, deny, reject }

    let id: String
    let projectID: String
    var name = ""
    /// Whether every project's policies may have it.
    var isShared = false
    /// The protocol's name; nil for any.
    var ipProtocol: String?
    /// 4 or 6.
    var ipVersion = 4
    /// Ranges with prefix length; nil for any.
    var source: String?
    var destination: String?
    /// A port, or a range such as `80:90`; nil for any.
    var sourcePort: String?
    var destinationPort: String?
    var action = Action.deny
    var isEnabled = true
    var standard: StandardAttributes

    /// The protocols that rules can name.
    static let protocols: Set = [
        "ah", "dccp", "egp", "esp", "gre", "icmp", "igmp", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt",
        "ipv6-opts", "ipv6-route", "ipip", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp",
    ]
    /// The protocols whose ports rules can name.
    static let protocolsWithPorts: Set = ["tcp", "udp"]

    /// Upstream's rules for what goes together.
    func check() throws(NetworkingError) {
        let hasPorts = sourcePort != nil || destinationPort != nil
        if hasPorts {
            guard let ipProtocol else {
                throw NetworkingError(
                    .badRequest, "FirewallRuleWithPortWithoutProtocolInvalid", "Source/destination port requires a protocol.")
            }
            guard Self.protocolsWithPorts.contains(ipProtocol) else {
                throw NetworkingError(
                    .badRequest, "FirewallRuleInvalidICMPParameter",
                    "Source, destination port are not allowed when protocol is set to \(ipProtocol).")
            }
        }
        for port in [sourcePort, destinationPort].compactMap({ $0 }) where PortForwarding.range(port) == nil {
            throw NetworkingError(.badRequest, "FirewallRuleInvalidPortValue", "Invalid value for port \(port).")
        }
        for range in [source, destination].compactMap({ $0 }) where CIDR(range)?.version.rawValue != ipVersion {
            throw NetworkingError(
                .badRequest, "FirewallIpAddressConflict", "Invalid input - IP addresses do not agree with IP Version.")
        }
    }
}

/// A firewall policy: rules in the order in which they are asked.
struct FirewallPolicy: Sendable, Hashable {
    let id: String
    let projectID: String
    var name = ""
    var isShared = false
    /// Whether someone has looked it over since it last changed.
    var isAudited = false
    var standard: StandardAttributes

    /// The names of the policies of default groups, which no other policy may have.
    static let reserved: Set = ["default ingress", "default egress"]
}

/// A firewall group: ports with the policies for what they receive and send.
struct FirewallGroup: Sendable, Hashable {
    let id: String
    let projectID: String
    var name = ""
    var isShared = false
    var isAdminUp = true
    /// Whether it is the one that every project has.
    var isDefault = false
    var ingressPolicyID: String?
    var egressPolicyID: String?
    var standard: StandardAttributes

    /// The name of default groups, which no other group may have.
    static let reserved = "default"

    /// What upstream calls a group with these ports.
    func status(ports: [String]) -> String { isAdminUp ? (ports.isEmpty ? "INACTIVE" : "ACTIVE") : "DOWN" }
}

/// What a firewall does with a port's traffic. What no rule admits is dropped; answers to admitted traffic pass.
struct EffectiveFirewall: Sendable, Hashable {
    /// The group.
    var groupID: String
    /// Whether the group is up; everything is dropped while it is not.
    var isAdminUp: Bool
    /// The enabled rules for what enters the port's network or guest, in order.
    var ingress: [FirewallRule]
    /// The enabled rules for what leaves it, in order.
    var egress: [FirewallRule]
}

extension NetworkingError {
    static func firewallGroupNotFound(_ id: String) -> Self { notFound("FirewallGroupNotFound", "Firewall group", id) }
    static func firewallPolicyNotFound(_ id: String) -> Self { notFound("FirewallPolicyNotFound", "Firewall policy", id) }
    static func firewallRuleNotFound(_ id: String) -> Self { notFound("FirewallRuleNotFound", "Firewall rule", id) }
}
