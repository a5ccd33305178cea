import NetworkMessages

// DHCP options of one port: rows of its own, which hold the subnet's options too, because OVN takes one row a port.
extension OVNProjection {
    /// The DHCP options that a port uses on a subnet, for a family, `dhcp4` or `dhcp6`; nil for a port that does without.
    func dhcpKey(of port: LogicalPort, subnet: String, _ family: String) -> OVNRowKey? {
        let version = family == "dhcp6" ? 6 : 4
        guard let dhcp = port.dhcp, dhcp.options.contains(where: { $0.ipVersion == version }) else {
            return Self.dhcpKey(port.networkID, subnet, family)
        }
        guard !dhcp.isDisabled(version) else { return nil }
        return OVNRowKey(TopologyEntity.port(port).key, "\(family)/\(subnet)")
    }

    /// The DHCP options that a port could use, one for each of its subnets of a family, as its label names them: which of them
    /// are there, and give addresses, is known where the rows are. Nil for a port that does without.
    func dhcpLabel(of port: LogicalPort, _ own: [NetworkAddress], _ family: String) -> String? {
        var keys: [String] = []
        for (fixed, address) in zip(port.fixedIPs, own) where address.isIPv6 == (family == "dhcp6") {
            guard let key = dhcpKey(of: port, subnet: fixed.subnetID, family)?.text, !keys.contains(key) else { continue }
            keys.append(key)
        }
        return keys.isEmpty ? nil : keys.joined(separator: " ")
    }

    /// The rows of a port's own options, for each of its subnets that serves DHCP.
    func dhcpRows(of port: LogicalPort) throws(TopologyError) -> [OVNRow] {
        guard let dhcp = port.dhcp else { return [] }
        var rows: [OVNRow] = []
        for subnet in dhcp.network.subnets where subnet.dhcp && port.fixedIPs.contains(where: { $0.subnetID == subnet.id }) {
            let prefix = try NetworkPrefix(subnet.cidr, what: "A subnet's range")
            let added = dhcp.options.filter { $0.ipVersion == (prefix.isIPv6 ? 6 : 4) }
            guard let key = dhcpKey(of: port, subnet: subnet.id, prefix.isIPv6 ? "dhcp6" : "dhcp4"), !added.isEmpty,
                var options = try base(of: subnet, prefix, in: dhcp.network)
            else { continue }
            for option in added { Self.add(option, to: &options) }
            rows.append(OVNRow(
                .dhcpOptions, key, id: port.id, columns: ["cidr": .string(prefix.cidr), "options": .strings(options)]))
        }
        return rows
    }

    private func base(
        of subnet: LogicalSubnet, _ prefix: NetworkPrefix, in network: LogicalNetwork
    ) throws(TopologyError) -> [String: String]? {
        guard prefix.isIPv6 else { return try dhcpOptions(of: subnet, prefix, in: network) }
        return try dhcp6Row(of: subnet, prefix, in: network)?.columns["options"]?.stringMap
    }

    /// DHCPv4's options by the names of dnsmasq, which Neutron's users write, by number, and as OVN calls them (ovn-nb(5)).
    private static let options4: [(name: String, number: Int, engine: String)] = [
        ("netmask", 1, "netmask"), ("router", 3, "router"), ("dns-server", 6, "dns_server"), ("log-server", 7, "log_server"),
        ("lpr-server", 9, "lpr_server"), ("hostname", 12, "hostname"), ("domain-name", 15, "domain_name"),
        ("swap-server", 16, "swap_server"), ("ip-forward-enable", 19, "ip_forward_enable"),
        ("policy-filter", 21, "policy_filter"), ("default-ttl", 23, "default_ttl"), ("mtu", 26, "mtu"),
        ("broadcast", 28, "broadcast_address"), ("router-discovery", 31, "router_discovery"),
        ("router-solicitation", 32, "router_solicitation"), ("arp-timeout", 35, "arp_cache_timeout"),
        ("ethernet-encap", 36, "ethernet_encap"), ("tcp-ttl", 37, "tcp_ttl"), ("tcp-keepalive", 38, "tcp_keepalive_interval"),
        ("nis-server", 41, "nis_server"), ("ntp-server", 42, "ntp_server"), ("lease-time", 51, "lease_time"),
        ("server-id", 54, "server_id"), ("T1", 58, "T1"), ("T2", 59, "T2"), ("tftp-server", 66, "tftp_server"),
        ("bootfile-name", 67, "bootfile_name"), ("domain-search", 119, "domain_search_list"),
        ("classless-static-route", 121, "classless_static_route"), ("tftp-server-address", 150, "tftp_server_address"),
        ("path-prefix", 210, "path_prefix"), ("ms-classless-static-route", 249, "ms_classless_static_route"),
        ("wpad", 252, "wpad"), ("server-ip-address", 255, "next_server"),
    ]
    private static let options6 = [
        (name: "dns-server", number: 23, engine: "dns_server"), (name: "domain-search", number: 24, engine: "domain_search"),
    ]
    private static let names4 = names(options4)
    private static let names6 = names(options6)

