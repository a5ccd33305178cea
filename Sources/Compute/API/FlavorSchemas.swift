import CloudAPI
import CloudCore

/// What requests about flavors may say (nova.api.openstack.compute.schemas.flavors).
enum FlavorSchemas {
    /// Names and ids: printable, no white space at the ends.
    static let name: Schema = .string(length: 1...255, pattern: #"(?! )[^\x00-\x1f\x7f]+(?<! )"#)
    private static let maximum = 2_147_483_647

    static func create(description: Bool) -> Schema {
        var members: [(name: String, schema: Schema)] = [
            ("name", name),
            ("id", .anyOf([.string(length: 1...255, pattern: #"(?! )[a-zA-Z0-9. _-]+(?<! )"#), .integer(), .null])),
            ("ram", .integer(1...maximum, lenient: true)),
            ("vcpus", .integer(1...maximum, lenient: true)),
            ("disk", .integer(0...maximum, lenient: true)),
            ("OS-FLV-EXT-DATA:ephemeral", .integer(0...maximum, lenient: true)),
            ("swap", .integer(0...maximum, lenient: true)),
            ("rxtx_factor", .anyOf([.number(0.001...3.4e38), .string(pattern: #"[0-9]+(\.[0-9]+)?"#)])),
            ("os-flavor-access:is_public", .boolean(lenient: true)),
        ]
        if description { members.append(("description", .nullable(.string(length: 0...65535)))) }
        return .object(
            [("flavor", .object(members, required: ["name", "ram", "vcpus", "disk"]))], required: ["flavor"])
    }

    static let update: Schema = .object(
        [("flavor", .object([("description", .nullable(.string(length: 0...65535)))], required: ["description"]))],
        required: ["flavor"])

    static let extraSpecs: Schema = .object([("extra_specs", specs)], required: ["extra_specs"])
    static let specs: Schema = .map(
        names: #"[a-zA-Z0-9\-_:. ]{1,255}"#, values: .anyOf([.string(length: 0...255), .integer(), .number(), .boolean()]))

    static func access(_ action: String) -> Schema {
        .object(
            [(action, .object([("tenant", .string(length: 1...255))], required: ["tenant"]))],
            required: [action])
    }
}
