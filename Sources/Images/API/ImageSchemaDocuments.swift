import CloudAPI
import CloudCore

/// The schemas of images and members, which clients read to know the attributes from custom properties.
enum ImageSchemaDocuments {
    static let endpoints: [Endpoint] = [
        document("image", image),
        document("images", collection("images", of: image)),
        document("member", member),
        document("members", collection("members", of: member, isPaged: false)),
        document("task", ImageTaskDocuments.task),
        document("tasks", collection("tasks", of: ImageTaskDocuments.brief)),
    ]

    private static func document(_ name: String, _ json: JSON) -> Endpoint {
        Endpoint(
            .get, "/v2/schemas/\(name)", "Show the schema of \(name)", access: .authenticated(because: "upstream registers no rule")
        ) { _ in .json { $0.write(json) } }
    }

    /// The schema of a list, from that of what it lists.
    /// - Parameter isPaged: whether the list comes in pages with links between them.
    static func collection(_ name: String, of item: JSON, isPaged: Bool = true) -> JSON {
        var properties: JSONObject = [name: ["type": "array", "items": item]]
        for link in isPaged ? ["first", "next"] : [] { properties[link] = ["type": "string"] }
        properties["schema"] = ["type": "string"]
        let links: [JSON] = isPaged ? [["rel": "first", "href": "{first}"], ["rel": "next", "href": "{next}"]] : []
        return [
            "name": .string(name), "properties": .object(properties),
            "links": .array(links + [["rel": "describedby", "href": "{schema}"]]),
        ]
    }

    // MARK: Attributes

    /// An attribute of a type with its meaning.
    private static func attribute(_ type: JSON, _ description: String, isReadOnly: Bool = false, _ more: JSONObject = [:]) -> JSON {
        var object: JSONObject = ["type": type, "description": .string(description)]
        if isReadOnly { object["readOnly"] = true }
        for (name, value) in more { object[name] = value }
        return .object(object)
    }

    private static let uuidPattern: JSON =
        "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
    private static let textOrNull: JSON = ["null", "string"]
    private static let integerOrNull: JSON = ["null", "integer"]
    private static let statuses: JSON = [
        "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
    ]

    private static let image: JSON = [
        "name": "image",
        "properties": .object(described.merging(settable).merging(links)),
        "additionalProperties": ["type": "string"],
        "links": [
            ["rel": "self", "href": "{self}"], ["rel": "enclosure", "href": "{file}"], ["rel": "describedby", "href": "{schema}"],
        ],
    ]

    /// What the service finds out about an image.
    private static let described: JSONObject = [
        "id": attribute("string", "The image's UUID", ["pattern": uuidPattern]),
        "status": attribute("string", "How far the image has come", isReadOnly: true, ["enum": statuses]),
        "checksum": attribute(textOrNull, "The MD5 of the bytes in hexadecimal", isReadOnly: true, ["maxLength": 32]),
        "os_hash_algo": attribute(textOrNull, "What os_hash_value is made with", isReadOnly: true, ["maxLength": 64]),
        "os_hash_value": attribute(textOrNull, "The hash of the bytes in hexadecimal", isReadOnly: true, ["maxLength": 128]),
        "size": attribute(integerOrNull, "The size in bytes", isReadOnly: true),
        "virtual_size": attribute(integerOrNull, "The size in bytes of the disk in the image", isReadOnly: true),
        "created_at": attribute("string", "When the image was described", isReadOnly: true),
        "updated_at": attribute("string", "When the description last changed", isReadOnly: true),
    ]

    /// What clients say about an image.
    private static let settable: JSONObject = [
        "name": attribute(textOrNull, "The image's name", ["maxLength": 255]),
        "visibility": attribute("string", "Who may use the image", ["enum": ["community", "public", "private", "shared"]]),
        "protected": attribute("boolean", "Whether the image cannot be deleted"),
        "os_hidden": attribute("boolean", "Whether lists leave the image out unless they are asked for hidden ones"),
        "owner": attribute(textOrNull, "The project the image belongs to", ["maxLength": 255]),
        "container_format": attribute(
            textOrNull, "What the disk is wrapped in", ["enum": .array([.null] + Image.containerFormats.map { .string($0) })]),
        "disk_format": attribute(
            textOrNull, "What the disk is written as", ["enum": .array([.null] + Image.diskFormats.map { .string($0) })]),
        "tags": attribute("array", "Words to find the image by", ["items": ["type": "string", "maxLength": 255]]),
        "min_ram": attribute("integer", "The least memory in MiB that the image runs in"),
        "min_disk": attribute("integer", "The smallest disk in GiB that holds the image"),
    ]

    /// Where to find an image and its bytes.
    private static let links: JSONObject = [
        "direct_url": attribute("string", "Where a store keeps the bytes", isReadOnly: true),
        "self": attribute("string", "The image's path", isReadOnly: true),
        "file": attribute("string", "The path of the image's bytes", isReadOnly: true),
        "stores": attribute("string", "The stores that hold the bytes, with commas between them", isReadOnly: true),
        "schema": attribute("string", "The path of this schema", isReadOnly: true),
        "locations": attribute("array", "The places of the bytes", ["items": location]),
    ]

    private static let location: JSON = [
        "type": "object", "required": ["url", "metadata"],
        "properties": [
            "url": ["type": "string", "maxLength": 255], "metadata": ["type": "object"],
            "validation_data": [
                "description": "What is known about the bytes; of an image that is not queued, it must agree with the image",
                "type": "object", "writeOnly": true, "additionalProperties": false, "required": ["os_hash_algo", "os_hash_value"],
                "properties": [
                    "checksum": ["type": "string", "minLength": 32, "maxLength": 32],
                    "os_hash_algo": ["type": "string", "maxLength": 64], "os_hash_value": ["type": "string", "maxLength": 128],
                ],
            ],
        ],
    ]

    private static let member: JSON = [
        "name": "member",
        "properties": [
            "member_id": attribute("string", "The project the image is shared with"),
            "image_id": attribute("string", "The image's UUID", ["pattern": uuidPattern]),
            "created_at": attribute("string", "When the image was shared"),
            "updated_at": attribute("string", "When the member last changed"),
            "status": attribute("string", "What the project thinks of it", ["enum": ["pending", "accepted", "rejected"]]),
            "schema": ["readOnly": true, "type": "string"],
        ],
    ]
}

extension JSONObject {
    /// The members of both.
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var merged = self
        for (name, value) in other { merged[name] = value }
        return merged
    }
}
