import CloudAPI
import CloudCore

// Flavors and metering.
extension NetworkingSchemas {
    static let longText: Schema = .string(length: 0...1024)
    /// A list of ids; null stands for none.
    static let ids: Schema = .nullable(.array(id, count: 0...1000, unique: true))

    static let flavorUpdate: Members = [
        ("name", text), ("description", .nullable(longText)), ("enabled", .nullable(flag)), ("service_profiles", ids),
    ]
    static let flavorCreation: Members = flavorUpdate + [("service_type", text)]
    static let serviceProfile: Members = [
        ("description", .nullable(longText)), ("driver", .nullable(longText)), ("metainfo", .nullable(longText)),
        ("enabled", .nullable(flag)),
    ]
    static let profileBinding: RequestBody = .json(
        .object([("service_profile", .object(project + [("id", id)], required: ["id"]))], required: ["service_profile"]))

    // A port, or a range of them, such as `80:90`.
    private static let forwardedPort: Schema = .nullable(.integer(1...65535, lenient: true))
    private static let portRange: Schema = .nullable(
        .anyOf([.integer(1...65535), .string(length: 1...11, pattern: "^[0-9]{1,5}(:[0-9]{1,5})?$")]))
    static let portForwarding: Members = project + [
        ("internal_port_id", id), ("internal_ip_address", .nullable(.string(length: 1...64))), ("protocol", text),
        ("internal_port", forwardedPort), ("external_port", forwardedPort), ("internal_port_range", portRange),
        ("external_port_range", portRange), ("description", text),
    ]
    static let conntrackHelper: Members = project + [
        ("protocol", text), ("port", .integer(1...65535, lenient: true)), ("helper", .string(length: 1...64)),
    ]
    private static let externalGateway: Schema = .object(
        [("network_id", id), ("enable_snat", flag), ("external_fixed_ips", fixedIPs)], required: ["network_id"])
    // The openstack client says of no gateways `{}` as it removes a router's.
    private static let someGateways: Schema = .anyOf([.array(externalGateway, count: 0...32), .object([])])
    static let externalGateways: RequestBody = .json(.object(
        [("router", .object([("external_gateways", someGateways)], required: ["external_gateways"]))], required: ["router"]))

    private static let firewallRange: Schema = .nullable(.anyOf([.string(format: .cidr), .string(format: .ip)]))
    private static let firewallPort: Schema = .nullable(
        .anyOf([.integer(1...65535), .string(length: 1...11, pattern: "^[0-9]{1,5}(:[0-9]{1,5})?$")]))
    static let firewallRuleUpdate: Members = described + [
        ("shared", flag), ("protocol", .nullable(.string(length: 0...40))), ("ip_version", .oneOf([4, 6, "4", "6"])),
        ("source_ip_address", firewallRange), ("destination_ip_address", firewallRange), ("source_port", firewallPort),
        ("destination_port", firewallPort), ("action", .string(length: 1...10)), ("enabled", flag),
    ]
    static let firewallRuleCreation: Members = firewallRuleUpdate + project
    static let firewallPolicyUpdate: Members = described + [("shared", flag), ("audited", flag), ("firewall_rules", ids)]
    static let firewallPolicyCreation: Members = firewallPolicyUpdate + project
    static let firewallGroupUpdate: Members = described + [
        ("shared", flag), ("admin_state_up", flag), ("ports", ids), ("ingress_firewall_policy_id", .nullable(id)),
        ("egress_firewall_policy_id", .nullable(id)),
    ]
    static let firewallGroupCreation: Members = firewallGroupUpdate + project
    static let firewallRulePlace: RequestBody = .json(.object([
        ("firewall_rule_id", text), ("insert_before", .nullable(text)), ("insert_after", .nullable(text)),
    ]))

    static let priority: Schema = .nullable(.integer(lenient: true))

    static let meteringLabel: Members = project + [("name", text), ("description", longText), ("shared", flag)]
    private static let prefix: Schema = .nullable(.string(length: 1...64))
    static let meteringRule: Members = project + [
        ("metering_label_id", id), ("direction", .oneOf(["ingress", "egress"])), ("excluded", flag),
        ("remote_ip_prefix", prefix), ("source_ip_prefix", prefix), ("destination_ip_prefix", prefix),
    ]
}
