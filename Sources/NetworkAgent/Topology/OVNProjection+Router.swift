import CloudCore
import NetworkMessages

extension OVNProjection {
    /// A router: its interfaces on both sides, its gateway, its routes and its translations.
    func rows(of router: LogicalRouter) throws(TopologyError) -> [OVNRow] {
        let owner = TopologyEntity.router(router).key
        let key = OVNRowKey(owner, "router")
        var rows = [
            OVNRow(
                .logicalRouter, key, id: router.id, labels: [OVNRowKey.nameLabel: router.name],
                columns: [
                    "name": .string(router.id), "enabled": .boolean(router.adminUp),
                    // Neighbours are resolved when needed; learning each from every request does not scale.
                    "options": .strings(["always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true"]),
                ])
        ]
        for interface in router.interfaces {
            rows += try self.rows(of: interface, in: key)
            if let firewall = interface.firewall { rows += try self.rows(of: firewall, try scope(of: interface, owner: owner)) }
        }
        var destinations: Set<OVNRowKey> = []
        for route in router.routes {
            // Two ways of writing the same route are one.
            let row = try row(of: route, of: router.id, in: key)
            if destinations.insert(row.key).inserted { rows.append(row) }
        }
        for gateway in [router.gateway].compactMap(\.self) + router.furtherGateways {
            rows += try self.rows(of: gateway, in: key, router: router)
        }
        for floating in router.floatingIPs { rows.append(try row(of: floating, in: key)) }
        for forwarding in router.forwardings { rows.append(try row(of: forwarding, in: key)) }
        rows += try qosRows(of: router)
        return rows
    }

    /// A router's port and its attachment to the network; `gateway` is nil for one that does not lead out.
    private func rows(
        of interface: RouterInterface, in router: OVNRowKey, gateway: RouterGateway? = nil
    ) throws(TopologyError) -> [OVNRow] {
        // On a network without subnets there is nothing to route.
        guard !interface.addresses.isEmpty else { return [] }
        var networks: [String] = []
        for address in interface.addresses { networks.append(try NetworkPrefix(address, what: "A router's address").description) }
        let name = Self.routerPortName(interface.portID)
        var options = ["router-port": name]
        if gateway != nil {
            // The external network must learn where the gateway's and the floating addresses are.
            options["nat-addresses"] = "router"
            options["exclude-lb-vips-from-garp"] = "true"
        }
        var attachment = OVNRow(
            .logicalSwitchPort, OVNRowKey(owner: router.owner, name: "attachment/\(interface.portID)/\(interface.networkID)"),
            id: interface.portID, parent: Self.switchKey(interface.networkID),
            labels: [OVNRowKey.networkLabel: interface.networkID],
            columns: [
                "name": .string(interface.portID), "type": .string("router"), "addresses": .string("router"),
                "enabled": .boolean(true), "options": .strings(options),
            ])
        if interface.firewall != nil {
            attachment.groups = [OVNRowKey(owner: router.owner, name: "firewall/\(interface.portID)")]
        }
        return [
            OVNRow(
                .logicalRouterPort, OVNRowKey(owner: router.owner, name: "interface/\(interface.portID)"), id: interface.portID,
                parent: router, labels: [OVNRowKey.networkLabel: interface.networkID],
                columns: [
                    "name": .string(name), "mac": .string(try MACAddress(interface.mac).description),
                    "networks": .strings(networks),
                    "options": .strings(gateway?.mtu.map { ["gateway_mtu": String($0)] } ?? [:]),
                    "ipv6_ra_configs": .strings(try advertisement(interface.advertisement)),
                ]),
            attachment,
        ]
    }

