import CloudAPI
import CloudCore

/// What requests about images may say. Members that are none of these are custom properties, whose values are text.
enum ImageSchemas {
    private static let megabytes: Schema = .integer(0...2_147_483_647)
    static let tag: Schema = .string(length: 0...255)
    static let property: Schema = .string(length: 0...65535)

    /// The attributes that a client may set, each with what it may be.
    static let settable: [(name: String, schema: Schema)] = [
        ("name", .nullable(.string(length: 0...255))),
        ("visibility", .oneOf(Image.Visibility.allCases.map { .string($0.rawValue) })),
        ("disk_format", .oneOf(Image.diskFormats.map { .string($0) } + [.null])),
        ("container_format", .oneOf(Image.containerFormats.map { .string($0) } + [.null])),
        ("min_disk", megabytes), ("min_ram", megabytes), ("protected", .boolean()), ("os_hidden", .boolean()),
        ("tags", .array(tag)), ("owner", .nullable(.string(length: 0...255))),
    ]

    /// The attributes that only the service sets.
    private static let readOnly: [(name: String, schema: Schema)] = [
        ("created_at", .string()), ("updated_at", .string()), ("status", .string()), ("checksum", .nullable(.string())),
        ("os_hash_algo", .nullable(.string())), ("os_hash_value", .nullable(.string())), ("size", .nullable(.integer())),
        ("virtual_size", .nullable(.integer())), ("self", .string()), ("file", .string()), ("schema", .string()),
        ("direct_url", .string()), ("stores", .string()), ("id", .string()),
    ]

    /// The attributes of every image, with what requests may give as their values.
    static let attributes = settable + readOnly

    /// Properties that only the service uses.
    static let reservedPrefix = "os_glance"
    private static let reserved: Set = ["location", "deleted", "deleted_at"]

    /// Attributes that stand in an image but are told to nobody.
    static let hidden: Set = ["os_glance_stage_host", "os_glance_hash_op_host"]

    private static let location: Schema = .object(
        [("url", .string(length: 0...255)), ("metadata", .object([], additional: .any)), ("validation_data", validationData)],
        required: ["url", "metadata"], additional: .any)
    private static let validationData: Schema = .object(
        [
            ("checksum", .string(length: 32...32)), ("os_hash_algo", .string(length: 0...64)),
            ("os_hash_value", .string(length: 0...128)),
        ], required: ["os_hash_algo", "os_hash_value"])

    static let create: Schema = .object(
        [("id", .uuid)] + attributes.filter { $0.name != "id" } + [("locations", .array(location))], additional: property)

    /// - Throws: 403 for an attribute that no client may set or remove.
    static func checkMayChange(_ name: String) throws {
        guard !readOnly.contains(where: { $0.name == name }) else {
            throw ImageError.forbidden("Attribute '\(name)' is read-only.")
        }
        guard !reserved.contains(name), !name.hasPrefix(reservedPrefix) else {
            throw ImageError.forbidden("Attribute '\(name)' is reserved.")
        }
    }

    /// - Throws: 400 for a value that an attribute or a custom property can't have.
    static func check(_ name: String, _ value: JSON) throws {
        guard name.unicodeScalars.count <= 255 else {
            throw ImageError.badRequest("Custom property should not be greater than 255 characters.")
        }
        let known = name == "locations" ? .array(location) : attributes.first { $0.name == name }?.schema
        do {
            try (known ?? property).validate(value)
        } catch {
            throw ImageError.badRequest("Invalid value for '\(name)': \(error.reason)")
        }
    }
}
