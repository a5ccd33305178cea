import CloudCore

/// What a guest is told of its interfaces (`network_data.json`;
/// docs.openstack.org/nova/latest/user/metadata.html, "OpenStack format metadata").
struct NetworkData: Sendable {
    let ports: [ServerPort]

    /// The document.
    var json: JSON {
        var (links, networks, services): ([JSON], [JSON], [JSON]) = ([], [], [])
        for port in ports {
            links.append([
                "id": .string(port.deviceName), "vif_id": .string(port.id), "type": "ovs", "mtu": .int(port.mtu),
                "ethernet_mac_address": .string(port.mac),
            ])
            // An interface that asks for its addresses asks once, however many it is given.
            var asked: Set<Int> = []
            for address in port.addresses {
                for service in Self.services(address) where !services.contains(service) { services.append(service) }
                if address.isAskedFor, !asked.insert(address.version).inserted { continue }
                networks.append(.object(Self.network(address, of: port, number: networks.count)))
            }
        }
        return ["links": .array(links), "networks": .array(networks), "services": .array(services)]
    }

    private static func network(_ address: ServerPort.Address, of port: ServerPort, number: Int) -> JSONObject {
        var network: JSONObject = [
            "id": .string("network\(number)"), "type": .string(kind(address)), "link": .string(port.deviceName),
            "network_id": .string(port.networkID),
        ]
        if address.isAskedFor { return network }
        network["ip_address"] = .string(address.address)
        network["netmask"] = .string(mask(range: address.cidr))
        network["routes"] = .array(routes(address))
        network["services"] = .array(services(address))
        return network
    }

    /// A subnet's mode says more than that it has DHCP: the guest takes the address that the mode makes.
    private static func kind(_ address: ServerPort.Address) -> String {
        if let mode = address.configuration?.ipv6Mode { return "ipv\(address.version)_\(mode)" }
        return "ipv\(address.version)\(address.isAskedFor ? "_dhcp" : "")"
    }

    private static func services(_ address: ServerPort.Address) -> [JSON] {
        address.nameservers.map { ["type": "dns", "address": .string($0)] }
    }

    /// The way out first, then the subnet's own routes.
    private static func routes(_ address: ServerPort.Address) -> [JSON] {
        let all = address.version == 4 ? "0.0.0.0/0" : "::/0"
        let gateway = address.gateway.map { [route(to: all, through: $0)] } ?? []
        return gateway + (address.configuration?.routes ?? []).map { route(to: $0.destination, through: $0.nextHop) }
    }

    private static func route(to range: String, through gateway: String) -> JSON {
        let network = range.split(separator: "/").first.map(String.init) ?? range
        return ["network": .string(network), "netmask": .string(mask(range: range)), "gateway": .string(gateway)]
    }

    /// A range's mask written as an address, which this format has in IPv6 too. A range without a length is one address.
    static func mask(range: String) -> String {
        let isIPv6 = range.contains(":")
        let (count, width) = isIPv6 ? (8, 16) : (4, 8)
        let parts = range.split(separator: "/")
        let length = parts.count == 2 ? Int(parts[1]) ?? count * width : count * width
        let groups = (0..<count).map { number in
            let ones = min(max(length - number * width, 0), width)
            return (1 << width) - (1 << (width - ones))
        }
        guard isIPv6 else { return groups.map(String.init).joined(separator: ".") }
        let texts = groups.map { String($0, radix: 16) }
        let zeros = groups.reversed().prefix { $0 == 0 }.count
        // RFC 5952, 4.2.2: one group alone is not shortened.
        return zeros > 1 ? texts.dropLast(zeros).joined(separator: ":") + "::" : texts.joined(separator: ":")
    }
}

extension ServerPort.Address {
    /// Whether the guest learns it by DHCP, so that its metadata need not say it.
    fileprivate var isAskedFor: Bool {
        guard let configuration else { return true }
        return configuration.isDHCPEnabled && configuration.ipv6Mode == nil
    }
}

extension ServerPort {
    /// The name under which the guest's metadata and the host know the interface.
    var deviceName: String { "tap" + id.prefix(11) }
}
