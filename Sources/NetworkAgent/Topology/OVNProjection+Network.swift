import CloudCore
import NetworkMessages

extension OVNProjection {
    /// A network: its switch, its place in the physical world, its metadata port and its subnets' DHCP.
    func rows(of network: LogicalNetwork) throws(TopologyError) -> [OVNRow] {
        let owner = TopologyEntity.network(network).key
        let key = Self.switchKey(network.id)
        var configuration = ["mtu": String(network.mtu)]
        if network.carriesTags { configuration["vlan-passthru"] = "true" }
        var rows = [
            OVNRow(
                .logicalSwitch, key, id: network.id, labels: [OVNRowKey.nameLabel: network.name],
                columns: ["name": .string(network.id), "other_config": .strings(configuration)])
        ]
        if let physical = network.physical {
            rows.append(localnetRow(physical, of: network, in: key))
        } else if let tunnel = network.tunnel {
            let bridge = PhysicalAttachment(label: TunnelBridge.label, vlan: tunnel.tag)
            rows.append(localnetRow(bridge, of: network, in: key, labels: [OVNRowKey.tunnelLabel: TunnelBridge.text(tunnel)]))
        }
        for place in network.furtherPhysical { rows.append(localnetRow(place, of: network, in: key, name: place.label)) }
        if let port = network.metadataPort {
            rows.append(try metadataRow(port, of: network, in: key))
        }
        for subnet in network.subnets where subnet.dhcp {
            let prefix = try NetworkPrefix(subnet.cidr, what: "A subnet's range")
            guard !prefix.isIPv6 else {
                if let row = try dhcp6Row(of: subnet, prefix, in: network) { rows.append(row) }
                continue
            }
            rows.append(OVNRow(
                .dhcpOptions, OVNRowKey(owner, "dhcp4/\(subnet.id)"), id: subnet.id,
                columns: [
                    "cidr": .string(prefix.cidr), "options": .strings(try dhcpOptions(of: subnet, prefix, in: network)),
                ]))
        }
        if let separation = network.separation { rows += try self.rows(of: separation, in: network.id) }
        return rows
    }

    private func localnetRow(
        _ physical: PhysicalAttachment, of network: LogicalNetwork, in parent: OVNRowKey, name: String? = nil,
        labels: [String: String] = [:]
    ) -> OVNRow {
        // The tag stands in both columns because northd copies the request to the tag: both are what it leaves there.
        let tag = physical.vlan.map(OVSDBValue.integer) ?? .none
        var options = ["network_name": physical.label]
        // OVN's own spelling, which later versions still read.
        if network.hasOuterTag { options["ethtype"] = "802.11ad" }
        return OVNRow(
            .logicalSwitchPort, OVNRowKey(owner: parent.owner, name: name.map { "localnet/\($0)" } ?? "localnet"), id: network.id,
            parent: parent, labels: labels,
            columns: [
                "name": .string(name.map { "localnet-\(network.id)-\($0)" } ?? "localnet-\(network.id)"), "type": .string("localnet"), "addresses": .string("unknown"),
                "options": .strings(options), "tag": tag, "tag_request": tag,
            ])
    }

    private func metadataRow(
        _ port: MetadataPort, of network: LogicalNetwork, in parent: OVNRowKey
    ) throws(TopologyError) -> OVNRow {
        let mac = try MACAddress(port.mac)
        var addresses: [NetworkPrefix] = []
        for address in port.addresses { addresses.append(try NetworkPrefix(address, what: "A metadata port's address")) }
        let line = ([mac.description] + addresses.map(\.address.description) + [Self.metadataIPv6]).joined(separator: " ")
        return OVNRow(
            .logicalSwitchPort, OVNRowKey(owner: parent.owner, name: "metadata"), id: port.id, parent: parent,
            labels: [
                OVNRowKey.networkLabel: network.id,
                OVNRowKey.cidrsLabel: addresses.map(\.description).joined(separator: " "),
            ],
            columns: ["name": .string(port.id), "type": .string("localport"), "addresses": .string(line)])
    }

    /// The address at which guests reach metadata by IPv6, on every network.
    static let metadataIPv6 = "fe80::a9fe:a9fe"

