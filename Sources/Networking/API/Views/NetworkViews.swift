import CloudCore
import CloudStore
import NetworkMessages

/// A network as the API shows it.
struct NetworkView: View {
    static let names = ResourceNames("network", "networks")

    let network: Network
    let subnetIDs: [String]
    let zones: [String]
    let tags: [String]
    /// The QoS policy of its ports.
    let qosPolicyID: String?
    /// The address scope of each family.
    let scopes: [IPAddress.Version: String]
    /// Its segments; the first is the one of its provider attributes.
    let segments: [NetworkSegment]

    /// The views of networks, in a constant number of queries.
    static func load(_ networks: [Network], zones: [String], in reader: any Reader) throws -> [NetworkView] {
        let ids = networks.map(\.id)
        let subnets = try NetworkRecords.subnetIDs(ids, in: reader)
        let tags = try TagRecords.all(ids, in: reader)
        let policies = try QoSBindingRecords.policies(.network, ids, in: reader)
        let scopes = try SubnetPoolRecords.scopes(networks: ids, in: reader)
        let segments = try SegmentRecords.all(networks: ids, in: reader)
        return networks.map {
            let subnets = subnets[$0.id] ?? []
            // A network is in every zone once it has something to serve there.
            return NetworkView(
                network: $0, subnetIDs: subnets, zones: subnets.isEmpty ? [] : zones, tags: tags[$0.id] ?? [],
                qosPolicyID: policies[$0.id], scopes: scopes[$0.id] ?? [:], segments: segments[$0.id] ?? [])
        }
    }

    var id: String { network.id }
    var subject: PolicySubject { PolicySubject(network) }

    func write(to json: inout MemberWriter) {
        json("id", network.id)
        json("name", network.name)
        json.project(network.projectID)
        json("admin_state_up", network.isAdminUp)
        json("status", "ACTIVE")
        json("mtu", network.mtu)
        json.shared(network.sharing)
        json("subnets", subnetIDs)
        json("router:external", network.isExternal)
        if network.isExternal { json("is_default", network.isDefault) }
        if segments.count > 1 {
            json("segments", segments.map(\.segment))
        } else {
            json("provider:network_type", network.segment.type.rawValue)
            json("provider:physical_network", network.segment.physicalNetwork)
            json("provider:segmentation_id", network.segment.id)
        }
        json("port_security_enabled", network.hasPortSecurity)
        json("availability_zone_hints", network.zoneHints)
        json("availability_zones", zones)
        json("ipv4_address_scope", scopes[.v4])
        json("ipv6_address_scope", scopes[.v6])
        json("dns_domain", network.dnsDomain)
        json("qos_policy_id", qosPolicyID)
        json("vlan_transparent", network.isVLANTransparent)
        json("qinq", network.isQinQ)
        json("pvlan", network.isPrivate)
        json.standard(network.standard, tags: tags)
    }
}

/// A subnet as the API shows it.
struct SubnetView: View {
    static let names = ResourceNames("subnet", "subnets")

    let subnet: Subnet
    let network: Network?
    let tags: [String]

    /// The views of subnets, in a constant number of queries.
    static func load(_ subnets: [Subnet], in reader: any Reader) throws -> [SubnetView] {
        let networks = try NetworkRecords.find(Set(subnets.map(\.networkID)), in: reader)
        let tags = try TagRecords.all(subnets.map(\.id), in: reader)
        return subnets.map { SubnetView(subnet: $0, network: networks[$0.networkID], tags: tags[$0.id] ?? []) }
    }

    var id: String { subnet.id }
    var subject: PolicySubject { PolicySubject(projectID: subnet.projectID, on: network) }

    func write(to json: inout MemberWriter) {
        json("id", subnet.id)
        json("name", subnet.name)
        json.project(subnet.projectID)
        json("network_id", subnet.networkID)
        json("ip_version", subnet.cidr.version.rawValue)
        json("subnetpool_id", subnet.poolID)
        json("segment_id", subnet.segmentID)
        json("enable_dhcp", subnet.isDHCPEnabled)
        json("ipv6_ra_mode", subnet.raMode?.rawValue)
        json("ipv6_address_mode", subnet.addressMode?.rawValue)
        json("gateway_ip", subnet.gateway?.description)
        json("cidr", subnet.cidr.description)
        json("allocation_pools", value: { json in
            json.array { json in
                for pool in subnet.pools {
                    json.object {
                        $0.member("start", pool.first.description)
                        $0.member("end", pool.last.description)
                    }
                }
            }
        })
        json("host_routes", subnet.hostRoutes)
        json("dns_nameservers", subnet.nameservers)
        json("service_types", subnet.serviceTypes)
        json("dns_publish_fixed_ip", subnet.publishesFixedIPs)
        json("router:external", network?.isExternal ?? false)
        json.standard(subnet.standard, tags: tags)
    }
}

extension Segment: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("provider:network_type", type.rawValue)
            $0.member("provider:physical_network", physicalNetwork)
            $0.member("provider:segmentation_id", id)
        }
    }
}

extension Route: JSONWritable {
    public func write(to json: inout JSONWriter) {
        json.object {
            $0.member("destination", destination)
            $0.member("nexthop", nexthop)
        }
    }
}

extension FixedIP: JSONWritable {
    public func write(to json: inout JSONWriter) {
        json.object {
            $0.member("subnet_id", subnetID)
            $0.member("ip_address", address)
        }
    }
}

extension AddressPair: JSONWritable {
    public func write(to json: inout JSONWriter) {
        json.object {
            $0.member("mac_address", mac)
            $0.member("ip_address", address)
        }
    }
}
