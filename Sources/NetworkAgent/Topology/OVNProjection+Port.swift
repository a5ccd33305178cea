import NetworkMessages

extension OVNProjection {
    /// A guest's port.
    func row(of port: LogicalPort) throws(TopologyError) -> OVNRow {
        let mac = try MACAddress(port.mac)
        var own: [NetworkAddress] = []
        for fixed in port.fixedIPs { own.append(try NetworkAddress(fixed.address, what: "A port's address")) }
        let pairs = try allowedPairs(of: port)
        var labels = [OVNRowKey.networkLabel: port.networkID]
        for (family, label) in [("dhcp4", "altostack:dhcp4"), ("dhcp6", "altostack:dhcp6")] {
            labels[label] = dhcpLabel(of: port, own, family)
        }
        if let limits = PacketLimits(port.qos) {
            (labels[OVNRowKey.limitLabel], labels[OVNRowKey.packetsLabel]) = (PacketMeters.limitWord, limits.text)
        }
        // The tag stands in both columns because northd copies the request to the tag: both are what it leaves there.
        let tag = port.carrier.map { OVSDBValue.integer($0.tag) } ?? .none
        var options: [String: String] = [:]
        options["requested-chassis"] = port.host
        options["hostname"] = port.hostName.flatMap(Self.quotedName)
        if let virtual = port.virtualAddress {
            // Who announces the address has it; until somebody does nobody is sent what is meant for it.
            options["virtual-ip"] = try NetworkAddress(virtual.address, what: "A port's address").description
            options["virtual-parents"] = virtual.parents.joined(separator: ",")
        }
        var row = OVNRow(
            .logicalSwitchPort, OVNRowKey(TopologyEntity.port(port).key, "port"), id: port.id,
            parent: Self.switchKey(port.networkID), labels: labels,
            columns: [
                "name": .string(port.id), "type": .string(port.virtualAddress == nil ? "" : "virtual"), "enabled": .boolean(port.adminUp),
                "addresses": .strings(addresses(mac, own, pairs, isOpen: !port.portSecurity)),
                "port_security": .strings(port.portSecurity ? security(mac, own, pairs) : []),
                "options": .strings(options), "tag": tag, "tag_request": tag,
                "parent_name": port.carrier.map { .string($0.parentID) } ?? .none,
            ])
        if port.portSecurity {
            row.groups = Set(port.securityGroupIDs.map(Self.groupKey) + [Self.dropGroup])
        }
        if port.firewall != nil { row.groups.insert(Self.firewallGroup(scope(of: port))) }
        if let isolation = port.isolation { row.groups.insert(Self.isolationGroup(isolation, in: port.networkID)) }
        return row
    }

    private func allowedPairs(of port: LogicalPort) throws(TopologyError) -> [(mac: MACAddress, range: NetworkPrefix)] {
        var pairs: [(MACAddress, NetworkPrefix)] = []
        for pair in port.allowedPairs {
            pairs.append((try MACAddress(pair.mac), try NetworkPrefix(pair.address, what: "An allowed address")))
        }
        return pairs
    }

    /// What the switch sends to the port: its own address line, and further MACs that may answer there.
    private func addresses(
        _ mac: MACAddress, _ own: [NetworkAddress], _ pairs: [(mac: MACAddress, range: NetworkPrefix)], isOpen: Bool
    ) -> [String] {
        let line = ([mac.description] + own.map(\.description)).joined(separator: " ")
        let further = Set(pairs.map(\.mac)).subtracting([mac]).map(\.description).sorted()
        return [line] + further + (isOpen ? ["unknown"] : [])
    }

    /// What the port may send: for each MAC one line with its addresses.
    private func security(
        _ mac: MACAddress, _ own: [NetworkAddress], _ pairs: [(mac: MACAddress, range: NetworkPrefix)]
    ) -> [String] {
        var lines: [MACAddress: [String]] = [mac: own.map(\.description)]
        for pair in pairs {
            let whole = pair.range.address.bytes.count * 8 == pair.range.length
            lines[pair.mac, default: []].append(whole ? pair.range.address.description : pair.range.description)
        }
        return lines.sorted { $0.key.description < $1.key.description }.map { mac, addresses in
            // A guest may answer for its link-local address; by itself OVN 23.03 lets no answer pass (its flows ask for a
            // hop limit of 225).
            let own = addresses.contains { $0.contains(":") } ? [mac.linkLocal.description] : []
            return ([mac.description] + addresses + own.filter { !addresses.contains($0) }).joined(separator: " ")
        }
    }
}
