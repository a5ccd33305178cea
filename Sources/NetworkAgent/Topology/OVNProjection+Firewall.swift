import CloudCore
import NetworkMessages

// Firewalls as rules of the switch. OVN tracks no connections at a router's own ports, so what a router's firewall is
// about is told by the router's MAC address, and tracked at the guests' ports.
extension OVNProjection {
    /// Whose traffic a firewall is about.
    struct FirewallScope {
        /// The port in whose switch the rules hold.
        var portID: String
        /// The entity whose rows they are.
        var owner: TopologyKey
        /// What leaves towards the router or from the guest, and what comes in.
        var egress: String
        var ingress: String
        /// What no filter is asked about, of what leaves.
        var exempt: [String]
    }

    static func firewallGroup(_ scope: FirewallScope) -> OVNRowKey { OVNRowKey(scope.owner, "firewall/\(scope.portID)") }

    /// The scope of a router's interface. What is for the router itself is not forwarded, and no firewall's business.
    func scope(of interface: RouterInterface, owner: TopologyKey) throws(TopologyError) -> FirewallScope {
        let mac = try MACAddress(interface.mac)
        var exempt: [String] = []
        for text in interface.addresses {
            let address = try NetworkPrefix(text, what: "A router's address").address
            exempt.append("\(address.isIPv6 ? "ip6" : "ip4").dst == \(address)")
        }
        return FirewallScope(
            portID: interface.portID, owner: owner, egress: "eth.dst == \(mac)", ingress: "eth.src == \(mac)", exempt: exempt)
    }

    /// The scope of a guest's port. A guest always reaches its metadata and DHCP.
    func scope(of port: LogicalPort) -> FirewallScope {
        FirewallScope(
            portID: port.id, owner: TopologyEntity.port(port).key, egress: "inport == \"\(port.id)\"",
            ingress: "outport == \"\(port.id)\"",
            exempt: [
                "ip4 && udp.src == 68 && udp.dst == 67", "ip6 && udp.src == 546 && udp.dst == 547",
                "ip4.dst == 169.254.169.254 && tcp.dst == 80", "ip6.dst == \(Self.metadataIPv6) && tcp.dst == 80",
            ])
    }

    /// A firewall's port group and rules. What leaves has a table of its own behind that of the security groups, in which
    /// filters keep their order. What comes in shares one with them, so there stands only what is dropped.
    func rows(of firewall: LogicalFirewall, _ scope: FirewallScope) throws(TopologyError) -> [OVNRow] {
        let group = Self.firewallGroup(scope)
        guard scope.portID.isPlain(with: "-") else { throw .invalid(what: "A port's id", value: scope.portID) }
        let name = "fw_" + scope.portID.replacing("-", with: "_")
        var rows = [OVNRow(.portGroup, group, id: scope.portID, columns: ["name": .string(name)])]
        func add(_ row: String, _ direction: String, _ priority: Int, _ terms: [String], _ action: String) {
            let options = direction == "from-lport" ? ["apply-after-lb": "true"] : [:]
            rows.append(OVNRow(
                .acl, OVNRowKey(owner: group.owner, name: "\(group.name)/\(row)"), id: scope.portID, parent: group,
                columns: [
                    "direction": .string(direction), "priority": .integer(priority),
                    "match": .string(terms.joined(separator: " && ")), "action": .string(action), "options": .strings(options),
                ]))
        }
        for (position, exempt) in scope.exempt.enumerated() {
            add("exempt/\(position)", "from-lport", 30_000, [scope.egress, exempt], "allow-related")
        }
        add("exempt/rest", "from-lport", 1_000, [scope.egress, "ip"], "drop")
        for (position, filter) in firewall.egress.enumerated() {
            let terms = try TrafficRegion(filter).terms(Self.family(filter.etherType))
            let action = [.allow: "allow-related", .reject: "reject"][filter.action, default: "drop"]
            // Later ones beyond the room for priorities say nothing, and the rest is dropped.
            guard position < 20_000 else { break }
            add(
                "egress/\(position)", "from-lport", 29_000 - position, [scope.egress, Self.family(filter.etherType)] + terms, action)
        }
        for etherType in [LogicalRule.EtherType.ipv4, .ipv6] {
            let family = Self.family(etherType)
            let dropped = try TrafficRegion.dropped(by: firewall.ingress.filter { $0.etherType == etherType })
            for (position, drop) in dropped.enumerated() {
                add(
                    "ingress/\(family)/\(position)", "to-lport", 2_000, [scope.ingress, family] + drop.region.terms(family),
                    drop.isRejected ? "reject" : "drop")
            }
        }
        return rows
    }

    private static func family(_ etherType: LogicalRule.EtherType) -> String { etherType == .ipv4 ? "ip4" : "ip6" }
}
