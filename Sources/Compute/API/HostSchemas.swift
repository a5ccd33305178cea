import CloudAPI
import CloudCore

/// What requests about hosts may say (nova.api.openstack.compute.schemas).
enum HostSchemas {
    /// Names of hosts as nova takes them.
    static let hostName: Schema = .string(length: 1...255, pattern: "[a-zA-Z0-9-._]*")
    /// Printable characters with at least one that is no space, such as a name that is then trimmed.
    private static let looseName: Schema = .string(length: 1...255, pattern: #"[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}][^\p{C}\p{Zl}\p{Zp}]*"#)
    private static let zone: Schema = .nullable(
        .string(length: 1...255, pattern: #"[^\p{C}\p{Z}:]([^\p{C}\p{Zl}\p{Zp}:]*[^\p{C}\p{Z}:])?"#))

    // MARK: Aggregates

    static let createAggregate = wrapped(
        "aggregate", .object([("name", TextSchemas.name), ("availability_zone", zone)], required: ["name"]))
    static let updateAggregate = wrapped(
        "aggregate",
        .anyOf(["name", "availability_zone"].map { .object([("name", looseName), ("availability_zone", zone)], required: [$0]) }))

    static let aggregateAction: Schema = .anyOf([
        wrapped("add_host", .object([("host", hostName)], required: ["host"])),
        wrapped("remove_host", .object([("host", hostName)], required: ["host"])),
        wrapped("set_metadata", .object([("metadata", metadata)], required: ["metadata"])),
    ])
    private static let metadata: Schema = .map(
        names: #"[a-zA-Z0-9\-_:. ]{1,255}"#, values: .nullable(.string(length: 0...255)))

    static let cacheImages: Schema = .object(
        [("cache", .array(.object([("id", .uuid)], required: ["id"]), count: 1...Int.max))], required: ["cache"])

    // MARK: Services and hosts

    static let updateService: [(from: Microversion, schema: Schema)] = [
        (Microversion(2, 1), legacyService([])), (Microversion(2, 11), legacyService([("forced_down", TextSchemas.boolean)])),
        (
            Microversion(2, 53),
            .object([("status", .oneOf(["enabled", "disabled"])), ("disabled_reason", reason), ("forced_down", TextSchemas.boolean)])
        ),
    ]
    private static let reason: Schema = .string(length: 1...255, pattern: #"[^\x00]*"#)

    private static func legacyService(_ more: [(name: String, schema: Schema)]) -> Schema {
        .object(
            [("host", hostName), ("binary", .string(length: 1...255)), ("disabled_reason", reason)] + more,
            required: ["host", "binary"])
    }

    private static let enabling: Schema = .oneOf(["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"])
    static let updateHost: Schema = .anyOf(["status", "maintenance_mode"].map {
        .object([("status", enabling), ("maintenance_mode", enabling)], required: [$0])
    })

    // MARK: Server groups

    static let createServerGroup: [(from: Microversion, schema: Schema)] = [
        (Microversion(2, 1), serverGroup(policies: ["anti-affinity", "affinity"])),
        (Microversion(2, 15), serverGroup(policies: ServerGroup.Policy.allCases.map(\.rawValue))),
        (
            Microversion(2, 64),
            wrapped(
                "server_group",
                .object(
                    [
                        ("name", TextSchemas.name), ("policy", .oneOf(ServerGroup.Policy.allCases.map { .string($0.rawValue) })),
                        ("rules", .object([("max_server_per_host", .integer(1...2_147_483_647, lenient: true))])),
                    ], required: ["name", "policy"]))
        ),
    ]

    private static func serverGroup(policies: [String]) -> Schema {
        wrapped(
            "server_group",
            .object(
                [("name", TextSchemas.name), ("policies", .array(.oneOf(policies.map { .string($0) }), count: 1...1, unique: true))],
                required: ["name", "policies"]))
    }

    // MARK: Events and snapshots

    static let createEvents: [(from: Microversion, schema: Schema)] = [
        (1, nil), (51, "volume-extended"), (76, "power-update"), (82, "accelerator-request-bound"), (93, "volume-reimaged"),
    ].reduce(into: ([(from: Microversion, schema: Schema)](), Self.networkEvents)) { result, step in
        if let name: String = step.1 { result.1.append(name) }
        result.0.append((Microversion(2, step.0), events(result.1)))
    }.0

    private static let networkEvents = ["network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"]

    private static func events(_ names: [String]) -> Schema {
        let event: Schema = .object(
            [
                ("name", .oneOf(names.map { .string($0) })), ("server_uuid", .uuid),
                ("status", .oneOf(["failed", "completed", "in-progress"])), ("tag", .string(length: 0...255)),
            ], required: ["name", "server_uuid"])
        return .object([("events", .array(event, count: 1...Int.max))], required: ["events"])
    }

    static let createAssistedSnapshot = wrapped(
        "snapshot",
        .object(
            [
                ("volume_id", .string(length: 1...Int.max)),
                (
                    "create_info",
                    .object(
                        [
                            ("snapshot_id", .string(length: 1...Int.max)), ("type", .oneOf(["qcow2"])),
                            ("new_file", .string(length: 1...Int.max)), ("id", .string(length: 1...Int.max)),
                        ], required: ["snapshot_id", "type", "new_file"])
                ),
            ], required: ["volume_id", "create_info"]))

    private static func wrapped(_ name: String, _ schema: Schema) -> Schema { .object([(name, schema)], required: [name]) }
}

extension APIRequest {
    /// Whether the request is served in 2.x or later.
    func isAtLeast(_ minor: Int) -> Bool { microversion >= Microversion(2, minor) }

    /// A path parameter that must be a whole number; one that nothing can have as its number is none of anything.
    /// - Throws: 400 in upstream's words.
    func integer(_ parameter: String) throws -> Int {
        let digits = self[parameter].drop { $0 == "-" || $0 == "+" }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), self[parameter].count - digits.count < 2 else {
            throw ComputeError.badRequest("id must be an integer")
        }
        return Int(self[parameter]) ?? -1
    }
}
