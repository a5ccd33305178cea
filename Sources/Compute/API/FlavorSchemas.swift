import CloudAPI
import CloudCore

/// What requests about flavors may say (nova.api.openstack.compute.schemas.flavors).
enum FlavorSchemas {
    private static let maximum = 2_147_483_647
    private static let description = TextSchemas.description(upTo: 65535)

    /// From 2.55 on a flavor has a description, from 2.102 on no rxtx factor.
    static func create(from minor: Int) -> (from: Microversion, schema: Schema) {
        var members: [(name: String, schema: Schema)] = [
            ("name", TextSchemas.name),
            ("id", .anyOf([.string(length: 1...255, pattern: #"(?! )[a-zA-Z0-9. _-]+(?<! )"#), .number(), .null])),
            ("ram", .integer(1...maximum, lenient: true)),
            ("vcpus", .integer(1...maximum, lenient: true)),
            ("disk", .integer(0...maximum, lenient: true)),
            ("OS-FLV-EXT-DATA:ephemeral", .integer(0...maximum, lenient: true)),
            ("swap", .integer(0...maximum, lenient: true)),
            ("os-flavor-access:is_public", TextSchemas.boolean),
        ]
        if minor < 102 {
            let number: Schema = .number(Double.leastNonzeroMagnitude...3.40282e38)
            members.append(("rxtx_factor", .anyOf([number, .string(pattern: #"[0-9]+(\.[0-9]+)?"#)])))
        }
        if minor >= 55 { members.append(("description", description)) }
        return (
            Microversion(2, minor),
            .object([("flavor", .object(members, required: ["name", "ram", "vcpus", "disk"]))], required: ["flavor"])
        )
    }

    static let update: Schema = .object(
        [("flavor", .object([("description", description)], required: ["description"]))], required: ["flavor"])

    private static let specValue: Schema = .anyOf([.string(length: 0...255), .number()])
    private static let specName = #"[a-zA-Z0-9\-_:. ]{1,255}"#
    static let extraSpecs: Schema = .object(
        [("extra_specs", .map(names: specName, values: specValue))], required: ["extra_specs"])
    /// One extra spec.
    static let spec: Schema = .map(names: specName, values: specValue, minimum: 1)

    static func access(_ action: String) -> Schema {
        .object(
            [(action, .object([("tenant", .string(length: 1...255))], required: ["tenant"]))],
            required: [action])
    }

    /// What the query of a list may say: unknown parameters are refused from 2.75 on; 2.102 knows names and no rxtx factor.
    static func checkListQuery(_ request: APIRequest) throws {
        let isLate = request.microversion >= Microversion(2, 102)
        let keys = FlavorSortKey.allCases.filter { !(isLate && $0 == .rxtxFactor) }.map { JSON.string($0.rawValue) }
        var members: [(name: String, schema: Schema)] = QueryRules.paging + [
            ("is_public", .string()), ("minRam", .string()), ("minDisk", .string()), ("sort_key", .oneOf(keys)),
            ("sort_dir", .oneOf(["asc", "desc"].map { .string($0) })),
        ]
        if isLate { members.append(("name", .string())) }
        try QueryRules(members, strictFrom: 75).check(request)
    }
}
