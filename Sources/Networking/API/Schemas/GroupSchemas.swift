import CloudAPI
import CloudCore

// Address groups, templates of rules, statefulness and packet logs.
extension NetworkingSchemas {
    private static let ranges: Schema = .array(.string(length: 1...64), count: 0...1000)
    static let addressGroupCreation: Members = described + project + [("addresses", .nullable(ranges))]
    static let addresses: RequestBody = .json(.object([("addresses", ranges)], required: ["addresses"]))

    static let defaultRuleCreation: Members = project + [
        ("direction", .oneOf(["ingress", "egress"])), ("ethertype", text), ("protocol", ipProtocol),
        ("port_range_min", portNumber), ("port_range_max", portNumber),
        ("remote_ip_prefix", .nullable(text)), ("remote_group_id", .nullable(text)),
        ("remote_address_group_id", .nullable(text)), ("description", text),
        ("used_in_default_sg", flag), ("used_in_non_default_sg", flag),
    ]
    static let statefulnessCreation: Members = [
        ("project_id", .nullable(.string(length: 1...255))), ("tenant_id", .nullable(.string(length: 1...255))), ("stateful", flag),
    ]
    static let statefulnessUpdate: Members = [("stateful", flag)]

    static let logCreation: Members = described + project + [
        ("resource_type", text), ("resource_id", .nullable(id)), ("target_id", .nullable(id)),
        ("event", .oneOf(PacketLog.Event.allCases.map { .string($0.rawValue) })), ("enabled", flag),
    ]
    static let logUpdate: Members = described + [("enabled", flag)]
}
