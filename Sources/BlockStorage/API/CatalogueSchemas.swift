import CloudAPI
import CloudCore

/// Parts of what requests about types, groups and services may say (cinder.api.validation.parameter_types).
enum CatalogueSchemas {
    /// The largest number that Cinder's tables hold.
    static let maximum = 2_147_483_647

    /// A name with something besides blanks in it.
    static let name: Schema = .string(length: 1...255, pattern: #"[\s\S]*\S[\s\S]*"#)
    /// Text of printable characters, or none.
    static let description: Schema = .nullable(.string(length: 0...255, pattern: #"[^\p{C}\p{Zl}\p{Zp}]*"#))
    /// A host, back end or pool.
    static let host: Schema = .nullable(.string(length: 1...255, pattern: #"[a-zA-Z0-9\-._#@:/+\[\]]*"#))
    private static let specName = #"[a-zA-Z0-9\-_:. /]{1,255}"#
    private static let tightSpecName = #"[a-zA-Z0-9\-_:.]{1,255}"#
    /// Specs whose values may be null.
    static let specs: Schema = .map(names: specName, values: FieldSchemas.optionalName)
    /// Specs whose names have no blanks.
    static let tightSpecs: Schema = .map(names: tightSpecName, values: FieldSchemas.optionalName)
    /// One spec whose name has no blanks.
    static let oneSpec: Schema = .map(names: tightSpecName, values: FieldSchemas.optionalName, minimum: 1)

    /// An object of one member, which must be there.
    static func wrapped(_ name: String, _ schema: Schema) -> Schema { .object([(name, schema)], required: [name]) }

    static let createType: Schema = wrapped(
        "volume_type",
        .object(
            [
                ("name", name), ("description", description), ("extra_specs", specs),
                ("os-volume-type-access:is_public", FieldSchemas.boolean),
            ],
            required: ["name"]))
    static let updateType: Schema = wrapped(
        "volume_type",
        .object([("name", .nullable(.string(length: 1...255))), ("description", description), ("is_public", FieldSchemas.boolean)]))
    static let createGroupType: Schema = wrapped(
        "group_type",
        .object(
            [("name", name), ("description", description), ("is_public", FieldSchemas.boolean), ("group_specs", .nullable(specs))],
            required: ["name"]))
    static let updateGroupType: Schema = wrapped(
        "group_type", .object([("name", FieldSchemas.optionalName), ("description", description), ("is_public", FieldSchemas.boolean)]))
    /// Letting a project use a type, or no longer.
    static let access: Schema = .anyOf(["addProjectAccess", "removeProjectAccess"].map {
        wrapped($0, .object([("project", .string(length: 1...255))], required: ["project"]))
    })

    private static let encryptionMembers: [(name: String, schema: Schema)] = [
        ("key_size", .nullable(.integer(0...maximum, lenient: true))),
        ("provider", .string(length: 0...255)),
        ("control_location", .oneOf(["front-end", "back-end"].map { .string($0) })),
        ("cipher", FieldSchemas.optionalName),
    ]
    static let createEncryption: Schema = wrapped(
        "encryption", .object(encryptionMembers, required: ["provider", "control_location"], additional: .any))
    static let updateEncryption: Schema = wrapped("encryption", .object(encryptionMembers, additional: .any))

    static let createQoS: Schema = wrapped("qos_specs", .object([("name", name)], required: ["name"], additional: .any))
    static let updateQoS: Schema = wrapped("qos_specs", specs)
    static let qosKeys: Schema = wrapped("keys", .array(.string(length: 1...255), unique: true))
    static let defaultType: Schema = wrapped("default_type", .object([("volume_type", name)], required: ["volume_type"]))
}

extension JSON {
    /// Names with texts; null, which upstream lets pass as a value, is kept as no text.
    var specs: [String: String] {
        var specs: [String: String] = [:]
        for member in object ?? [:] { specs[member.name] = member.value.string ?? "" }
        return specs
    }
}
