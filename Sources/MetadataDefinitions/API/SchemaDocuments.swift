import CloudAPI
import CloudCore

/// The schemas that clients read before they write: JSON Schema draft 4 in Glance's form, with its `name`, `links` and
/// `definitions` (glance/schema.py of 2026.2).
enum SchemaDocuments {
    private static let documents: [(name: String, summary: String, document: JSON)] = [
        ("namespace", "a namespace", namespace.document),
        ("namespaces", "a list of namespaces", namespace.collection("namespaces")),
        ("resource_type", "an association with a resource type", association.document),
        ("resource_types", "a list of associations with resource types", association.collection("resource_type_associations")),
        ("property", "a property", property.document),
        ("properties", "properties by name", property.collection("properties", isMap: true)),
        ("object", "an object", object.document),
        ("objects", "a list of objects", object.collection("objects")),
        ("tag", "a tag", tag.document),
        ("tags", "a list of tags", tag.collection("tags")),
    ]

    static let endpoints: [Endpoint] = documents.map { name, summary, document in
        Endpoint(
            .get, "/v2/schemas/metadefs/\(name)", "Show the schema of \(summary)",
            access: .authenticated(because: "upstream registers no rule")
        ) { _ in .json { document.write(to: &$0) } }
    }

    // MARK: The resources

    private static let namespace = ResourceSchema(
        name: "namespace", required: ["namespace"], definitions: definitions(minimumOfTexts: nil),
        members: [
            "namespace": text("The name of the namespace, unique in the cloud.", 80),
            "display_name": text("The name that people are shown.", 80),
            "description": text("What the namespace is about.", 500),
            "visibility": ["type": "string", "description": "Who sees the namespace.", "enum": ["public", "private"]],
            "protected": ["type": "boolean", "description": "Whether the namespace is safe from being deleted."],
            "owner": text("The project that owns the namespace.", 255),
            "created_at": moment("When the namespace was created."),
            "updated_at": moment("When the namespace was last changed."),
            "schema": link, "self": link,
            "resource_type_associations": list([
                "name": ["type": "string"], "prefix": ["type": "string"], "properties_target": ["type": "string"],
            ]),
            "properties": reference("property"),
            "objects": list([
                "name": ["type": "string"], "description": ["type": "string"], "required": reference("stringArray"),
                "properties": reference("property"),
            ]),
            "tags": list(["name": ["type": "string"]]),
        ])

    private static let association = ResourceSchema(
        name: "resource_type_association", required: ["name"], definitions: nil,
        members: [
            "name": text("The resource type, under its name in Heat where it has one.", 80),
            "prefix": text("What property names begin with on resources of this type, the separator included.", 80),
            "properties_target": text("Which of the resource's kinds of metadata the properties belong to.", 80),
            "created_at": moment("When the association was made."),
            "updated_at": moment("When the association was last changed."),
        ])

    private static let property = ResourceSchema(
        name: "property", required: ["type", "title", "name"], definitions: base(minimumOfTexts: 1), members: propertyMembers)

    private static let object = ResourceSchema(
        name: "object", required: ["name"], definitions: definitions(minimumOfTexts: nil),
        members: [
            "name": ["type": "string", "maxLength": 80], "description": ["type": "string"],
            "required": reference("stringArray"), "properties": reference("property"), "schema": link, "self": link,
            "created_at": moment("When the object was created."),
            "updated_at": moment("When the object was last changed."),
        ])

    private static let tag = ResourceSchema(
        name: "tag", required: ["name"], definitions: nil,
        members: [
            "name": ["type": "string", "maxLength": 80], "created_at": moment("When the tag was created."),
            "updated_at": moment("When the tag was last changed."),
        ])

    // MARK: Definitions

    private static let types: JSON = ["array", "boolean", "integer", "number", "object", "string", nil]

    private static let propertyMembers: JSONObject = [
        "name": ["type": "string", "maxLength": 80], "title": ["type": "string"], "description": ["type": "string"],
        "operators": ["type": "array", "items": ["type": "string"]], "type": ["type": "string", "enum": types],
        "required": reference("stringArray"), "minimum": ["type": "number"], "maximum": ["type": "number"],
        "maxLength": reference("positiveInteger"), "minLength": reference("positiveIntegerDefault0"),
        "pattern": ["type": "string", "format": "regex"], "enum": ["type": "array"], "readonly": ["type": "boolean"],
        "default": [:],
        "items": ["type": "object", "properties": ["type": ["type": "string", "enum": types], "enum": ["type": "array"]]],
        "maxItems": reference("positiveInteger"), "minItems": reference("positiveIntegerDefault0"),
        "uniqueItems": ["type": "boolean", "default": false], "additionalItems": ["type": "boolean"],
    ]

    private static func base(minimumOfTexts: Int?) -> JSONObject {
        var texts: JSONObject = ["type": "array", "items": ["type": "string"], "uniqueItems": true]
        texts["minItems"] = minimumOfTexts.map { .int($0) }
        return [
            "positiveInteger": ["type": "integer", "minimum": 0],
            "positiveIntegerDefault0": ["allOf": [reference("positiveInteger"), ["default": 0]]],
            "stringArray": .object(texts),
        ]
    }

    private static func definitions(minimumOfTexts: Int?) -> JSONObject {
        var definitions = base(minimumOfTexts: minimumOfTexts)
        definitions["property"] = [
            "type": "object",
            "additionalProperties": ["type": "object", "required": ["title", "type"], "properties": .object(propertyMembers)],
        ]
        return definitions
    }

    // MARK: Members

    private static let link: JSON = ["readOnly": true, "type": "string"]

    private static func text(_ description: String, _ length: Int) -> JSON {
        ["type": "string", "description": .string(description), "maxLength": .int(length)]
    }

    private static func moment(_ description: String) -> JSON {
        ["type": "string", "readOnly": true, "description": .string(description), "format": "date-time"]
    }

    private static func list(_ members: JSON) -> JSON { ["type": "array", "items": ["type": "object", "properties": members]] }

    private static func reference(_ name: String) -> JSON { ["$ref": .string("#/definitions/\(name)")] }
}

/// One resource's schema, from which its document and that of its lists are made.
private struct ResourceSchema {
    let name: String
    let required: [String]
    let definitions: JSONObject?
    let members: JSONObject

    /// The schema of one.
    var document: JSON {
        var document = item(required: required)
        document["definitions"] = definitions.map { .object($0) }
        return .object(document)
    }

    private func item(required: [String]) -> JSONObject {
        [
            "name": .string(name), "properties": .object(members), "additionalProperties": false,
            "required": .array(required.map { .string($0) }),
        ]
    }

    /// The schema of many: a list, or a map by name, in which an item need not repeat its name.
    func collection(_ name: String, isMap: Bool = false) -> JSON {
        let item = JSON.object(item(required: isMap ? required.filter { $0 != "name" } : required))
        let items: JSON = isMap ? ["type": "object", "additionalProperties": item] : ["type": "array", "items": item]
        var properties: JSONObject = [:]
        properties[name] = items
        for link in ["first", "next", "schema"] { properties[link] = ["type": "string"] }
        var document: JSONObject = [
            "name": .string(name), "properties": .object(properties),
            "links": [
                ["rel": "first", "href": "{first}"], ["rel": "next", "href": "{next}"], ["rel": "describedby", "href": "{schema}"],
            ],
        ]
        document["definitions"] = definitions.map { .object($0) }
        return .object(document)
    }
}
