import CloudCore
import CloudStore
import NetworkMessages

/// A host's network agent as the API shows it.
struct AgentView: View {
    static let names = ResourceNames("agent", "agents")

    let agent: NetworkAgentRecord
    /// Its priority for the router asked about, if one was.
    var priority: Int?

    var id: String { agent.id }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("id", agent.id)
        json("agent_type", NetworkAgentRecord.type)
        json("binary", NetworkAgentRecord.binary)
        json("topic", NetworkAgentRecord.topic)
        json("host", agent.host)
        json("availability_zone", agent.zone)
        json("admin_state_up", agent.isAdminUp)
        json("alive", agent.isAlive)
        json("description", agent.description)
        json("configurations", agent.configurations)
        json("resources_synced", Bool?.none)
        json("created_at", Self.moment(agent.createdAt))
        json("started_at", Self.moment(agent.startedAt))
        json("heartbeat_timestamp", Self.moment(agent.heartbeatAt))
        if let priority { json("ha_chassis_priority", priority) }
    }

    /// `2026-01-31 12:00:00`: agents' moments have their own form.
    private static func moment(_ moment: Timestamp) -> String {
        String(moment.iso8601.map { $0 == "T" ? " " : $0 }.dropLast())
    }
}

/// An availability zone of one kind of resource as the API shows it.
struct ZoneView: View {
    static let names = ResourceNames("availability_zone", "availability_zones")

    let name: String
    /// The kind, such as `network`.
    let resource: String
    let state = "available"

    var id: String { name }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    /// Whether an attribute has one of the values; nil for an attribute that zones are not filtered by.
    func matches(_ attribute: String, _ values: [String]) -> Bool? {
        switch attribute {
        case "name": values.contains(name)
        case "resource": values.contains(resource)
        case "state": values.contains(state)
        default: nil
        }
    }

    func write(to json: inout MemberWriter) {
        json("name", name)
        json("resource", resource)
        json("state", state)
    }
}

/// How many of a network's addresses are used.
struct AvailabilityView: View {
    static let names = ResourceNames("network_ip_availability", "network_ip_availabilities")

    let network: Network
    let subnets: [Subnet]
    /// How many addresses of each subnet are used.
    let used: [String: Int]

    /// The views of networks, in a constant number of queries; only their subnets of these IP versions, if any are named.
    static func load(_ networks: [Network], versions: [Int]? = nil, in reader: any Reader) throws -> [AvailabilityView] {
        let subnets = try SubnetRecords.all(networks: networks.map(\.id), in: reader)
            .mapValues { $0.filter { versions?.contains($0.cidr.version.rawValue) ?? true } }
        let used = try AddressRecords.counts(subnets: subnets.values.joined().map(\.id), in: reader)
        return networks.map { AvailabilityView(network: $0, subnets: subnets[$0.id] ?? [], used: used) }
    }

    var id: String { network.id }
    var subject: PolicySubject { PolicySubject(network) }

    func write(to json: inout MemberWriter) {
        json("network_id", network.id)
        json("network_name", network.name)
        json.project(network.projectID)
        json("total_ips", subnets.reduce(into: UInt128(0)) { $0 = $0.addingReportingOverflow(Self.total($1)).partialValue })
        json("used_ips", subnets.reduce(0) { $0 + (used[$1.id] ?? 0) })
        json("subnet_ip_availability", value: { json in
            json.array { json in
                for subnet in subnets {
                    json.object {
                        $0.member("subnet_id", subnet.id)
                        $0.member("subnet_name", subnet.name)
                        $0.member("ip_version", subnet.cidr.version.rawValue)
                        $0.member("cidr", subnet.cidr.description)
                        $0.member("total_ips", Self.total(subnet))
                        $0.member("used_ips", used[subnet.id] ?? 0)
                    }
                }
            }
        })
    }

    /// The size of the pools or, without any, of the whole range.
    private static func total(_ subnet: Subnet) -> UInt128 {
        let pools = subnet.pools.isEmpty ? [AddressRange(subnet.cidr.first, subnet.cidr.last)] : subnet.pools
        return pools.reduce(into: UInt128(0)) { $0 = $0.addingReportingOverflow($1.count).partialValue }
    }
}