    private func rows(
        of gateway: RouterGateway, in key: OVNRowKey, router: LogicalRouter
    ) throws(TopologyError) -> [OVNRow] {
        var rows = try self.rows(of: gateway.interface, in: key, gateway: gateway)
        guard let port = rows.first?.key else { return [] }
        let name = Self.routerPortName(gateway.interface.portID)
        let hosts = chassis(for: router)
        for (position, chassis) in hosts.enumerated() {
            rows.append(OVNRow(
                .gatewayChassis, OVNRowKey(owner: key.owner, name: "chassis/\(gateway.interface.portID)/\(chassis)"),
                id: router.id, parent: port,
                columns: [
                    "name": .string("\(name)_\(chassis)"), "chassis_name": .string(chassis),
                    "priority": .integer(hosts.count - position),
                ]))
        }
        for nexthop in gateway.nexthops {
            let address = try NetworkAddress(nexthop, what: "A gateway")
            let route = Route(destination: address.isIPv6 ? "::/0" : "0.0.0.0/0", nexthop: nexthop)
            var row = try row(of: route, of: router.id, in: key, output: name)
            if router.watchesNexthops {
                let session = OVNRowKey(owner: key.owner, name: "bfd/\(gateway.interface.portID)/\(address)")
                row.refer("bfd", to: session)
                rows.append(OVNRow(
                    .bfd, session, id: router.id,
                    columns: ["logical_port": .string(name), "dst_ip": .string(address.description)]))
            }
            rows.append(row)
        }
        for range in gateway.snat?.ranges ?? [] {
            let prefix = try NetworkPrefix(range, what: "A translated range")
            let external = try NetworkAddress(gateway.snat?.externalIP ?? "", what: "A gateway's address")
            guard prefix.isIPv6 == external.isIPv6 else { continue }
            let isFirst = gateway.interface.portID == router.gateway?.interface.portID
            let label = isFirst ? "snat/\(prefix.cidr)" : "snat/\(prefix.cidr)/\(gateway.interface.portID)"
            var row = natRow(label, id: router.id, in: key, type: "snat", external, prefix.cidr)
            if !router.furtherGateways.isEmpty { row.refer("gateway_port", to: port) }
            rows.append(row)
        }
        return rows
    }

    private func row(
        of route: Route, of routerID: String, in router: OVNRowKey, output: String? = nil
    ) throws(TopologyError) -> OVNRow {
        let destination = try NetworkPrefix(route.destination, what: "A route's destination")
        let nexthop = try NetworkAddress(route.nexthop, what: "A route's next hop")
        let kind = output == nil ? "route" : "default"
        return OVNRow(
            .staticRoute, OVNRowKey(owner: router.owner, name: "\(kind)/\(destination.cidr)/\(nexthop)"), id: routerID,
            parent: router,
            columns: [
                "ip_prefix": .string(destination.cidr), "nexthop": .string(nexthop.description),
                "output_port": output.map(OVSDBValue.string) ?? .none,
            ])
    }

    private func row(of floating: FloatingMapping, in router: OVNRowKey) throws(TopologyError) -> OVNRow {
        let external = try NetworkAddress(floating.externalIP, what: "A floating IP")
        let fixed = try NetworkAddress(floating.internalIP, what: "A fixed IP")
        var row = natRow(
            "floating/\(floating.id)", id: floating.id, in: router, type: "dnat_and_snat", external, fixed.description)
        if options.distributedFloatingIPs {
            row.columns["logical_port"] = .string(floating.portID)
            row.columns["external_mac"] = .string(try MACAddress(floating.mac).description)
        }
        return row
    }

    private func natRow(
        _ name: String, id: String, in router: OVNRowKey, type: String, _ external: NetworkAddress, _ logical: String
    ) -> OVNRow {
        OVNRow(
            .nat, OVNRowKey(owner: router.owner, name: name), id: id, parent: router,
            columns: [
                "type": .string(type), "external_ip": .string(external.description), "logical_ip": .string(logical),
                "logical_port": .none, "external_mac": .none,
            ])
    }

    /// The chassis for a router, best first: those it was placed on, and where none of them is known all that are. There every
    /// router starts at another place of the list, so that they spread.
    private func chassis(for router: LogicalRouter) -> [String] {
        let chosen = router.gatewayHosts.filter(Self.isChassisName)
        let all = options.gatewayChassis.filter { !chosen.contains($0) }
        guard all.count == options.gatewayChassis.count, !all.isEmpty else { return chosen }
        let hash = router.id.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        let start = Int(hash % UInt32(all.count))
        return chosen + all[start...] + all[..<start]
    }

    /// Whether a host's name may be a chassis': such as hosts have.
    private static func isChassisName(_ name: String) -> Bool { isHostName(name, with: "._-") }
}
