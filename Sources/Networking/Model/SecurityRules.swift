import CloudCore
import NetworkMessages

/// What a security group rule may say, and the rules that new groups begin with.
enum SecurityRules {
    /// The protocols Neutron knows by name, with IANA's numbers.
    static let protocols: [String: Int] = [
        "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
        "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
        "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
    ]
    /// The protocols that have ports.
    static let withPorts: Set = [6, 17, 33, 132, 136]
    /// The protocols that exist in IPv6 alone.
    static let onlyV6: Set = [41, 43, 44, 58, 59, 60]

    /// A protocol's number as text; ICMP in IPv6 is ICMPv6 whichever name it was given.
    static func number(of text: String, _ etherType: LogicalRule.EtherType) -> String {
        let number = protocols[text] ?? Int(text) ?? 0
        return String(etherType == .ipv6 && number == 1 ? 58 : number)
    }
}

/// A rule as it is asked for, before its group is known to exist.
struct SecurityRuleDraft: Sendable, Hashable {
    var groupID: String
    var projectID: String?
    var direction: LogicalRule.Direction
    var etherType: LogicalRule.EtherType = .ipv4
    var ipProtocol: String?
    var portMin: Int?
    var portMax: Int?
    var remoteCIDR: String?
    var remoteGroupID: String?
    var remoteAddressGroupID: String?
    var description = ""

    /// A rule of a group.
    init(groupID: String, _ direction: LogicalRule.Direction, _ etherType: LogicalRule.EtherType) {
        (self.groupID, self.direction, self.etherType) = (groupID, direction, etherType)
    }

    /// The rule in its canonical form, as Neutron stores it.
    /// - Throws: `NetworkingError` for combinations that mean nothing.
    func validated() throws(NetworkingError) -> SecurityRuleDraft {
        var rule = self
        try rule.settleProtocol()
        if rule.portMin == 1, rule.portMax == 65535 { (rule.portMin, rule.portMax) = (nil, nil) }
        try rule.checkPorts()
        try rule.settlePrefix()
        guard [rule.remoteCIDR, rule.remoteGroupID, rule.remoteAddressGroupID].count(where: { $0 != nil }) < 2 else {
            throw NetworkingError(
                .badRequest, "SecurityGroupMultipleRemoteEntites",
                "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.")
        }
        return rule
    }

    private mutating func settleProtocol() throws(NetworkingError) {
        guard let text = ipProtocol?.lowercased(), text != "any" else { return ipProtocol = nil }
        if let number = Int(text) {
            guard (0...255).contains(number) else { throw Self.unknownProtocol(text) }
        } else if SecurityRules.protocols[text] == nil {
            throw Self.unknownProtocol(text)
        }
        if etherType == .ipv6, ["icmp", "icmpv6"].contains(text) {
            ipProtocol = "ipv6-icmp"
        } else {
            ipProtocol = text
        }
        guard let number = protocolNumber, etherType == .ipv4, SecurityRules.onlyV6.contains(number) else { return }
        throw NetworkingError(
            .badRequest, "SecurityGroupEthertypeConflictWithProtocol", "Protocol \(text) does not exist in \(etherType.rawValue).")
    }

    private static func unknownProtocol(_ text: String) -> NetworkingError {
        NetworkingError(
            .badRequest, "SecurityGroupRuleInvalidProtocol",
            "Security group rule protocol \(text) is not supported: use a number from 0 to 255 or one of "
                + SecurityRules.protocols.keys.sorted().joined(separator: ", ") + ".")
    }

    static func invalidPort(_ text: String) -> NetworkingError {
        NetworkingError(.badRequest, "SecurityGroupInvalidPortValue", "Invalid value for port \(text)")
    }

    private var protocolNumber: Int? { ipProtocol.flatMap { SecurityRules.protocols[$0] ?? Int($0) } }

    private func checkPorts() throws(NetworkingError) {
        guard portMin != nil || portMax != nil else { return }
        guard let number = protocolNumber else {
            throw NetworkingError(
                .badRequest, "SecurityGroupProtocolRequiredWithPorts", "A port range needs a protocol.")
        }
        if SecurityRules.withPorts.contains(number) {
            guard portMin != 0, portMax != 0 else { throw Self.invalidPort("0") }
            // Clients look for these words of upstream's.
            guard let portMin, let portMax, portMin <= portMax else {
                throw NetworkingError(
                    .badRequest, "SecurityGroupInvalidPortRange",
                    "For TCP/UDP protocols, port_range_min must be <= port_range_max")
            }
        } else if number == 1 || number == 58 {
            try checkICMP()
        } else {
            throw NetworkingError(
                .badRequest, "SecurityGroupInvalidProtocolForPort", "Protocol \(ipProtocol ?? "") has no ports.")
        }
    }

    private func checkICMP() throws(NetworkingError) {
        for (field, value) in [("type", portMin), ("code", portMax)] {
            guard let value, !(0...255).contains(value) else { continue }
            throw NetworkingError(
                .badRequest, "SecurityGroupInvalidIcmpValue",
                "Invalid value for ICMP \(field) (port-range-\(field == "type" ? "min" : "max")) \(value): it must be from 0 to 255.")
        }
        guard portMin == nil, let portMax else { return }
        throw NetworkingError(
            .badRequest, "SecurityGroupMissingIcmpType",
            "ICMP code (port-range-max) \(portMax) is provided but ICMP type (port-range-min) is missing.")
    }

    private mutating func settlePrefix() throws(NetworkingError) {
        guard let text = remoteCIDR, !text.isEmpty else { return remoteCIDR = nil }
        guard let range = CIDR(text) else {
            throw NetworkingError(.badRequest, "InvalidCIDR", "Invalid CIDR \(text) given as IP prefix.")
        }
        guard (range.version == .v4) == (etherType == .ipv4) else {
            throw NetworkingError(
                .badRequest, "SecurityGroupRuleParameterConflict",
                "Conflicting value ethertype \(etherType.rawValue) for CIDR \(text)")
        }
        remoteCIDR = text.contains("/") ? text : range.description
    }
}

/// A network's largest packet.
enum MTU {
    /// The smallest MTU that IPv4 hosts must take (RFC 791), and that IPv6 links must have (RFC 8200).
    static let minimum = (v4: 68, v6: 1280)

    /// The largest packet of a network of a type.
    /// - Parameters:
    ///   - physical: what the physical networks carry, in bytes.
    ///   - path: what carries the tunnels, in bytes; 0 for what the physical networks carry.
    static func largest(_ type: NetworkType, physical: Int, path: Int) -> Int {
        let underlay = path > 0 ? min(path, physical) : physical
        // Outer IPv4 header 20; then Geneve's 8 + UDP 8 + inner Ethernet 14 + 8 of options as OVN sends them;
        // VXLAN 8 + UDP 8 + Ethernet 14; GRE 8 + Ethernet 14.
        return switch type {
        case .local, .flat, .vlan: physical
        case .geneve: underlay - 58
        case .vxlan: underlay - 50
        case .gre: underlay - 42
        }
    }
}
