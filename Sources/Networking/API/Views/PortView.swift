import CloudCore
import CloudStore
import NetworkMessages

/// A port as the API shows it. A class, because lists hand it on from thread to thread, and to copy a port costs more than to
/// write a part of it.
final class PortView: View {
    static let names = ResourceNames("port", "ports")

    let port: Port
    let subject: PolicySubject
    let tags: [String]
    /// The trunk that the port is the parent of.
    let trunk: TrunkDetails?
    /// The policy of its network.
    let networkPolicy: String?
    /// What it needs from placement.
    let request: ResourceRequest?
    /// The domain of the ports' full names.
    let domain: String

    init(
        _ port: Port, subject: PolicySubject, tags: [String], trunk: TrunkDetails?, networkPolicy: String?, request: ResourceRequest?,
        domain: String
    ) {
        (self.port, self.subject, self.tags, self.trunk) = (port, subject, tags, trunk)
        (self.networkPolicy, self.request, self.domain) = (networkPolicy, request, domain)
    }

    /// The views of ports, in a constant number of queries. `selection` finds the same ports, where it is known.
    static func load(
        _ ports: [Port], _ selection: RowSelection? = nil, domain: String, in reader: any Reader
    ) throws -> [PortView] {
        let networks = try NetworkRecords.find(Set(ports.map(\.networkID)), in: reader)
        let selection = selection ?? .ids(ports.map(\.id))
        let tags = try TagRecords.all(selection, in: reader)
        let trunks = try TrunkDetails.load(parents: selection, in: reader)
        let policies = try QoSBindingRecords.policies(.network, networks.keys, in: reader)
        let used = Set(ports.compactMap { $0.extras.qosPolicyID ?? policies[$0.networkID] })
        let rules = try QoSRuleRecords.all(policies: Array(used), in: reader)
        let subjects = networks.mapValues { PolicySubject(projectID: "", on: $0) }
        return ports.map { port in
            let policy = port.extras.qosPolicyID ?? policies[port.networkID]
            let request = policy.flatMap { rules[$0] }.flatMap { rules in
                networks[port.networkID].flatMap { ResourceRequest(port: port, segment: $0.segment, rules: rules) }
            }
            var subject = subjects[port.networkID] ?? PolicySubject(projectID: "", on: nil)
            (subject.projectID, subject.deviceOwner) = (port.projectID, port.deviceOwner)
            return PortView(
                port, subject: subject, tags: tags[port.id] ?? [], trunk: trunks[port.id],
                networkPolicy: policies[port.networkID], request: request, domain: domain)
        }
    }

    var id: String { port.id }

    func write(to json: inout MemberWriter) {
        json("id", port.id)
        json("name", port.name)
        json.project(port.projectID)
        json("network_id", port.networkID)
        json("admin_state_up", port.isAdminUp)
        json("mac_address", port.mac)
        json("status", port.status.rawValue)
        json("device_id", port.deviceID)
        json("device_owner", port.deviceOwner)
        json("fixed_ips", port.fixedIPs)
        json("security_groups", port.securityGroupIDs)
        json("port_security_enabled", port.hasPortSecurity)
        json("binding:host_id", port.binding.host)
        json("binding:vnic_type", port.binding.vnicType)
        json("binding:vif_type", port.binding.vifType)
        json("binding:vif_details") { port.binding.writeDetails(to: &$0) }
        json("binding:profile", port.shownProfile)
        json("dns_name", port.dnsName)
        json("dns_assignment") { writeAssignment(to: &$0) }
        if networkPolicy == nil, request == nil, port.allowedPairs.isEmpty, port.extras == Self.plainExtras {
            json(Self.plain)
        } else {
            Self.write(port.extras, port.allowedPairs, networkPolicy, request, to: &json)
        }
        if let trunk { json("trunk_details", trunk) }
        json.standard(port.standard, tags: tags)
    }

    private static let plainExtras = PortExtras()
    /// What nobody asked for.
    private static let plain = CommonMembers { write(plainExtras, [], nil, nil, to: &$0) }

    private static func write(
        _ extras: PortExtras, _ pairs: [AddressPair], _ networkPolicy: String?, _ request: ResourceRequest?,
        to json: inout MemberWriter
    ) {
        json("allowed_address_pairs", pairs)
        json("dns_domain", extras.dnsDomain)
        json("qos_policy_id", extras.qosPolicyID)
        json("qos_network_policy_id", networkPolicy)
        json("resource_request", request)
        json("extra_dhcp_opts", extras.dhcpOptions.map(\.json))
        json("propagate_uplink_status", extras.propagatesUplinkStatus)
        json("device_profile", extras.deviceProfile)
        json("numa_affinity_policy", extras.numaAffinityPolicy)
        json("hints", extras.hints)
        json("trusted", extras.isTrusted)
        json("pvlan_type", extras.privateRole?.type)
        json("pvlan_community", extras.privateRole?.community)
    }

    private func writeAssignment(to json: inout JSONWriter) {
        json.array { json in
            for fixed in port.fixedIPs {
                let host = port.dnsName.isEmpty ? Self.defaultHostName(fixed.address) : port.dnsName
                json.object {
                    $0.member("ip_address", fixed.address)
                    $0.member("hostname", host)
                    $0.member("fqdn", host.hasSuffix(".") || domain.isEmpty ? host : "\(host).\(domain)")
                }
            }
        }
    }

    /// The name of an address nobody named: `host-10-0-0-5`.
    private static func defaultHostName(_ address: String) -> String {
        let name = address.utf8.map { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") ? UInt8(ascii: "-") : $0 }
        return "host-" + String(decoding: name, as: UTF8.self)
    }
}

extension Port {
    /// The binding's profile as the compute service reads it: with what was said about trust.
    var shownProfile: JSON {
        guard let isTrusted = extras.isTrusted, var profile = binding.profile.object else { return binding.profile }
        profile["trusted"] = .bool(isTrusted)
        return .object(profile)
    }
}

extension PortBinding {
    /// Writes what the compute service must know of the interface (binding:vif_details).
    func writeDetails(to json: inout JSONWriter) {
        json.object {
            guard !host.isEmpty else { return }
            $0.member("port_filter", true)
            $0.member("connectivity", "l2")
            $0.member("bound_drivers") { $0.object { $0.member("0", "ovn") } }
        }
    }
}
