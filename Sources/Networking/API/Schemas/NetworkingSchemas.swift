import CloudAPI
import CloudCore

/// What requests may say. Neutron reads numbers and truth values from their texts too.
enum NetworkingSchemas {
    typealias Members = [(name: String, schema: Schema)]

    static let text: Schema = .string(length: 0...255)
    static let flag: Schema = .boolean(lenient: true)
    static let id: Schema = .string(format: .uuid)
    static let project: Members = [("project_id", .string(length: 1...255)), ("tenant_id", .string(length: 1...255))]
    static let described: Members = [("name", text), ("description", text)]
    /// Tags: at most 50, each of 1 to 255 characters.
    static let tags: Members = [("tags", .array(.string(length: 1...255), count: 0...50))]
    static let routes: Schema = .nullable(.array(.object([("destination", text), ("nexthop", text)], required: ["destination", "nexthop"])))
    static let fixedIPs: Schema = .array(
        .object([("subnet_id", id), ("ip_address", text)]), count: 0...64)

    /// A creation's body: one resource or, where Neutron takes several at once, a list of them.
    static func creation(_ names: ResourceNames, _ members: Members, required: [String] = [], isBulk: Bool = true) -> RequestBody {
        let one = Schema.object(members, required: required)
        guard isBulk else { return .json(.object([(names.singular, one)], required: [names.singular])) }
        // Each of a list may be wrapped as it is alone.
        let wrapped = Schema.object([(names.singular, one)], required: [names.singular])
        return .json(.object([(names.singular, one), (names.plural, .array(.anyOf([one, wrapped]), count: 1...1000))]))
    }

    /// An update's body.
    static func update(_ names: ResourceNames, _ members: Members) -> RequestBody {
        .json(.object([(names.singular, .object(members))], required: [names.singular]))
    }
}

// Networks.
extension NetworkingSchemas {
    private static let networkBoth: Members = described + [
        ("admin_state_up", flag), ("shared", flag), ("router:external", flag), ("is_default", flag),
        ("port_security_enabled", flag), ("mtu", .integer(0...65535, lenient: true)), ("dns_domain", text), ("pvlan", flag),
        ("provider:network_type", .nullable(.oneOf(NetworkType.allCases.map { .string($0.rawValue) }))),
        ("provider:physical_network", .nullable(text)), ("provider:segmentation_id", .nullable(.integer(lenient: true))),
    ]
    static let networkCreation: Members = networkBoth + qosPolicyID + project + tags + [
        ("availability_zone_hints", .array(text, count: 0...10)), ("segments", networkSegments),
        ("vlan_transparent", flag), ("qinq", flag),
    ]
    static let networkUpdate = networkBoth + qosPolicyID
}

// Subnets.
extension NetworkingSchemas {
    private static let pools: Schema = .array(
        .object([("start", text), ("end", text)], required: ["start", "end"]), count: 0...128)
    private static let subnetBoth: Members = described + [
        ("gateway_ip", .nullable(.string(length: 0...64))), ("enable_dhcp", flag), ("allocation_pools", .nullable(pools)),
        ("dns_nameservers", .nullable(.array(text))), ("host_routes", routes),
        ("service_types", .array(text, count: 0...32)),
        ("dns_publish_fixed_ip", flag),
    ]
    private static let mode: Schema = .nullable(.oneOf(IPv6Mode.allCases.map { .string($0.rawValue) }))
    static let subnetCreation = subnetBoth + project + tags + [
        ("network_id", id), ("ip_version", .oneOf([4, 6, "4", "6"])), ("cidr", .nullable(text)),
        ("ipv6_ra_mode", mode), ("ipv6_address_mode", mode), ("subnetpool_id", .nullable(text)),
        ("prefixlen", .integer(0...128, lenient: true)), ("use_default_subnetpool", flag), ("segment_id", .nullable(id)),
    ]
    static let subnetUpdate = subnetBoth
}

