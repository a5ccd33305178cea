import CloudAPI
import CloudCore

/// Placement's version document.
enum RootEndpoints {
    static let table: [Endpoint] = [
        Endpoint(.get, "/", "Show the API's versions", access: .open(because: "discovery"), handler: show)
    ]

    @Sendable private static func show(_ request: APIRequest) async throws -> APIResponse {
        .json(headers: request.freshness(nil)) {
            $0.object {
                $0.member("versions") {
                    $0.array {
                        $0.object {
                            $0.member("id", "v1.0")
                            $0.member("max_version", "1.39")
                            $0.member("min_version", "1.0")
                            $0.member("status", "CURRENT")
                            $0.member("links") {
                                $0.array {
                                    // Upstream's own way of saying: this same address.
                                    $0.object { $0.member("rel", "self"); $0.member("href", "") }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
