import CloudCore
import CloudStore
import NetworkMessages

/// A port as the API shows it.
struct PortView: View {
    static let names = ResourceNames("port", "ports")

    let port: Port
    let network: Network?
    let tags: [String]
    /// The domain of the ports' full names.
    let domain: String

    /// The views of ports, in a constant number of queries.
    static func load(_ ports: [Port], domain: String, in reader: any Reader) throws -> [PortView] {
        let networks = try NetworkRecords.find(Set(ports.map(\.networkID)), in: reader)
        let tags = try TagRecords.all(ports.map(\.id), in: reader)
        return ports.map { PortView(port: $0, network: networks[$0.networkID], tags: tags[$0.id] ?? [], domain: domain) }
    }

    var id: String { port.id }
    var subject: PolicySubject {
        PolicySubject(projectID: port.projectID, on: network, deviceOwner: port.deviceOwner)
    }

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
        json("allowed_address_pairs", port.allowedPairs)
        json("port_security_enabled", port.hasPortSecurity)
        json("binding:host_id", port.binding.host)
        json("binding:vnic_type", port.binding.vnicType)
        json("binding:vif_type", port.binding.vifType)
        json("binding:vif_details", value: vifDetails)
        json("binding:profile", port.binding.profile)
        json("dns_name", port.dnsName)
        json("dns_assignment", value: assignment)
        json.standard(port.standard, tags: tags)
    }

    private func vifDetails(_ json: inout JSONWriter) {
        json.object {
            guard !port.binding.host.isEmpty else { return }
            $0.member("port_filter", true)
            $0.member("connectivity", "l2")
            $0.member("bound_drivers") { $0.object { $0.member("0", "ovn") } }
        }
    }

    private func assignment(_ json: inout JSONWriter) {
        json.array { json in
            for fixed in port.fixedIPs {
                let host = port.dnsName.isEmpty ? Self.defaultHostName(fixed.address) : port.dnsName
                json.object {
                    $0.member("ip_address", fixed.address)
                    $0.member("hostname", host)
                    $0.member("fqdn", "\(host).\(domain)")
                }
            }
        }
    }

    /// The name of an address nobody named: `host-10-0-0-5`.
    private static func defaultHostName(_ address: String) -> String {
        "host-" + address.map { $0 == "." || $0 == ":" ? "-" : String($0) }.joined()
    }
}
