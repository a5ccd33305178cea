import CloudAPI
import CloudCore

/// Glance's version document.
enum ImageVersions {
    /// The minor versions, the newest first, without those that upstream ties to its cache and to several stores.
    private static let versions = [
        "v2.17", "v2.15", "v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0",
    ]

    static let endpoints: [Endpoint] = [
        Endpoint(
            .get, "/", "List API versions", access: .open(because: "discovery"), success: .multipleChoices, handler: list),
        Endpoint(.get, "/versions", "List API versions", access: .open(because: "discovery"), handler: list),
        Endpoint(
            .get, "/v2/schemas/image", "Show the schema of an image",
            access: .authenticated(because: "upstream registers no rule"), handler: imageSchema),
        Endpoint(
            .get, "/v2/schemas/images", "Show the schema of a list of images",
            access: .authenticated(because: "upstream registers no rule"), handler: listSchema),
    ]

    @Sendable private static func imageSchema(_ request: APIRequest) async throws -> APIResponse {
        try schema("image", ImageSchemas.image)
    }

    @Sendable private static func listSchema(_ request: APIRequest) async throws -> APIResponse {
        try schema(
            "images",
            .object([
                ("images", .array(ImageSchemas.image)), ("first", .string()), ("next", .string()), ("schema", .string()),
            ]))
    }

    /// A schema with its name as Glance's documents have it: beside the members of the schema itself.
    private static func schema(_ name: String, _ schema: Schema) throws -> APIResponse {
        var writer = JSONWriter()
        schema.write(to: &writer)
        let members = try JSON(parsing: writer.bytes).object ?? [:]
        return .json {
            $0.object { json in
                json.member("name", name)
                for member in members { json.member(member.name, member.value) }
            }
        }
    }

    @Sendable private static func list(_ request: APIRequest) async throws -> APIResponse {
        .json {
            $0.object {
                $0.member("versions") { json in
                    json.array { json in for version in versions { write(version, request, to: &json) } }
                }
            }
        }
    }

    private static func write(_ version: String, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("id", version)
            $0.member("status", version == versions.first ? "CURRENT" : "SUPPORTED")
            $0.member("links") {
                $0.array {
                    $0.object {
                        $0.member("rel", "self")
                        $0.member("href", "\(request.serviceURL)/v2/")
                    }
                }
            }
        }
    }
}
