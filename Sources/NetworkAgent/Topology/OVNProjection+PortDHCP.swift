import NetworkMessages

// DHCP options of one port: rows of its own, which hold the subnet's options too, because OVN takes one row a port.
extension OVNProjection {
    /// The DHCP options that a port uses on a subnet, for a family, `dhcp4` or `dhcp6`.
    func dhcpKey(of port: LogicalPort, subnet: String, _ family: String) -> OVNRowKey {
        let version = family == "dhcp6" ? 6 : 4
        guard let dhcp = port.dhcp, dhcp.options.contains(where: { $0.ipVersion == version }) else {
            return Self.dhcpKey(port.networkID, subnet, family)
        }
        return OVNRowKey(TopologyEntity.port(port).key, "\(family)/\(subnet)")
    }

    /// The rows of a port's own options, for each of its subnets that serves DHCP.
    func dhcpRows(of port: LogicalPort) throws(TopologyError) -> [OVNRow] {
        guard let dhcp = port.dhcp else { return [] }
        var rows: [OVNRow] = []
        for subnet in dhcp.network.subnets where subnet.dhcp && port.fixedIPs.contains(where: { $0.subnetID == subnet.id }) {
            let prefix = try NetworkPrefix(subnet.cidr, what: "A subnet's range")
            let added = dhcp.options.filter { $0.ipVersion == (prefix.isIPv6 ? 6 : 4) }
            guard !added.isEmpty, var options = try base(of: subnet, prefix, in: dhcp.network) else { continue }
            for option in added {
                guard let (name, value) = Self.engineOption(option) else { continue }
                options[name] = value
            }
            let key = dhcpKey(of: port, subnet: subnet.id, prefix.isIPv6 ? "dhcp6" : "dhcp4")
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

    /// OVN's names of DHCPv4's options (ovn-nb(5)) by those of dnsmasq, which Neutron's users write, and by number.
    private static let names4 = [
        "netmask": "netmask", "1": "netmask", "router": "router", "3": "router", "dns-server": "dns_server", "6": "dns_server",
        "log-server": "log_server", "7": "log_server", "hostname": "hostname", "12": "hostname", "domain-name": "domain_name",
        "15": "domain_name", "mtu": "mtu", "26": "mtu", "broadcast": "broadcast_address", "28": "broadcast_address",
        "ntp-server": "ntp_server", "42": "ntp_server", "lease-time": "lease_time", "51": "lease_time",
        "tftp-server": "tftp_server", "66": "tftp_server", "bootfile-name": "bootfile_name", "67": "bootfile_name",
        "classless-static-route": "classless_static_route", "121": "classless_static_route",
        "tftp-server-address": "tftp_server_address", "server-ip-address": "tftp_server_address",
        "150": "tftp_server_address", "path-prefix": "path_prefix", "210": "path_prefix", "wpad": "wpad", "252": "wpad",
        "domain-search": "domain_search_list", "119": "domain_search_list",
    ]
    private static let names6 = ["dns-server": "dns_server", "23": "dns_server", "domain-search": "domain_search", "24": "domain_search"]
    /// The options whose values are texts.
    private static let texts: Set = [
        "hostname", "domain_name", "tftp_server", "bootfile_name", "path_prefix", "wpad", "domain_search", "domain_search_list",
    ]

    /// An option in OVN's words; nil for one that it does not know or a value that it would misread.
    private static func engineOption(_ option: PortDHCP.Option) -> (name: String, value: String)? {
        let names = option.ipVersion == 6 ? names6 : names4
        guard let name = names[option.name], !option.value.isEmpty else { return nil }
        guard texts.contains(name) else {
            guard option.value.wholeMatch(of: /[0-9A-Fa-f.:\/, ]+/) != nil else { return nil }
            return (name, option.value.contains(",") ? "{\(option.value)}" : option.value)
        }
        guard option.value.wholeMatch(of: /[ !#-\[\]-~]{1,255}/) != nil else { return nil }
        return (name, "\"\(option.value)\"")
    }
}
