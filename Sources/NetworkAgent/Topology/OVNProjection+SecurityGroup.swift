import NetworkMessages

extension OVNProjection {
    /// A security group: its port group and one ACL a rule.
    func rows(of group: LogicalSecurityGroup) throws(TopologyError) -> [OVNRow] {
        let key = Self.groupKey(group.id)
        let name = try Self.groupName(group.id)
        var rows = [
            OVNRow(
                .portGroup, key, id: group.id, labels: [OVNRowKey.nameLabel: group.name], columns: ["name": .string(name)])
        ]
        for rule in group.rules {
            rows.append(OVNRow(
                .acl, OVNRowKey(owner: key.owner, name: "acl/\(rule.id)"), id: rule.id, parent: key,
                columns: [
                    "direction": .string(rule.direction == .ingress ? "to-lport" : "from-lport"),
                    "priority": .integer(1002), "match": .string(try match(of: rule, group: name)),
                    "action": .string(group.stateful ? "allow-related" : "allow-stateless"),
                ].merging(Self.logging(group, group.logged?.admitted ?? false)) { $1 }))
        }
        if group.logged?.dropped ?? false { rows += dropRows(of: group, in: key, name) }
        return rows
    }

    /// What a group's members lose, dropped before the common rules drop it, so that it is logged under the group's name.
    private func dropRows(of group: LogicalSecurityGroup, in key: OVNRowKey, _ name: String) -> [OVNRow] {
        [("drop/ingress", "to-lport", "outport"), ("drop/egress", "from-lport", "inport")].map { row, direction, port in
            OVNRow(
                .acl, OVNRowKey(owner: key.owner, name: row), id: group.id, parent: key,
                columns: [
                    "direction": .string(direction), "priority": .integer(1001), "match": .string("\(port) == @\(name) && ip"),
                    "action": .string("drop"),
                ].merging(Self.logging(group, true)) { $1 })
        }
    }

    /// How a host's `ovn-controller` logs what meets a rule: a line that names the group, no more of them than the meter lets by.
    private static func logging(_ group: LogicalSecurityGroup, _ isOn: Bool) -> OVSDBRow {
        [
            "log": .boolean(isOn), "name": isOn ? .string(group.id) : .none, "severity": isOn ? .string("info") : .none,
            "meter": isOn ? .string(logMeterName) : .none,
        ]
    }

    private func match(of rule: LogicalRule, group: String) throws(TopologyError) -> String {
        let family = rule.etherType == .ipv4 ? "ip4" : "ip6"
        let remote = rule.direction == .ingress ? "\(family).src" : "\(family).dst"
        var terms = [rule.direction == .ingress ? "outport == @\(group)" : "inport == @\(group)", family]
        if let cidr = rule.remoteCIDR {
            let prefix = try NetworkPrefix(cidr, what: "A rule's range")
            if !prefix.isDefault { terms.append("\(remote) == \(prefix.cidr)") }
        }
        if let remoteGroup = rule.remoteGroupID {
            terms.append("\(remote) == $\(try Self.groupName(remoteGroup))_\(family)")
        }
        return (terms + (try protocolTerms(of: rule))).joined(separator: " && ")
    }

    private func protocolTerms(of rule: LogicalRule) throws(TopologyError) -> [String] {
        // "ip" is every protocol.
        guard let name = rule.ipProtocol, name.lowercased() != "ip" else { return [] }
        guard let number = IPProtocol.number(name, etherType: rule.etherType) else {
            throw .invalid(what: "A rule's protocol", value: name)
        }
        switch number {
        case 6, 17, 132:
            let word = [6: "tcp", 17: "udp", 132: "sctp"][number, default: "ip"]
            return [word] + portTerms("\(word).dst", rule.portMin, rule.portMax)
        case 1, 58:
            let word = number == 1 ? "icmp4" : "icmp6"
            return [word] + [
                rule.portMin.map { "\(word).type == \($0)" }, rule.portMax.map { "\(word).code == \($0)" },
            ].compactMap(\.self)
        default:
            return ["ip.proto == \(number)"]
        }
    }

    private func portTerms(_ field: String, _ first: Int?, _ last: Int?) -> [String] {
        guard let first else { return last.map { ["\(field) <= \($0)"] } ?? [] }
        guard let last, last != first else { return ["\(field) == \(first)"] }
        return ["\(field) >= \(first)", "\(field) <= \(last)"]
    }
}

/// The IP protocols that Neutron knows by name, with IANA's numbers.
enum IPProtocol {
    private static let numbers = [
        "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2, "ipip": 4,
        "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113,
        "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
    ]

    /// The number of a protocol given by name or number. `icmp` in an IPv6 rule means ICMPv6.
    static func number(_ name: String, etherType: LogicalRule.EtherType) -> Int? {
        let number = numbers[name.lowercased()] ?? Int(name).flatMap { (0...255).contains($0) ? $0 : nil }
        return etherType == .ipv6 && number == 1 ? 58 : number
    }
}
