import CloudAPI
import CloudCore

/// What requests about images may say. Members that are none of these are custom properties, whose values are text.
enum ImageSchemas {
    static let name: Schema = .nullable(.string(length: 0...255))
    private static let megabytes: Schema = .integer(0...2_147_483_647)
    static let tags: Schema = .array(.string(length: 0...255))

    /// The members that a client may set, each with what it may be.
    static let settable: [(name: String, schema: Schema)] = [
        ("name", name),
        ("visibility", .oneOf(Image.Visibility.allCases.map { .string($0.rawValue) })),
        ("disk_format", .oneOf(Image.diskFormats.map { .string($0) } + [.null])),
        ("container_format", .oneOf(Image.containerFormats.map { .string($0) } + [.null])),
        ("min_disk", megabytes), ("min_ram", megabytes), ("protected", .boolean()), ("os_hidden", .boolean()),
        ("tags", tags), ("owner", .nullable(.string(length: 0...255))),
    ]

    /// Members that only the service sets.
    static let readOnly: Set = [
        "created_at", "updated_at", "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size", "self",
        "file", "schema", "direct_url", "locations", "stores",
    ]

    static let create: Schema = .object([("id", .uuid)] + settable, additional: .string(length: 0...65535))

    /// The media type of patches; the form of v2.0 is not taken.
    static let patchMediaType = "application/openstack-images-v2.1-json-patch"

    /// What `GET /v2/schemas/image` answers: the members a client may meet.
    static let image: Schema = .object(
        [("id", .uuid)] + settable + readOnly.sorted().map { ($0, .any) }, additional: .string())

    /// RFC 6902 patches, as far as image API v2 takes them.
    static let patch: Schema = .array(
        .object(
            [("op", .oneOf(["add", "replace", "remove"])), ("path", .string(length: 2...255)), ("value", .any)],
            required: ["op", "path"]))
}