    private static func names(_ options: [(name: String, number: Int, engine: String)]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: options.flatMap { [($0.name, $0.engine), (String($0.number), $0.engine)] })
    }

    /// The options whose values are texts.
    private static let texts: Set = [
        "hostname", "domain_name", "tftp_server", "bootfile_name", "path_prefix", "wpad", "domain_search", "domain_search_list",
    ]

    /// Adds an option in OVN's words to those of a subnet, unless OVN does not know it or would misread its value. An empty
    /// value takes the subnet's away, as it does for dnsmasq.
    private static func add(_ option: PortDHCP.Option, to options: inout [String: String]) {
        guard let name = (option.ipVersion == 6 ? names6 : names4)[option.name] else { return }
        guard !option.value.isEmpty else {
            options[name] = nil
            return
        }
        guard let value = engineValue(option.value, of: name) else { return }
        options[name] = name == "classless_static_route" ? merged(options[name], with: value) : value
    }

    /// A value as OVN writes it, texts in quotes and lists in braces, which users may have written themselves; nil for one that
    /// it would misread.
    private static func engineValue(_ value: String, of name: String) -> String? {
        guard texts.contains(name) else {
            let list = value.stripped("{", "}")
            guard list.wholeMatch(of: /[0-9A-Fa-f.:\/, ]+/) != nil else { return nil }
            return list.contains(",") ? "{\(list)}" : String(list)
        }
        let text = value.stripped("\"", "\"")
        return text.wholeMatch(of: /[ !#-\[\]-~]{1,255}/) == nil ? nil : "\"\(text)\""
    }

    /// A subnet's routes and those of a port, whose route to a destination replaces the subnet's. A client that is told
    /// routes takes no notice of the gateway (RFC 3442), so that a port without the subnet's would have none to the rest.
    private static func merged(_ subnets: String?, with own: String) -> String? {
        let (inherited, added) = (routes(subnets ?? ""), routes(own))
        guard let inherited, let added else { return subnets }
        let kept = inherited.filter { route in !added.contains { $0.destination == route.destination } }
        return "{\((kept + added).map { "\($0.destination),\($0.nexthop)" }.joined(separator: ", "))}"
    }

    /// The routes of a text such as `{10.1.0.0/16,10.0.0.9, 0.0.0.0/0,10.0.0.1}`; nil where a destination has no next hop.
    private static func routes(_ text: String) -> [Route]? {
        let words = text.split { "{}, ".contains($0) }.map(String.init)
        guard words.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: words.count, by: 2).map { Route(destination: words[$0], nexthop: words[$0 + 1]) }
    }
}

extension String {
    /// The text without what encloses it, if something does.
    fileprivate func stripped(_ opening: Character, _ closing: Character) -> Substring {
        count > 1 && first == opening && last == closing ? dropFirst().dropLast() : self[...]
    }
}

extension PortDHCP {
    /// Whether the port asks, by the option `dhcp_disabled`, for no answers of a family, 4 or 6.
    fileprivate func isDisabled(_ ipVersion: Int) -> Bool {
        options.contains { $0.ipVersion == ipVersion && $0.name == "dhcp_disabled" && $0.value.lowercased() == "true" }
    }
}
