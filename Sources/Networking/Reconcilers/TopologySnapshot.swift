import CloudStore
import NetworkMessages

/// What the tables say the data plane should hold, read in one snapshot.
struct TopologySnapshot: Sendable {
    /// The entities that exist, in the order in which they need each other.
    var entities: [TopologyEntity] = []
    /// Those that no longer do.
    var removed: [TopologyKey] = []

    /// Reads the entities behind the keys; a constant number of queries for however many of them.
    init(_ keys: [TopologyKey], in reader: any Reader) throws {
        let ids = Dictionary(grouping: keys, by: \.kind).mapValues { $0.map(\.id) }
        entities += try Self.networks(Array(NetworkRecords.find(ids[.network] ?? [], in: reader).values), in: reader)
        let groups = try SecurityGroupRecords.find(ids[.securityGroup] ?? [], in: reader)
        entities += try Self.groups(Array(groups.values), in: reader)
        // What a network says by DHCP stands in the options of such ports too.
        let told = try PortRecords.withDHCPOptions(networks: ids[.network] ?? [], in: reader)
        let ports = try PortRecords.find(Array(Set(ids[.port] ?? []).union(told)), in: reader).values
        entities += try Self.ports(ports.filter { !DeviceOwner.infrastructure.contains($0.deviceOwner) }, in: reader)
        entities += try Self.routers(try RouterRecords.find(ids[.router] ?? [], in: reader), in: reader)
        let present = Set(entities.map(\.key))
        removed = keys.filter { !present.contains($0) }
    }

    /// Reads everything.
    init(completeIn reader: any Reader) throws {
        entities += try Self.networks(try NetworkRecords.all(in: reader), in: reader)
        entities += try Self.groups(try SecurityGroupRecords.all(in: reader), in: reader)
        var after = ""
        while true {
            let ports = try PortRecords.guestPorts(after: after, limit: 1_000, in: reader)
            guard let last = ports.last else { break }
            entities += try Self.ports(ports, in: reader)
            after = last.id
        }
        let routers = try RouterRecords.find(try RouterRecords.allIDs(in: reader), in: reader)
        entities += try Self.routers(routers, in: reader)
    }

    private static func ports(_ ports: [Port], in reader: any Reader) throws -> [TopologyEntity] {
        let carriers = try TrunkRecords.carriers(of: ports.map(\.id), in: reader)
        let told = Set(ports.filter { !$0.extras.dhcpOptions.isEmpty }.map(\.networkID))
        var networks: [String: LogicalNetwork] = [:]
        if !told.isEmpty {
            for case .network(let network) in try Self.networks(Array(NetworkRecords.find(told, in: reader).values), in: reader) {
                networks[network.id] = network
            }
        }
        let rules = try EffectiveQoS.rules(ports: ports, in: reader)
        let firewalls = try FirewallGroupRecords.effective(ports: ports.map(\.id), in: reader)
        let virtual = try VirtualAddressRecords.addresses(of: ports, in: reader)
        let domains = try NetworkRecords.domains(Set(ports.filter { !$0.dnsName.isEmpty }.map(\.networkID)), in: reader)
        return ports.map { port in
            let carrier = carriers[port.id].map { PortCarrier(parentID: $0.parentID, tag: $0.tag) }
            return TopologyProjection.entity(
                port, carrier: carrier, network: networks[port.networkID],
                qos: rules[port.id].flatMap(TopologyProjection.qos), firewall: firewalls[port.id], virtual: virtual[port.id],
                domain: port.dnsName.isEmpty ? nil : domains[port.networkID])
        }
    }

    private static func networks(_ networks: [Network], in reader: any Reader) throws -> [TopologyEntity] {
        let ids = networks.map(\.id)
        let subnets = try SubnetRecords.all(networks: ids, in: reader)
        let metadata = try PortRecords.automatic(networks: ids, in: reader)
        let tags = networks.contains { $0.segment.type == .gre || $0.segment.type == .vxlan } ? try TunnelTagRecords.all(in: reader) : [:]
        let segments = try SegmentRecords.all(networks: ids, in: reader)
        let restricted = try PrivateRoleRecords.restricted(networks: networks.filter(\.isPrivate).map(\.id), in: reader)
        return networks.map {
            TopologyProjection.entity(NetworkTopology(
                network: $0, subnets: subnets[$0.id] ?? [], metadataPort: metadata[$0.id], tunnelTag: tags[$0.id],
                restricted: restricted[$0.id] ?? [], segments: segments[$0.id] ?? []))
        }
    }

    private static func groups(_ groups: [SecurityGroup], in reader: any Reader) throws -> [TopologyEntity] {
        let rules = try SecurityGroupRuleRecords.all(groups: groups.map(\.id), in: reader)
        let named = Set(rules.values.joined().compactMap(\.remoteAddressGroupID))
        let addresses = try AddressGroupRecords.addresses(of: Array(named), in: reader)
        let events = try PacketLogRecords.events(groups: groups.map(\.id), in: reader)
        return groups.map {
            TopologyProjection.entity($0, rules: rules[$0.id] ?? [], addresses: addresses, events: events[$0.id] ?? [])
        }
    }

    private static func routers(_ routers: [Router], in reader: any Reader) throws -> [TopologyEntity] {
        guard !routers.isEmpty else { return [] }
        let ports = try PortRecords.all(devices: routers.map(\.id), in: reader)
        let gateways = routers.compactMap { Operations.inOrder(ports[$0.id] ?? [], of: $0).first }
        let gatewayRules = try EffectiveQoS.rules(gateways: gateways, in: reader)
        let firewalls = try FirewallGroupRecords.effective(ports: ports.values.joined().map(\.id), in: reader)
        let subnets = try SubnetRecords.find(Set(ports.values.joined().flatMap(\.fixedIPs).map(\.subnetID)), in: reader)
        let floating = try FloatingIPRecords.all(routers: routers.map(\.id), in: reader)
        let externalPorts = try PortRecords.find(floating.values.joined().map(\.externalPortID), in: reader)
        let attached = try NetworkRecords.find(Set(ports.values.joined().map(\.networkID)), in: reader)
        let rules = try EffectiveQoS.rules(floatingIPs: Array(floating.values.joined()), in: reader)
        let forwardings = try PortForwardingRecords.all(floatingIPs: floating.values.joined().map(\.id), in: reader)
        let hosts = try RouterAgentRecords.hosts(routers: routers.map(\.id), in: reader)
        return routers.map { router in
            func attachment(_ port: Port) -> RouterTopology.Attachment {
                RouterTopology.Attachment(
                    port: port, subnets: port.fixedIPs.compactMap { subnets[$0.subnetID] },
                    mtu: attached[port.networkID]?.mtu ?? 1500, firewall: firewalls[port.id])
            }
            let own = ports[router.id] ?? []
            return TopologyProjection.entity(RouterTopology(
                router: router,
                interfaces: own.filter { $0.deviceOwner == DeviceOwner.routerInterface }.map(attachment),
                gateways: Operations.inOrder(own, of: router).map(attachment), gatewayRules: gatewayRules[router.id] ?? [],
                floatingIPs: (floating[router.id] ?? []).map {
                    RouterTopology.Floating(
                        floatingIP: $0, externalMAC: externalPorts[$0.externalPortID]?.mac ?? "",
                        forwardings: forwardings[$0.id] ?? [], rules: rules[$0.id] ?? [])
                }, gatewayHosts: hosts[router.id] ?? []))
        }
    }
}
