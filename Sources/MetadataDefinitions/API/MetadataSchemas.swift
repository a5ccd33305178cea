import CloudAPI
import CloudCore

/// What requests may say (glance/api/v2/metadef_*.py of 2026.2). What upstream takes and cannot keep, such as a name of
/// no characters or one longer than its column, is refused.
enum MetadataSchemas {
    /// What answers have and requests may not name.
    static let readOnly = ["self", "schema", "created_at", "updated_at"]

    private static let name: Schema = .string(length: 1...80)
    private static let short: Schema = .string(length: 0...80)
    private static let types: Schema = .oneOf(["array", "boolean", "integer", "number", "object", "string"])
    private static let texts: Schema = .array(.string(), unique: true)
    private static let count: Schema = .integer(0 ... .max)

    /// Read-only members pass here, so that their own refusal (403) can follow.
    private static func passing(_ names: [String]) -> [(name: String, schema: Schema)] { names.map { ($0, .any) } }

    private static let propertyMembers: [(name: String, schema: Schema)] = [
        ("name", name), ("title", .string()), ("description", .string()), ("operators", .array(.string())), ("type", types),
        ("required", texts), ("minimum", .number()), ("maximum", .number()), ("maxLength", count), ("minLength", count),
        ("pattern", .string()), ("enum", .array(.any)), ("readonly", .boolean()), ("default", .any),
        ("items", .object([("type", types), ("enum", .array(.any))], additional: .any)), ("maxItems", count),
        ("minItems", count), ("uniqueItems", .boolean()), ("additionalItems", .boolean()), ("confidential", .boolean()),
    ]

    /// A property under a name of its own.
    static let property: Schema = .object(
        propertyMembers + passing(["created_at", "updated_at"]), required: ["title", "type", "name"])

    /// Properties by name.
    private static let properties: Schema = .map(
        names: #"[\s\S]{1,80}"#, values: .object(propertyMembers, required: ["title", "type"]))

    private static let objectMembers: [(name: String, schema: Schema)] = [
        ("name", name), ("description", .string()), ("required", texts), ("properties", properties),
    ]

    static let object: Schema = .object(objectMembers + passing(readOnly), required: ["name"])

    private static let associationMembers: [(name: String, schema: Schema)] = [
        ("name", name), ("prefix", short), ("properties_target", short),
    ]

    static let association: Schema = .object(
        associationMembers + passing(["created_at", "updated_at"]), required: ["name"])

    static let tag: Schema = .object([("name", name)] + passing(["created_at", "updated_at"]), required: ["name"])

    static let tags: Schema = .object(
        [("tags", .array(.object([("name", name)], required: ["name"])))] + passing(["created_at", "updated_at"]),
        required: ["tags"])

    /// A namespace, with or without what shall be in it. Nested members may carry what answers have.
    static let namespace: Schema = .object(
        [
            ("namespace", name), ("display_name", short), ("description", .string(length: 0...500)),
            ("visibility", .oneOf(["public", "private"])), ("protected", .boolean()), ("owner", .string(length: 0...255)),
            ("resource_type_associations", .array(nested(associationMembers))), ("properties", properties),
            ("objects", .array(nested(objectMembers))), ("tags", .array(nested([("name", name)]))),
        ] + passing(readOnly), required: ["namespace"])

    private static func nested(_ members: [(name: String, schema: Schema)]) -> Schema {
        .object(members + passing(readOnly), required: ["name"])
    }

    /// - Throws: `MetadataError.readOnly` for a member that only answers have.
    static func refuseReadOnly(_ body: JSON) throws(MetadataError) {
        for name in readOnly where body[name] != nil { throw .readOnly(name) }
    }
}

extension MetadataItem {
    /// An object as a request, or a file, describes it.
    static func object(_ json: JSON, at moment: Timestamp) -> MetadataItem {
        var body = JSONObject()
        for name in ["description", "required", "properties"] { body[name] = json[name] }
        return MetadataItem(kind: .object, name: json["name"]?.string ?? "", body: body, createdAt: moment, updatedAt: moment)
    }

    /// A property by its name and schema.
    static func property(_ name: String, _ schema: JSON, at moment: Timestamp) -> MetadataItem {
        MetadataItem(kind: .property, name: name, body: schema.object ?? [:], createdAt: moment, updatedAt: moment)
    }

    /// A tag.
    static func tag(_ name: String, at moment: Timestamp) -> MetadataItem {
        MetadataItem(kind: .tag, name: name, body: [:], createdAt: moment, updatedAt: moment)
    }
}

extension ResourceTypeAssociation {
    /// An association as a request, or a file, describes it.
    init(_ json: JSON, at moment: Timestamp) {
        self.init(
            name: json["name"]?.string ?? "", prefix: json["prefix"]?.string,
            propertiesTarget: json["properties_target"]?.string, createdAt: moment, updatedAt: moment)
    }
}

extension NamespaceDetail {
    /// A namespace as a request, or a file, describes it.
    ///
    /// What is in it is made one microsecond after the other, so that it keeps its order.
    init(_ json: JSON, owner: String?, at moment: Timestamp) {
        namespace = MetadataNamespace(
            id: Identifier.uuid(), name: json["namespace"]?.string ?? "", displayName: json["display_name"]?.string,
            description: json["description"]?.string,
            visibility: json["visibility"]?.string.flatMap(MetadataNamespace.Visibility.init) ?? .private,
            isProtected: json["protected"]?.bool ?? false, owner: json["owner"]?.string ?? owner,
            createdAt: moment, updatedAt: moment)
        associations = Self.inOrder(json["resource_type_associations"]?.array, from: moment) { .init($0, at: $1) }
        objects = Self.inOrder(json["objects"]?.array, from: moment) { .object($0, at: $1) }
        tags = Self.inOrder(json["tags"]?.array, from: moment) { .tag($0["name"]?.string ?? "", at: $1) }
        properties = Self.inOrder(json["properties"]?.object?.members, from: moment) { .property($0.name, $0.value, at: $1) }
    }

    private static func inOrder<Source, Item>(
        _ sources: [Source]?, from moment: Timestamp, _ make: (Source, Timestamp) -> Item
    ) -> [Item] {
        (sources ?? []).enumerated().map { make($1, Timestamp(microseconds: moment.microseconds + $0)) }
    }
}
