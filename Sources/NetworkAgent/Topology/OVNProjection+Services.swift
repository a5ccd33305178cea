import NetworkMessages

// What stands beside a port's or a router's own rows: names, limits, forwarded ports, advertisements.
extension OVNProjection {
    /// The rows of a port's services.
    func serviceRows(of port: LogicalPort) throws(TopologyError) -> [OVNRow] {
        [try dnsRow(of: port)].compactMap(\.self) + qosRows(of: port) + (try dhcpRows(of: port))
            + (try port.firewall.map { firewall throws(TopologyError) in try rows(of: firewall, scope(of: port)) } ?? [])
    }

    /// The names of a port, which OVN answers for within the network: its own, in the cloud's domain and in the network's, and
    /// backwards the first full one. Nil for a port without a name or address.
    private func dnsRow(of port: LogicalPort) throws(TopologyError) -> OVNRow? {
        guard let name = port.hostName?.lowercased(), Self.quotedName(name) != nil, !port.fixedIPs.isEmpty else { return nil }
        var addresses: [NetworkAddress] = []
        for fixed in port.fixedIPs { addresses.append(try NetworkAddress(fixed.address, what: "A port's address")) }
        let domains = [options.dnsDomain, port.domain].compactMap(\.self).filter { Self.quotedName($0) != nil }
        let full = domains.map { "\(name).\($0.lowercased())" }
        let all = addresses.map(\.description).joined(separator: " ")
        var records = Dictionary(([name] + full).map { ($0, all) }) { first, _ in first }
        if let canonical = full.first { for address in addresses { records[address.reverseName] = canonical } }
        return OVNRow(
            .dns, OVNRowKey(TopologyEntity.port(port).key, "dns"), id: port.id, parent: Self.switchKey(port.networkID),
            columns: ["records": .strings(records)])
    }

    /// The limits and marks of a port.
    private func qosRows(of port: LogicalPort) -> [OVNRow] {
        guard let qos = port.qos else { return [] }
        return qosRows(
            qos, OVNRowKey(TopologyEntity.port(port).key, "qos"), id: port.id, network: port.networkID,
            egress: "inport == \"\(port.id)\"", ingress: "outport == \"\(port.id)\"")
    }

    /// The limits of what leaves a router by a gateway: of each floating IP with a policy, and of the rest.
    func qosRows(of router: LogicalRouter) throws(TopologyError) -> [OVNRow] {
        let key = TopologyEntity.router(router).key
        var rows: [OVNRow] = []
        for gateway in [router.gateway].compactMap(\.self) + router.furtherGateways {
            let (port, network) = (gateway.interface.portID, gateway.interface.networkID)
            // The limit is where the gateway is, whatever other hosts see of the same packets.
            let here = "is_chassis_resident(\"cr-\(Self.routerPortName(port))\")"
            let (egress, ingress) = ("inport == \"\(port)\" && \(here)", "outport == \"\(port)\" && \(here)")
            if let qos = gateway.qos {
                rows += qosRows(
                    qos, OVNRowKey(key, "qos/\(port)"), id: router.id, network: network, egress: egress, ingress: ingress,
                    priority: 2001)
            }
            for floating in router.floatingIPs where (floating.networkID ?? network) == network {
                guard let qos = floating.qos else { continue }
                let address = try NetworkAddress(floating.externalIP, what: "A floating IP")
                let family = address.isIPv6 ? "ip6" : "ip4"
                rows += qosRows(
                    qos, OVNRowKey(key, "qos/\(port)/\(floating.id)"), id: floating.id, network: network,
                    egress: "\(egress) && \(family).src == \(address)", ingress: "\(ingress) && \(family).dst == \(address)")
            }
        }
        return rows
    }

    /// Limits and marks on a network. OVN's marking and limiting are tables of their own, so each is a row.
    private func qosRows(
        _ qos: PortQoS, _ key: OVNRowKey, id: String, network: String, egress: String, ingress: String, priority: Int = 2002
    ) -> [OVNRow] {
        func row(_ name: String, _ direction: String, _ match: String, _ columns: OVSDBRow) -> OVNRow {
            var all: OVSDBRow = [
                "direction": .string(direction), "priority": .integer(priority), "match": .string(match),
                "action": .map([:]), "bandwidth": .map([:]),
            ]
            all.merge(columns) { $1 }
            return OVNRow(
                .qos, OVNRowKey(owner: key.owner, name: "\(key.name)/\(name)"), id: id, parent: Self.switchKey(network), columns: all)
        }
        func bandwidth(_ limit: PortQoS.Bandwidth) -> OVSDBRow {
            var values: [OVSDBAtom: OVSDBAtom] = [.string("rate"): .integer(max(1, limit.rate))]
            if limit.burst > 0 { values[.string("burst")] = .integer(limit.burst) }
            return ["bandwidth": .map(values)]
        }
        return [
            qos.egress.map { row("egress", "from-lport", egress, bandwidth($0)) },
            qos.ingress.map { row("ingress", "to-lport", ingress, bandwidth($0)) },
            qos.dscp.map { row("dscp", "from-lport", egress, ["action": .map([.string("dscp"): .integer($0)])]) },
        ].compactMap(\.self)
    }

    /// A forwarded port: a load balancer with one member on the router, which also translates the answers back.
    func row(of forwarding: PortForwardingMapping, in router: OVNRowKey) throws(TopologyError) -> OVNRow {
        let external = try NetworkAddress(forwarding.externalIP, what: "A floating IP")
        let fixed = try NetworkAddress(forwarding.internalIP, what: "A fixed IP")
        guard ["tcp", "udp", "sctp"].contains(forwarding.ipProtocol) else {
            throw .invalid(what: "A forwarding's protocol", value: forwarding.ipProtocol)
        }
        func endpoint(_ address: NetworkAddress, _ port: Int) -> String {
            address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        return OVNRow(
            .loadBalancer, OVNRowKey(owner: router.owner, name: "forwarding/\(forwarding.id)"), id: forwarding.id, parent: router,
            columns: [
                "name": .string("forwarding-\(forwarding.id)"), "protocol": .string(forwarding.ipProtocol),
                "vips": .strings([
                    endpoint(external, forwarding.externalPort): endpoint(fixed, forwarding.internalPort)
                ]),
                "options": .strings([String: String]()),
            ])
    }

    /// A router port's advertisements in OVN's words (ovn-nb(5), ipv6_ra_configs).
    func advertisement(_ advertisement: RouterAdvertisement?) throws(TopologyError) -> [String: String] {
        guard let advertisement else { return [:] }
        let mode =
            switch advertisement.mode {
            case .slaac: "slaac"
            case .stateful: "dhcpv6_stateful"
            case .stateless: "dhcpv6_stateless"
            }
        var options = ["address_mode": mode, "mtu": String(advertisement.mtu), "send_periodic": "true"]
        for text in advertisement.nameservers {
            let address = try NetworkAddress(text, what: "A name server")
            // There is room for one.
            if address.isIPv6, options["rdnss"] == nil { options["rdnss"] = address.description }
        }
        return options
    }
}
