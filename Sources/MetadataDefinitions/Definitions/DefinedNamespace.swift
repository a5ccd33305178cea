import CloudCore

/// A namespace of the definitions that come with the program: upstream's names, types and values under descriptions of
/// our own. Slips in upstream's files, such as MySQL's port, are put right; what only hypervisors of others know is left
/// out, as are the CIM namespaces.
struct DefinedNamespace: Sendable {
    let name: String
    let title: String
    let description: String
    /// nil where upstream's file leaves it open, which makes the namespace private.
    var visibility: String? = "public"
    var isProtected = true
    var uses: [Use] = []
    var properties: [DefinedProperty] = []
    var objects: [DefinedObject] = []

    /// The same in the format of upstream's files.
    var json: JSON {
        var json: JSONObject = [
            "namespace": .string(name), "display_name": .string(title), "description": .string(description),
            "protected": .bool(isProtected),
        ]
        json["visibility"] = visibility.map { .string($0) }
        if !uses.isEmpty { json["resource_type_associations"] = .array(uses.map(\.json)) }
        if !properties.isEmpty { json["properties"] = Self.json(properties) }
        if !objects.isEmpty { json["objects"] = .array(objects.map(\.json)) }
        return .object(json)
    }

    fileprivate static func json(_ properties: [DefinedProperty]) -> JSON {
        var members = JSONObject()
        for property in properties { members[property.name] = .object(property.schema) }
        return .object(members)
    }
}

/// A resource type that a namespace is for.
struct Use: Sendable {
    let type: String
    let prefix: String?
    let target: String?

    static func image(_ prefix: String? = nil) -> Use { Use(type: "OS::Glance::Image", prefix: prefix, target: nil) }
    static func flavor(_ prefix: String? = nil) -> Use { Use(type: "OS::Nova::Flavor", prefix: prefix, target: nil) }
    static func aggregate(_ prefix: String? = nil) -> Use { Use(type: "OS::Nova::Aggregate", prefix: prefix, target: nil) }
    /// Of a volume, what it has from the image it was made of.
    static func volume(_ prefix: String? = nil) -> Use { Use(type: "OS::Cinder::Volume", prefix: prefix, target: "image") }
    static let server = Use(type: "OS::Nova::Server", prefix: nil, target: "metadata")
    static let database = Use(type: "OS::Trove::Instance", prefix: nil, target: nil)

    var json: JSON {
        var json: JSONObject = ["name": .string(type)]
        json["prefix"] = prefix.map { .string($0) }
        json["properties_target"] = target.map { .string($0) }
        return .object(json)
    }
}

/// Properties that belong together.
struct DefinedObject: Sendable {
    let name: String
    let description: String
    let properties: [DefinedProperty]

    init(_ name: String, _ description: String, _ properties: [DefinedProperty]) {
        (self.name, self.description, self.properties) = (name, description, properties)
    }

    var json: JSON {
        ["name": .string(name), "description": .string(description), "properties": DefinedNamespace.json(properties)]
    }
}

/// A property with its JSON schema.
struct DefinedProperty: Sendable {
    let name: String
    let schema: JSONObject

    private init(_ name: String, _ type: String, _ title: String, _ description: String, _ facts: [(String, JSON?)]) {
        var schema: JSONObject = ["title": .string(title), "description": .string(description), "type": .string(type)]
        for (name, value) in facts { schema[name] = value }
        (self.name, self.schema) = (name, schema)
    }

    /// Text, freely chosen or one of several.
    static func text(
        _ name: String, _ title: String, _ description: String, oneOf values: String? = nil, default fallback: String? = nil,
        pattern: String? = nil, operators: [String]? = nil
    ) -> DefinedProperty {
        let facts: [(String, JSON?)] = [
            ("enum", values.map(list)), ("default", fallback.map { .string($0) }), ("pattern", pattern.map { .string($0) }),
            ("operators", operators.map { .array($0.map { .string($0) }) }),
        ]
        return DefinedProperty(name, "string", title, description, facts)
    }

    /// A whole number.
    static func integer(
        _ name: String, _ title: String, _ description: String, minimum: Int? = nil, maximum: Int? = nil,
        default fallback: Int? = nil
    ) -> DefinedProperty {
        let facts: [(String, JSON?)] = [
            ("minimum", minimum.map { .int($0) }), ("maximum", maximum.map { .int($0) }), ("default", fallback.map { .int($0) }),
        ]
        return DefinedProperty(name, "integer", title, description, facts)
    }

    /// A number.
    static func number(_ name: String, _ title: String, _ description: String) -> DefinedProperty {
        DefinedProperty(name, "number", title, description, [])
    }

    /// True or false.
    static func flag(_ name: String, _ title: String, _ description: String) -> DefinedProperty {
        DefinedProperty(name, "boolean", title, description, [])
    }

    /// Some of several texts.
    static func texts(
        _ name: String, _ title: String, _ description: String, of values: String, operators: [String]
    ) -> DefinedProperty {
        let facts: [(String, JSON?)] = [
            ("items", ["type": "string", "enum": list(values)]), ("operators", .array(operators.map { .string($0) })),
        ]
        return DefinedProperty(name, "array", title, description, facts)
    }

    /// A port that software listens on.
    static func port(_ name: String, _ title: String, _ number: Int) -> DefinedProperty {
        integer(name, title, "The TCP port it is reached at.", minimum: 1, maximum: 65535, default: number)
    }

    /// Values that are written with commas between them, or with blanks where there is no comma.
    private static func list(_ values: String) -> JSON {
        let separator: Character = values.contains(",") ? "," : " "
        let parts = values.split(separator: separator).map { part in
            String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
        return .array(parts.map { .string($0) })
    }
}
