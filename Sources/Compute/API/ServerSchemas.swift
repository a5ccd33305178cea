import CloudAPI
import CloudCore

/// What requests about servers may say (nova.api.openstack.compute.schemas.servers).
enum ServerSchemas {
    typealias Members = [(name: String, schema: Schema)]

    private static let count: Schema = .integer(1...Int.max, lenient: true)
    static let metadata = TextSchemas.metadata
    static let description = TextSchemas.description(upTo: 255)
    /// A host name in one part; from 2.94 on with its domain.
    static func hostName(from minor: Int) -> Schema {
        minor >= 94 ? fullHostName : .string(length: 2...63, pattern: "[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+")
    }
    private static let fullHostName: Schema = .string(length: 1...255, pattern: "[a-zA-Z0-9-._]*")
    static let name = TextSchemas.name
    static let diskConfig: Schema = .oneOf(["AUTO", "MANUAL"])
    static let addresses: Members = [("accessIPv4", .string(format: .ipv4)), ("accessIPv6", .string(format: .ipv6))]
    static let certificates: Schema = .nullable(.array(.string(length: 1...Int.max), count: 1...50, unique: true))
    static let personality: Schema = .array(.object([("path", .string()), ("contents", .string(format: .base64))]))
    static let userData: Schema = .string(length: 0...65535, format: .base64)

    // MARK: Networks

    private static func network(from minor: Int) -> Schema {
        var members: Members = [
            ("fixed_ip", .string(format: .ip)), ("port", .nullable(.uuid)), ("uuid", minor >= 37 ? .uuid : .string()),
        ]
        // The tag was in 2.32 to 2.36 and is again from 2.42 on.
        if (32...36).contains(minor) || minor >= 42 { members.append(("tag", TextSchemas.tag)) }
        let list: Schema = .array(.object(members))
        return minor >= 37 ? .anyOf([list, .oneOf(["auto", "none"])]) : list
    }

    // MARK: Block devices

    private static let legacyDevice: Members = [
        ("virtual_name", .string(length: 0...255)), ("volume_id", .uuid), ("snapshot_id", .uuid),
        ("volume_size", .integer(1...0x7FFF_FFFF, lenient: true)),
        ("device_name", .string(length: 1...255, pattern: "[a-zA-Z0-9._/-]*")), ("delete_on_termination", TextSchemas.boolean),
        ("no_device", .any), ("connection_info", .string(length: 0...16_777_215)),
    ]

    private static func device(from minor: Int) -> Schema {
        var members = legacyDevice
        members += [
            ("source_type", .oneOf(["volume", "image", "snapshot", "blank"])),
            ("uuid", .string(length: 1...255, pattern: "[a-zA-Z0-9._-]*")), ("image_id", .uuid),
            ("destination_type", .oneOf(["local", "volume"])), ("guest_format", .string(length: 0...255)),
            ("device_type", .string(length: 0...255)), ("disk_bus", .string(length: 0...255)),
            ("boot_index", .anyOf([.integer(lenient: true), .null])),
        ]
        if minor == 32 || minor >= 42 { members.append(("tag", TextSchemas.tag)) }
        if minor >= 67 { members.append(("volume_type", .nullable(.string(length: 0...255)))) }
        return .object(members)
    }

    // MARK: Create

    private static func members(from minor: Int) -> Members {
        var members: Members = [
            ("name", name), ("imageRef", .anyOf([.uuid, .string(length: 0...0)])),
            ("flavorRef", .anyOf([.string(length: 1...Int.max), .integer()])), ("adminPass", .string()), ("metadata", metadata),
            ("networks", network(from: minor)), ("OS-DCF:diskConfig", diskConfig),
            ("availability_zone", name), ("block_device_mapping", .array(.object(legacyDevice))),
            ("block_device_mapping_v2", .array(device(from: minor))), ("config_drive", TextSchemas.boolean),
            ("key_name", name), ("min_count", count), ("max_count", count), ("return_reservation_id", TextSchemas.boolean),
            ("security_groups", .array(.object([("name", name)]))), ("user_data", userData),
        ]
        members += addresses
        if minor < 57 { members.append(("personality", personality)) }
        if minor >= 19 { members.append(("description", description)) }
        if minor >= 52 { members.append(("tags", .array(TextSchemas.tag, count: 0...ServerTagRecords.maximumCount))) }
        if minor >= 63 { members.append(("trusted_image_certificates", certificates)) }
        if minor >= 74 { members += [("host", fullHostName), ("hypervisor_hostname", fullHostName)] }
        if minor >= 90 { members.append(("hostname", hostName(from: minor))) }
        return members
    }

    private static let hints: Schema = {
        let (servers, texts): (Schema, Schema) = (.array(.uuid), .array(.string()))
        return .object(
            [
                ("group", .anyOf([servers, .uuid])), ("different_host", .anyOf([.uuid, servers])),
                ("same_host", .anyOf([.string(), servers])), ("query", .anyOf([.string(), .object([], additional: .any)])),
                ("target_cell", name), ("different_cell", .anyOf([.string(), texts])),
                ("build_near_host_ip", .string(format: .ip)), ("cidr", .string(pattern: "/[0-9a-f.:]+")),
            ], additional: .any)
    }()

    private static func create(from minor: Int) -> (from: Microversion, schema: Schema) {
        let required = ["name", "flavorRef"] + (minor >= 37 ? ["networks"] : [])
        return (
            Microversion(2, minor),
            .object(
                [
                    ("server", .object(members(from: minor), required: required)), ("os:scheduler_hints", hints),
                    ("OS-SCH-HNT:scheduler_hints", hints),
                ], required: ["server"])
        )
    }

    static let create = [1, 19, 32, 33, 37, 42, 52, 57, 63, 67, 74, 90, 94].map(create)

    // MARK: Update

    private static func update(from minor: Int) -> (from: Microversion, schema: Schema) {
        var members: Members = [("name", name), ("OS-DCF:diskConfig", diskConfig)] + addresses
        if minor >= 19 { members.append(("description", description)) }
        if minor >= 90 { members.append(("hostname", hostName(from: minor))) }
        if minor >= 104 { members.append(("pinned_availability_zone", .nullable(.string(length: 1...255)))) }
        return (Microversion(2, minor), .object([("server", .object(members))], required: ["server"]))
    }

    static let update = [1, 19, 90, 94, 104].map(update)

    // MARK: Actions

    /// The action requests: one member named after the action.
    static let action: Schema = .object([], additional: .any)
    static let reboot: Schema = .object(
        [("type", .oneOf(["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]))], required: ["type"])
    static let consoleOutput: Schema = .object([("length", .anyOf([.integer(-1...1_000_000_000, lenient: true), .null]))])
}
