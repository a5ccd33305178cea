import CloudAPI
import CloudCore

/// What requests about servers may say (nova.api.openstack.compute.schemas.servers).
enum ServerSchemas {
    private static let reference: Schema = .string(length: 1...255)
    private static let count: Schema = .integer(1...1_000_000, lenient: true)
    static let metadata: Schema = .map(names: #"[a-zA-Z0-9\-_:. ]{1,255}"#, values: .string(length: 0...255))
    static let description: Schema = .nullable(.string(length: 0...255))
    static let hostName: Schema = .string(length: 1...255, pattern: #"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"#)
    /// A server's name: printable, with no white space at its ends.
    static let name: Schema = .string(length: 1...255, pattern: #"(?!\s)[^\x00-\x1f\x7f]+(?<!\s)"#)

    private static func network(tags: Bool) -> Schema {
        var members: [(name: String, schema: Schema)] = [
            ("uuid", .uuid), ("port", .nullable(.uuid)), ("fixed_ip", .string(format: .ip)),
        ]
        if tags { members.append(("tag", .string(length: 1...60, pattern: "[^,/]*"))) }
        return .object(members)
    }

    /// A block device; compute boots from an image for now, and says so where another source is asked for.
    private static let blockDevice: Schema = .object(
        [
            ("uuid", .nullable(.string(length: 0...255))), ("boot_index", .anyOf([.integer(lenient: true), .null])),
            ("source_type", .oneOf(["volume", "image", "snapshot", "blank"])),
            ("destination_type", .oneOf(["volume", "local"])), ("delete_on_termination", .boolean(lenient: true)),
            ("volume_size", .anyOf([.integer(1...2_147_483_647, lenient: true), .null])),
            ("device_name", .string(length: 0...255)), ("device_type", .string(length: 0...255)),
            ("disk_bus", .string(length: 0...255)), ("guest_format", .string(length: 0...255)),
            ("no_device", .any), ("tag", .string(length: 1...60)), ("volume_type", .nullable(.string(length: 0...255))),
        ])

    /// The members that a create request has in a microversion.
    private static func members(from version: Microversion) -> [(name: String, schema: Schema)] {
        func has(_ minor: Int) -> Bool { version >= Microversion(2, minor) }
        let networks: Schema = .array(network(tags: has(32)))
        var members: [(name: String, schema: Schema)] = [
            ("name", name), ("imageRef", .string(length: 0...255)), ("flavorRef", .anyOf([reference, .integer()])),
            ("adminPass", .string()), ("metadata", metadata),
            ("networks", has(37) ? .anyOf([networks, .oneOf(["auto", "none"])]) : networks),
            ("OS-DCF:diskConfig", .oneOf(["AUTO", "MANUAL"])), ("accessIPv4", .string(format: .ipv4)),
            ("accessIPv6", .string(format: .ipv6)), ("availability_zone", .string(length: 1...255)),
            ("config_drive", .boolean(lenient: true)), ("key_name", .string(length: 1...255)), ("min_count", count),
            ("max_count", count), ("return_reservation_id", .boolean(lenient: true)),
            ("security_groups", .array(.object([("name", .string(length: 1...255))]), unique: false)),
            ("user_data", .string(length: 0...65535, format: .base64)),
            ("block_device_mapping_v2", .array(blockDevice)),
        ]
        if has(19) { members.append(("description", description)) }
        if has(74) { members += [("host", .string(length: 1...255)), ("hypervisor_hostname", .string(length: 1...255))] }
        if has(90) { members.append(("hostname", hostName)) }
        return members
    }

    private static func create(from minor: Int) -> (from: Microversion, schema: Schema) {
        let version = Microversion(2, minor)
        let required = minor >= 37 ? ["name", "flavorRef", "networks"] : ["name", "flavorRef"]
        let server: Schema = .object(members(from: version), required: required)
        let hints: Schema = .object([], additional: .any)
        return (
            version,
            .object(
                [("server", server), ("os:scheduler_hints", hints), ("OS-SCH-HNT:scheduler_hints", hints)],
                required: ["server"])
        )
    }

    static let create = [1, 19, 32, 37, 74, 90].map(create)

    private static func update(from minor: Int) -> (from: Microversion, schema: Schema) {
        var members: [(name: String, schema: Schema)] = [
            ("name", name), ("OS-DCF:diskConfig", .oneOf(["AUTO", "MANUAL"])),
            ("accessIPv4", .string(format: .ipv4)), ("accessIPv6", .string(format: .ipv6)),
        ]
        if minor >= 19 { members.append(("description", description)) }
        if minor >= 90 { members.append(("hostname", hostName)) }
        if minor >= 104 { members.append(("pinned_availability_zone", .nullable(.string(length: 1...255)))) }
        return (Microversion(2, minor), .object([("server", .object(members))], required: ["server"]))
    }

    static let update = [1, 19, 90, 104].map(update)

    /// The action requests: one member named after the action.
    static let action: Schema = .object([], additional: .any)
    static let reboot: Schema = .object(
        [("type", .oneOf(["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]))], required: ["type"])
    static let consoleOutput: Schema = .object([("length", .anyOf([.integer(-1...1_000_000_000, lenient: true), .null]))])
}