// Ports.
extension NetworkingSchemas {
    private static let pairs: Schema = .nullable(
        .array(.object([("mac_address", text), ("ip_address", text)], required: ["ip_address"])))
    private static let portBoth: Members = described + [
        ("admin_state_up", flag), ("mac_address", .nullable(text)), ("fixed_ips", .nullable(fixedIPs)),
        ("device_id", text), ("device_owner", text), ("security_groups", .nullable(.array(id, unique: true))),
        ("port_security_enabled", flag), ("allowed_address_pairs", pairs), ("dns_name", text),
        ("binding:host_id", .nullable(text)), ("binding:profile", .nullable(.map(names: ".*", values: .any))),
        ("binding:vnic_type", .oneOf(PortRules.vnicTypes.sorted().map { .string($0) })),
        ("extra_dhcp_opts", .nullable(.array(option))), ("hints", hints), ("dns_domain", text),
        ("propagate_uplink_status", flag), ("trusted", flag),
        ("numa_affinity_policy", .oneOf(["required", "preferred", "legacy", "socket", .null])),
        ("pvlan_type", .nullable(.oneOf(PrivateRole.types.map { .string($0) }))),
        ("pvlan_community", .nullable(.string(pattern: "[a-zA-Z_.][a-zA-Z_.0-9]{0,231}"))),
    ]
    private static let option: Schema = .object(
        [
            ("opt_name", .string(length: 1...64)), ("opt_value", .nullable(text)), ("ip_version", .oneOf([4, 6, "4", "6"])),
        ], required: ["opt_name", "opt_value"])
    /// Advice for the engine: the one kind that upstream defines.
    private static let hints: Schema = .nullable(.object([
        (
            "openvswitch",
            .object([("other_config", .object([("tx-steering", .oneOf(["thread", "hash"]))]))])
        )
    ]))
    static let portCreation = portBoth + qosPolicyID + project + tags + [("network_id", id), ("device_profile", .nullable(text))]
    static let portUpdate = portBoth + qosPolicyID
    private static let binding: Members = [
        ("host", .string(length: 1...255)), ("profile", .nullable(.map(names: ".*", values: .any))),
        ("vnic_type", .oneOf(PortRules.vnicTypes.sorted().map { .string($0) })),
    ]
    static let portBindingCreation = creation(
        ResourceNames("binding", "bindings"), binding + project, required: ["host"], isBulk: false)
    static let portBindingUpdate = update(ResourceNames("binding", "bindings"), binding)
}

// Routers and floating IPs.
extension NetworkingSchemas {
    private static let gateway: Schema = .nullable(
        .object([("network_id", .nullable(id)), ("enable_snat", flag), ("external_fixed_ips", fixedIPs)] + qosPolicyID))
    private static let routerOptions: Members = [
        ("admin_state_up", flag), ("external_gateway_info", gateway), ("ha", .nullable(flag)),
        ("enable_default_route_ecmp", flag), ("enable_default_route_bfd", flag),
    ]
    static let routerCreation: Members = described + project + tags + routerOptions + [
        ("availability_zone_hints", .array(text, count: 0...10)), ("flavor_id", .nullable(id)),
    ]
    static let routerUpdate: Members = described + routerOptions + [("routes", routes)]
    static let routerInterface: RequestBody = .json(.object([("subnet_id", id), ("port_id", id)]))
    static let routerRoutes: RequestBody = .json(
        .object([("router", .object([("routes", routes)], required: ["routes"]))], required: ["router"]))
    static let floatingIPCreation: Members = project + tags + qosPolicyID + [
        ("floating_network_id", id), ("floating_ip_address", .nullable(text)), ("subnet_id", .nullable(id)),
        ("port_id", .nullable(id)), ("fixed_ip_address", .nullable(text)), ("description", text),
        ("router_id", .nullable(id)), ("dns_name", text), ("dns_domain", text),
    ]
    static let floatingIPUpdate: Members = qosPolicyID + [
        ("port_id", .nullable(id)), ("fixed_ip_address", .nullable(text)), ("description", text), ("router_id", .nullable(id)),
    ]
}

// Security groups, tags and quotas.
extension NetworkingSchemas {
    static let securityGroupCreation: Members = described + project + tags + [("stateful", flag)]
    static let securityGroupUpdate: Members = described + [("stateful", flag)]
    /// A port: its range is checked later, so that the refusal is the one clients know.
    static let portNumber: Schema = .nullable(.integer(-65535...Int(Int32.max), lenient: true))
    static let ipProtocol: Schema = .anyOf([.string(length: 0...40), .integer(0...255), .null])
    static let securityGroupRuleCreation: Members = project + [
        ("security_group_id", text), ("direction", .oneOf(["ingress", "egress"])), ("ethertype", text),
        ("protocol", ipProtocol), ("port_range_min", portNumber), ("port_range_max", portNumber),
        ("remote_ip_prefix", .nullable(text)), ("remote_group_id", .nullable(text)), ("description", text),
        ("remote_address_group_id", .nullable(text)),
    ]
    static let tagReplacement: RequestBody = .json(.object(tags, required: ["tags"]))
    /// Limits from -1, which means any number, to what a database's integer holds.
    static let quotaUpdate: RequestBody = .json(.object(
        [
            (
                "quota",
                .object(
                    project + [("force", flag), ("check_limit", flag)] + QuotaResource.allCases.map {
                        (name: $0.rawValue, schema: .integer(-1...Int(Int32.max), lenient: true))
                    })
            )
        ], required: ["quota"]))
}
