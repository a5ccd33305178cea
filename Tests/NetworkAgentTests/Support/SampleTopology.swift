import NetworkMessages

/// A small cloud: a tenant network with a router to an external one, a security group, two guests, a floating IP.
struct SampleTopology {
    let prefix: String
    var tenant: LogicalNetwork
    var external: LogicalNetwork
    var group: LogicalSecurityGroup
    var first: LogicalPort
    var second: LogicalPort
    var router: LogicalRouter

    /// A UUID with a number, so that tests read well. It begins with what differs, because devices are named by that.
    static func id(_ number: Int, _ prefix: String = "0000") -> String {
        let digits = String(number)
        return String(repeating: "0", count: 4 - digits.count) + digits + prefix + "-0000-4000-8000-000000000000"
    }

    /// - Parameters:
    ///   - prefix: four hexadecimal digits of every id, so that several clouds do not meet.
    ///   - label: the physical network's label.
    init(prefix: String = "0000", label: String = "public", host: String? = nil) {
        func id(_ number: Int) -> String { Self.id(number, prefix) }
        self.prefix = prefix
        let subnet = LogicalSubnet(
            id: id(11), cidr: "10.0.0.0/24", gateway: "10.0.0.1", dhcp: true, nameservers: ["192.0.2.53"],
            hostRoutes: [Route(destination: "198.51.100.0/24", nexthop: "10.0.0.254")])
        tenant = LogicalNetwork(
            id: id(1), name: "tenant", mtu: 1442, physical: nil, subnets: [subnet],
            metadataPort: MetadataPort(id: id(12), mac: "fa:16:3e:00:01:02", addresses: ["10.0.0.2/24"]))
        external = LogicalNetwork(
            id: id(2), name: "external", mtu: 1500, physical: PhysicalAttachment(label: label, vlan: nil),
            subnets: [
                LogicalSubnet(
                    id: id(21), cidr: "172.24.4.0/24", gateway: "172.24.4.1", dhcp: false, nameservers: [], hostRoutes: [])
            ], metadataPort: nil)
        group = LogicalSecurityGroup(
            id: id(3), name: "default", stateful: true,
            rules: [
                Self.rule(id(31), .egress), Self.rule(id(32), .ingress, ipProtocol: "icmp"),
            ])
        first = Self.port(id(41), on: id(1), mac: "fa:16:3e:00:04:01", id(11), "10.0.0.11", groups: [id(3)], host: host)
        second = Self.port(id(42), on: id(1), mac: "fa:16:3e:00:04:02", id(11), "10.0.0.12", groups: [id(3)], host: host)
        router = LogicalRouter(
            id: id(5), name: "router", adminUp: true,
            interfaces: [
                RouterInterface(portID: id(51), networkID: id(1), mac: "fa:16:3e:00:05:01", addresses: ["10.0.0.1/24"])
            ],
            gateway: RouterGateway(
                interface: RouterInterface(
                    portID: id(52), networkID: id(2), mac: "fa:16:3e:00:05:02", addresses: ["172.24.4.100/24"]),
                nexthops: ["172.24.4.1"], snat: SourceNAT(externalIP: "172.24.4.100", ranges: ["10.0.0.0/24"])),
            floatingIPs: [
                FloatingMapping(
                    id: id(6), externalIP: "172.24.4.150", internalIP: "10.0.0.11", portID: id(41), mac: "fa:16:3e:00:06:01")
            ], routes: [])
    }

    /// Everything.
    var entities: [TopologyEntity] {
        [.network(tenant), .network(external), .securityGroup(group), .port(first), .port(second), .router(router)]
    }

    static func rule(
        _ id: String, _ direction: LogicalRule.Direction, _ etherType: LogicalRule.EtherType = .ipv4,
        ipProtocol: String? = nil, ports: (Int?, Int?) = (nil, nil), cidr: String? = nil, group: String? = nil
    ) -> LogicalRule {
        LogicalRule(
            id: id, direction: direction, etherType: etherType, ipProtocol: ipProtocol, portMin: ports.0, portMax: ports.1,
            remoteCIDR: cidr, remoteGroupID: group)
    }

    static func port(
        _ id: String, on network: String, mac: String, _ subnet: String, _ address: String, groups: [String], host: String?
    ) -> LogicalPort {
        LogicalPort(
            id: id, networkID: network, mac: mac, fixedIPs: [FixedIP(subnetID: subnet, address: address)], adminUp: true,
            portSecurity: true, allowedPairs: [], securityGroupIDs: groups, hostName: "guest-\(id.prefix(4))", host: host)
    }
}
