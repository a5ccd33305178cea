import CloudAPI
import CloudCore

/// What requests that move a server may say (nova.api.openstack.compute.schemas).
enum MoveSchemas {
    static let resize: Schema = .object(
        [
            ("flavorRef", .anyOf([.string(length: 1...255), .integer()])), ("OS-DCF:diskConfig", .oneOf(["AUTO", "MANUAL"])),
        ], required: ["flavorRef"])

    private static let host: Schema = .string(length: 1...255, pattern: #"[a-zA-Z0-9\-._]*"#)
    private static let block: Schema = .anyOf([TextSchemas.boolean, .oneOf(["auto"])])

    static let migrate: [(Int, Schema)] = [(1, .any), (56, .nullable(.object([("host", .nullable(host))])))]

    static let live: [(Int, Schema)] = [
        (
            1,
            .object(
                [("block_migration", TextSchemas.boolean), ("disk_over_commit", TextSchemas.boolean), ("host", .nullable(host))],
                required: ["block_migration", "disk_over_commit", "host"])
        ),
        (25, .object([("block_migration", block), ("host", .nullable(host))], required: ["block_migration", "host"])),
        (
            30,
            .object(
                [("block_migration", block), ("host", .nullable(host)), ("force", TextSchemas.boolean)],
                required: ["block_migration", "host"])
        ),
        (68, .object([("block_migration", block), ("host", .nullable(host))], required: ["block_migration", "host"])),
    ]

    static let evacuate: [(Int, Schema)] = [
        (
            1,
            .object(
                [("host", host), ("onSharedStorage", TextSchemas.boolean), ("adminPass", .string())], required: ["onSharedStorage"])
        ),
        (14, .object([("host", host), ("adminPass", .string())])),
        (29, .object([("host", host), ("adminPass", .string()), ("force", TextSchemas.boolean)])),
        (68, .object([("host", host), ("adminPass", .string())])),
    ]

    static let unshelve: [(Int, Schema)] = [
        (1, .any),
        (77, .nullable(.object([("availability_zone", TextSchemas.name)], required: ["availability_zone"]))),
        (91, .nullable(.object([("availability_zone", .nullable(.string())), ("host", .string())]))),
    ]

    static let forceComplete: Schema = .object([("force_complete", .null)], required: ["force_complete"])
}
