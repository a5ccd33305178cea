import CloudCore
import NetworkMessages

// Ports that are kept apart. What their groups lose stands before the security groups' rules, so that those decide of the rest
// as on any network. Senders are told by their MAC addresses, which port security holds them to: a port's name means
// nothing on another host, and every kind of packet has one.
extension OVNProjection {
    /// The group of the ports of a network that are kept apart in one way.
    static func isolationGroup(_ isolation: PortIsolation, in networkID: String) -> OVNRowKey {
        let network = TopologyKey(kind: .network, id: networkID)
        return switch isolation {
        case .isolated: OVNRowKey(network, "isolated")
        case .community(let name): OVNRowKey(network, "community/\(name)")
        }
    }

    /// The groups, and for each the addresses whose packets its ports don't get.
    func rows(of separation: PortSeparation, in networkID: String) throws(TopologyError) -> [OVNRow] {
        guard networkID.isPlain(with: "-") else { throw .invalid(what: "A network's id", value: networkID) }
        let network = networkID.replacing("-", with: "_")
        var everyone = Set(try addresses(separation.isolated))
        for macs in separation.communities.values { everyone.formUnion(try addresses(macs)) }
        var rows = separation.isolated.isEmpty
            ? [] : rows(of: Self.isolationGroup(.isolated, in: networkID), "isolated_\(network)", id: networkID, losing: everyone)
        for (name, macs) in separation.communities.sorted(by: { $0.key < $1.key }) {
            guard name.wholeMatch(of: /[a-zA-Z_.][a-zA-Z_.0-9]*/) != nil else { throw .invalid(what: "A community's name", value: name) }
            rows += self.rows(
                of: Self.isolationGroup(.community(name), in: networkID), "community_\(network)_\(name)", id: networkID,
                losing: everyone.subtracting(try addresses(macs)))
        }
        return rows
    }

    private func addresses(_ macs: [String]) throws(TopologyError) -> [String] {
        var checked: [String] = []
        for mac in macs { checked.append(try MACAddress(mac).description) }
        return checked
    }

    private func rows(of group: OVNRowKey, _ name: String, id: String, losing senders: Set<String>) -> [OVNRow] {
        [
            OVNRow(.portGroup, group, id: id, columns: ["name": .string(name)]),
            OVNRow(
                .addressSet, OVNRowKey(owner: group.owner, name: "\(group.name)/senders"), id: id,
                columns: ["name": .string("\(name)_senders"), "addresses": .strings(senders.sorted())]),
            OVNRow(
                .acl, OVNRowKey(owner: group.owner, name: "\(group.name)/drop"), id: id, parent: group,
                columns: [
                    "direction": .string("to-lport"), "priority": .integer(3_000),
                    "match": .string("outport == @\(name) && eth.src == $\(name)_senders"), "action": .string("drop"),
                    "options": .strings([String: String]()),
                ]),
        ]
    }
}