    /// DHCPv6 options in OVN's words; nil for a subnet whose guests do without.
    func dhcp6Row(
        of subnet: LogicalSubnet, _ prefix: NetworkPrefix, in network: LogicalNetwork
    ) throws(TopologyError) -> OVNRow? {
        guard subnet.addressMode != .slaac else { return nil }
        var options = ["server_id": try MACAddress(network.metadataPort?.mac ?? "fa:16:3e:00:00:00").description]
        if subnet.addressMode == .stateless { options["dhcpv6_stateless"] = "true" }
        if let domain = self.options.dnsDomain.flatMap(Self.quotedName) { options["domain_search"] = domain }
        let nameservers = try nameservers(of: subnet, prefix)
        if !nameservers.isEmpty { options["dns_server"] = "{\(nameservers.joined(separator: ", "))}" }
        return OVNRow(
            .dhcpOptions, Self.dhcpKey(network.id, subnet.id, "dhcp6"), id: subnet.id,
            columns: ["cidr": .string(prefix.cidr), "options": .strings(options)])
    }

    /// DHCPv4 options in OVN's words (ovn-nb(5), DHCP_Options). The metadata port is the server, because its address is
    /// answered for on every network, with or without a router.
    func dhcpOptions(
        of subnet: LogicalSubnet, _ prefix: NetworkPrefix, in network: LogicalNetwork
    ) throws(TopologyError) -> [String: String] {
        let metadata = try metadataAddress(of: network, in: prefix)
        let gateway = try subnet.gateway.map { text throws(TopologyError) in try NetworkAddress(text, what: "A gateway") }
        var options = [
            "server_id": (metadata ?? gateway ?? prefix.network).description,
            "server_mac": try MACAddress(network.metadataPort?.mac ?? "fa:16:3e:00:00:00").description,
            "lease_time": String(self.options.leaseTime),
            "mtu": String(network.mtu),
        ]
        options["router"] = gateway?.description
        if let domain = self.options.dnsDomain.flatMap(Self.quotedName) { options["domain_name"] = domain }
        let nameservers = try nameservers(of: subnet, prefix)
        if !nameservers.isEmpty { options["dns_server"] = "{\(nameservers.joined(separator: ", "))}" }
        let routes = try classlessRoutes(of: subnet, metadata: metadata, gateway: gateway)
        if !routes.isEmpty { options["classless_static_route"] = "{\(routes.joined(separator: ", "))}" }
        return options
    }

    /// The resolvers of a subnet, of its own family: those it names, and where it names none the cloud's. The address that means
    /// none (0.0.0.0, ::) keeps the subnet from having any.
    private func nameservers(of subnet: LogicalSubnet, _ prefix: NetworkPrefix) throws(TopologyError) -> [String] {
        var addresses: [NetworkAddress] = []
        for text in subnet.nameservers.isEmpty ? options.resolvers : subnet.nameservers {
            let address = try NetworkAddress(text, what: "A name server")
            if address.isIPv6 == prefix.isIPv6, !address.isUnspecified { addresses.append(address) }
        }
        return addresses.map(\.description)
    }

    private func metadataAddress(of network: LogicalNetwork, in prefix: NetworkPrefix) throws(TopologyError) -> NetworkAddress? {
        for text in network.metadataPort?.addresses ?? [] {
            let address = try NetworkPrefix(text, what: "A metadata port's address").address
            if prefix.contains(address) { return address }
        }
        return nil
    }

    /// Option 121 (RFC 3442). A client that honours it ignores the router option, so the default route is told here too.
    private func classlessRoutes(
        of subnet: LogicalSubnet, metadata: NetworkAddress?, gateway: NetworkAddress?
    ) throws(TopologyError) -> [String] {
        var routes: [String] = []
        if let metadata { routes.append("169.254.169.254/32,\(metadata)") }
        for route in subnet.hostRoutes {
            let destination = try NetworkPrefix(route.destination, what: "A route's destination")
            let nexthop = try NetworkAddress(route.nexthop, what: "A route's next hop")
            if !destination.isIPv6 { routes.append("\(destination.cidr),\(nexthop)") }
        }
        if let gateway, !routes.isEmpty { routes.append("0.0.0.0/0,\(gateway)") }
        return routes
    }

    /// Whether it has 1 to 253 letters, digits and others, of which it begins with none.
    static func isHostName(_ name: String, with others: StaticString) -> Bool {
        name.utf8.count <= 253 && name.isPlain(with: others) && name.prefix(1).isPlain()
    }

    /// A host or domain name as OVN's expressions quote text; nil for text that cannot be one, which is not announced.
    static func quotedName(_ name: String) -> String? {
        isHostName(name, with: ".-") ? "\"\(name)\"" : nil
    }
}
