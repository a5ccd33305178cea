import CloudAPI
import CloudCore

/// Block storage's version documents.
enum BlockStorageVersions {
    static let policy = MicroversionPolicy(service: "volume", minimum: Microversion(3, 0), maximum: Microversion(3, 71))

    static let endpoints: [Endpoint] = [
        .versions("/", "List API versions", success: .multipleChoices) { try write($0, to: &$1) },
        .versions("/v3", "Show API version 3") { try write($0, to: &$1) },
    ]

    private static func write(_ request: APIRequest, to json: inout JSONWriter) throws {
        json.object {
            $0.member("versions") { $0.array { $0.object { writeVersion(request, to: &$0) } } }
        }
    }

    private static func writeVersion(_ request: APIRequest, to json: inout JSONWriter) {
        json.member("id", "v3.0")
        json.member("status", "CURRENT")
        json.member("version", "\(policy.maximum)")
        json.member("min_version", "\(policy.minimum)")
        json.member("updated", "2023-08-31T00:00:00Z")
        json.member("links") { links in
            links.array {
                $0.object {
                    $0.member("rel", "describedby")
                    $0.member("type", "text/html")
                    $0.member("href", "https://docs.openstack.org/")
                }
                $0.object {
                    $0.member("rel", "self")
                    $0.member("href", "\(request.serviceURL)/v3/")
                }
            }
        }
        json.member("media-types") {
            $0.array {
                $0.object {
                    $0.member("base", "application/json")
                    $0.member("type", "application/vnd.openstack.volume+json;version=3")
                }
            }
        }
    }
}

extension APIRequest {
    /// Whether the microversion is 3.N or later.
    func isFrom(_ minor: Int) -> Bool { microversion >= Microversion(3, minor) }

    /// Whether the caller is an administrator.
    var isAdmin: Bool { token?.isAdmin == true }

    /// The address of a resource as Cinder links it, with the project where the request's own path names it.
    func link(_ collection: String, _ id: String) -> String { "\(serviceURL)/v3\(projectPath)/\(collection)/\(id)" }

    /// The same without the API's version.
    func bookmark(_ collection: String, _ id: String) -> String { "\(serviceURL)\(projectPath)/\(collection)/\(id)" }

    private var projectPath: String { self["project_id"].isEmpty ? "" : "/" + self["project_id"] }

    /// Writes the links of a resource.
    func writeLinks(_ collection: String, _ id: String, to json: inout JSONWriter) {
        json.member("links") {
            $0.array {
                $0.object {
                    $0.member("rel", "self")
                    $0.member("href", link(collection, id))
                }
                $0.object {
                    $0.member("rel", "bookmark")
                    $0.member("href", bookmark(collection, id))
                }
            }
        }
    }
}
