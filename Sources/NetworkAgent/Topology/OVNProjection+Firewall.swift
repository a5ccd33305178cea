import NetworkMessages

// A firewall of a router's interface. OVN tracks no connections on a router's ports, so the rules stand on the network's
// switch, for what crosses the network's edge. They only drop: what they leave is still up to the security groups.
extension OVNProjection {
    /// The group whose one member, the switch's port to the router, puts the rules on the switch.
    static func firewallKey(_ interface: RouterInterface, in router: OVNRowKey) -> OVNRowKey {
        OVNRowKey(owner: router.owner, name: "firewall/\(interface.portID)")
    }

    /// The rows of an interface's firewall; none without one.
    func firewallRows(of interface: RouterInterface, in router: OVNRowKey) throws(TopologyError) -> [OVNRow] {
        guard let firewall = interface.firewall else { return [] }
        let group = Self.firewallKey(interface, in: router)
        let name = try Self.groupName(interface.portID).replacing("pg_", with: "fw_")
        var rows = [OVNRow(.portGroup, group, id: interface.portID, columns: ["name": .string(name)])]
        for family in [LogicalRule.EtherType.ipv4, .ipv6] {
            let ranges = try ranges(of: interface, family)
            guard !ranges.isEmpty else { continue }
            for (direction, rules) in [(LogicalRule.Direction.ingress, firewall.ingress), (.egress, firewall.egress)] {
                let match = try Self.dropped(rules.filter { $0.etherType == family }, direction, family, ranges)
                rows.append(OVNRow(
                    .acl, OVNRowKey(owner: group.owner, name: "\(group.name)/\(direction.rawValue)/\(Self.word(family))"),
                    id: interface.portID, parent: group,
                    columns: [
                        "direction": .string(direction == .ingress ? "to-lport" : "from-lport"), "priority": .integer(1100),
                        "match": .string(match), "action": .string("drop"), "options": .strings([String: String]()),
                    ]))
            }
        }
        return rows
    }

    private func ranges(
        of interface: RouterInterface, _ family: LogicalRule.EtherType
    ) throws(TopologyError) -> [String] {
        var ranges: [String] = []
        for address in interface.addresses {
            let prefix = try NetworkPrefix(address, what: "A router's address")
            if prefix.isIPv6 == (family == .ipv6) { ranges.append(prefix.cidr) }
        }
        return ranges.sorted()
    }

    private static func word(_ family: LogicalRule.EtherType) -> String { family == .ipv4 ? "ip4" : "ip6" }

    /// What crosses the edge and no rule admits.
    private static func dropped(
        _ rules: [FirewallFilter], _ direction: LogicalRule.Direction, _ family: LogicalRule.EtherType, _ ranges: [String]
    ) throws(TopologyError) -> String {
        let word = word(family)
        let (inner, outer) = direction == .egress ? ("src", "dst") : ("dst", "src")
        // A network's own services, and what never leaves a network.
        let local = family == .ipv4 ? ["169.254.169.254", "224.0.0.0/4", "255.255.255.255"] : ["fe80::/10", "ff00::/8"]
        let within = "\(word).\(inner) == {\(ranges.joined(separator: ", "))}"
        let beyond = "\(word).\(outer) != {\((ranges + local).joined(separator: ", "))}"
        let crossing = "\(word) && \(within) && \(beyond)"
        guard let admitted = try admitted(rules, word) else { return crossing }
        return "\(crossing) && !(\(admitted))"
    }

    /// What the rules admit, of which the first that fits decides; nil for nothing.
    private static func admitted(_ rules: [FirewallFilter], _ word: String) throws(TopologyError) -> String? {
        var admitted: String?
        for rule in rules.reversed() {
            let match = "(\(try match(of: rule, word)))"
            if rule.admits {
                admitted = admitted.map { "\(match) || (\($0))" } ?? match
            } else {
                admitted = admitted.map { "!\(match) && (\($0))" }
            }
        }
        return admitted
    }

    private static func match(of rule: FirewallFilter, _ word: String) throws(TopologyError) -> String {
        var terms = [word]
        for (side, range) in [("src", rule.source), ("dst", rule.destination)] {
            guard let range else { continue }
            let prefix = try NetworkPrefix(range, what: "A firewall rule's range")
            if !prefix.isDefault { terms.append("\(word).\(side) == \(prefix.cidr)") }
        }
        guard let name = rule.ipProtocol else { return terms.joined(separator: " && ") }
        guard let number = IPProtocol.number(name, etherType: rule.etherType) else {
            throw .invalid(what: "A firewall rule's protocol", value: name)
        }
        switch number {
        case 6, 17:
            let transport = number == 6 ? "tcp" : "udp"
            terms.append(transport)
            for (side, ports) in [("src", rule.sourcePorts), ("dst", rule.destinationPorts)] {
                guard let ports else { continue }
                terms.append("\(transport).\(side) >= \(ports.lowerBound) && \(transport).\(side) <= \(ports.upperBound)")
            }
        default: terms.append("ip.proto == \(number)")
        }
        return terms.joined(separator: " && ")
    }
}
