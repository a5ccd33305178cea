import CloudCore
import CloudStore
import NetworkMessages

/// A router as the API shows it.
struct RouterView: View {
    static let names = ResourceNames("router", "routers")

    let router: Router
    /// Its gateways, the first one first.
    let gateways: [Port]
    /// The first gateway's QoS policy.
    let qosPolicyID: String?
    let helpers: [ConntrackHelper]
    let zones: [String]
    let tags: [String]

    /// The views of routers, in a constant number of queries.
    static func load(_ routers: [Router], zones: [String], in reader: any Reader) throws -> [RouterView] {
        let ids = routers.map(\.id)
        let gateways = try PortRecords.all(devices: ids, owner: DeviceOwner.routerGateway, in: reader)
        let helpers = try ConntrackHelperRecords.all(routers: ids, in: reader)
        let tags = try TagRecords.all(ids, in: reader)
        let policies = try QoSBindingRecords.policies(.router, ids, in: reader)
        return routers.map { router in
            RouterView(
                router: router, gateways: Operations.inOrder(gateways[router.id] ?? [], of: router),
                qosPolicyID: policies[router.id], helpers: helpers[router.id] ?? [], zones: zones, tags: tags[router.id] ?? [])
        }
    }

    var id: String { router.id }
    var subject: PolicySubject { PolicySubject(projectID: router.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", router.id)
        json("name", router.name)
        json.project(router.projectID)
        json("admin_state_up", router.isAdminUp)
        json("status", "ACTIVE")
        json("external_gateway_info", value: { json in
            guard let gateway = gateways.first else { return json.write(String?.none) }
            json.object {
                $0.member("network_id", gateway.networkID)
                $0.member("external_fixed_ips", gateway.fixedIPs)
                $0.member("enable_snat", router.isSNATEnabled)
                $0.member("qos_policy_id", qosPolicyID)
            }
        })
        json("external_gateways", value: { json in
            json.array { json in
                for gateway in gateways {
                    json.object {
                        $0.member("network_id", gateway.networkID)
                        $0.member("external_fixed_ips", gateway.fixedIPs)
                    }
                }
            }
        })
        json("enable_snat", router.isSNATEnabled)
        json("enable_default_route_ecmp", router.defaultRoute.isECMP)
        json("enable_default_route_bfd", router.defaultRoute.isBFD)
        json("ha", true)
        json("flavor_id", router.flavorID)
        json("routes", router.routes)
        json("conntrack_helpers", value: { json in
            json.array { json in
                for helper in helpers {
                    json.object {
                        $0.member("protocol", helper.ipProtocol)
                        $0.member("port", helper.port)
                        $0.member("helper", helper.helper)
                    }
                }
            }
        })
        json("availability_zone_hints", router.zoneHints)
        json("availability_zones", zones)
        json.standard(router.standard, tags: tags)
    }
}

/// A floating IP as the API shows it.
struct FloatingIPView: View {
    static let names = ResourceNames("floatingip", "floatingips")

    let floatingIP: FloatingIP
    /// The port behind it.
    let port: Port?
    let forwardings: [PortForwarding]
    let tags: [String]
    /// Its own QoS policy, and that of its network.
    let policies: (own: String?, network: String?)

    /// The views of floating IPs, in a constant number of queries.
    static func load(_ floatingIPs: [FloatingIP], in reader: any Reader) throws -> [FloatingIPView] {
        let ports = try PortRecords.find(floatingIPs.compactMap(\.portID), in: reader)
        let forwardings = try PortForwardingRecords.all(floatingIPs: floatingIPs.map(\.id), in: reader)
        let tags = try TagRecords.all(floatingIPs.map(\.id), in: reader)
        let own = try QoSBindingRecords.policies(.floatingIP, floatingIPs.map(\.id), in: reader)
        let networks = try QoSBindingRecords.policies(.network, Set(floatingIPs.map(\.networkID)), in: reader)
        return floatingIPs.map { floatingIP in
            FloatingIPView(
                floatingIP: floatingIP, port: floatingIP.portID.flatMap { ports[$0] },
                forwardings: forwardings[floatingIP.id] ?? [], tags: tags[floatingIP.id] ?? [],
                policies: (own[floatingIP.id], networks[floatingIP.networkID]))
        }
    }

    var id: String { floatingIP.id }
    var subject: PolicySubject { PolicySubject(projectID: floatingIP.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", floatingIP.id)
        json.project(floatingIP.projectID)
        json("floating_ip_address", floatingIP.address)
        json("floating_network_id", floatingIP.networkID)
        json("router_id", floatingIP.routerID)
        json("port_id", floatingIP.portID)
        json("fixed_ip_address", floatingIP.fixedAddress)
        json("status", floatingIP.status)
        json("port_details", value: details)
        json("qos_policy_id", policies.own)
        json("qos_network_policy_id", policies.network)
        json("port_forwardings", value: { json in
            json.array { json in
                for forwarding in forwardings { json.object { forwarding.writeSummary(to: &$0) } }
            }
        })
        json("dns_name", floatingIP.dnsName)
        json("dns_domain", floatingIP.dnsDomain)
        json.standard(floatingIP.standard, tags: tags)
    }

    private func details(_ json: inout JSONWriter) {
        guard let port else { return json.write(String?.none) }
        json.object {
            $0.member("name", port.name)
            $0.member("network_id", port.networkID)
            $0.member("mac_address", port.mac)
            $0.member("admin_state_up", port.isAdminUp)
            $0.member("status", port.status.rawValue)
            $0.member("device_id", port.deviceID)
            $0.member("device_owner", port.deviceOwner)
        }
    }
}
