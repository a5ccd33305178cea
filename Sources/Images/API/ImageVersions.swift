import CloudAPI
import CloudCore

/// Glance's version document.
enum ImageVersions {
    /// The minor versions, the newest first, with those that upstream ties to its cache and to several stores.
    private static let versions = (0...18).reversed().map { "v2.\($0)" }

    static let endpoints: [Endpoint] = [
        Endpoint(
            .get, "/", "List API versions", access: .open(because: "discovery"), success: .multipleChoices, handler: list),
        Endpoint(.get, "/versions", "List API versions", access: .open(because: "discovery"), handler: list),
    ]

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
