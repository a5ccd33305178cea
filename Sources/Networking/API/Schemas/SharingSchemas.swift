import CloudAPI
import CloudCore

// RBAC policies.
extension NetworkingSchemas {
    static let sharingCreation: Members = project + [
        ("object_type", text), ("object_id", id), ("target_tenant", text), ("action", text),
    ]
    static let sharingUpdate: Members = [("target_tenant", text)]
}

// Subnet pools and address scopes.
extension NetworkingSchemas {
    private static let length: Schema = .integer(0...Int(Int32.max), lenient: true)
    private static let poolBoth: Members = [
        ("name", .string(length: 1...255)), ("description", text), ("prefixes", .array(text, count: 0...1000)),
        ("default_quota", length), ("default_prefixlen", length), ("min_prefixlen", length), ("max_prefixlen", length),
        ("is_default", flag), ("address_scope_id", .nullable(id)),
    ]
    static let subnetPoolCreation: Members = poolBoth + project + tags + [("shared", flag)]
    static let subnetPoolUpdate: Members = poolBoth
    static let subnetPoolPrefixes: RequestBody = .json(.object([("prefixes", .array(text, count: 0...1000))], required: ["prefixes"]))
    static let subnetOnboarding: RequestBody = .json(.object([("network_id", id)]))
    static let addressScopeCreation: Members = project + [
        ("name", text), ("shared", flag), ("ip_version", .oneOf([4, 6, "4", "6"])),
    ]
    static let addressScopeUpdate: Members = [("name", text), ("shared", flag)]
}

// Segments and their ranges.
extension NetworkingSchemas {
    static let segmentCreation: Members = project + [
        ("network_id", id), ("network_type", text), ("physical_network", .nullable(text)),
        ("segmentation_id", .nullable(.integer(lenient: true))), ("name", .nullable(text)), ("description", .nullable(text)),
    ]
    static let segmentUpdate: Members = [("name", .nullable(text)), ("description", .nullable(text))]
    /// The segments of a network that has several.
    static let networkSegments: Schema = .nullable(.array(.object([
        ("provider:network_type", text), ("provider:physical_network", .nullable(text)),
        ("provider:segmentation_id", .nullable(.integer(lenient: true))),
    ]), count: 0...100))
    private static let number: Schema = .integer(1...Int(UInt32.max), lenient: true)
    static let segmentRangeCreation: Members = [
        ("project_id", .string(length: 0...255)), ("tenant_id", .string(length: 0...255)), ("name", text), ("description", text),
        ("shared", flag), ("network_type", .oneOf(["vlan", "vxlan", "gre", "geneve"])), ("physical_network", .nullable(text)),
        ("minimum", number), ("maximum", number),
    ]
    static let segmentRangeUpdate: Members = [("name", text), ("description", text), ("minimum", number), ("maximum", number)]
}
