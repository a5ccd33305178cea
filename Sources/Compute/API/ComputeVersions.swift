import CloudAPI
import CloudCore

/// Compute's version documents.
enum ComputeVersions {
    static let policy = MicroversionPolicy(
        service: "compute", legacyHeader: "X-OpenStack-Nova-API-Version", minimum: Microversion(2, 1),
        maximum: Microversion(2, 104))

    static let endpoints: [Endpoint] = [
        Endpoint(.get, "/", "List API versions", access: .open(because: "discovery"), success: .multipleChoices) { request in
            .json { json in
                json.object {
                    $0.member("choices") { json in
                        json.array {
                            write(v2: request, to: &$0)
                            write(v21: request, to: &$0)
                        }
                    }
                }
            }
        },
        Endpoint(.get, "/v2.1", "Show API version 2.1", access: .open(because: "discovery")) { request in
            .json { $0.object { $0.member("version") { write(v21: request, to: &$0) } } }
        },
        Endpoint(.get, "/v2", "Show API version 2.0", access: .open(because: "discovery")) { request in
            .json { $0.object { $0.member("version") { write(v2: request, to: &$0) } } }
        },
    ]

    private static func write(v2 request: APIRequest, to json: inout JSONWriter) {
        write(id: "v2.0", status: "SUPPORTED", minimum: "", maximum: "", link: "\(request.serviceURL)/v2/", to: &json)
    }

    private static func write(v21 request: APIRequest, to json: inout JSONWriter) {
        write(
            id: "v2.1", status: "CURRENT", minimum: "\(policy.minimum)", maximum: "\(policy.maximum)",
            link: "\(request.serviceURL)/v2.1/", to: &json)
    }

    private static func write(
        id: String, status: String, minimum: String, maximum: String, link: String, to json: inout JSONWriter
    ) {
        json.object {
            $0.member("id", id)
            $0.member("status", status)
            $0.member("version", maximum)
            $0.member("min_version", minimum)
            $0.member("updated", id == "v2.1" ? "2013-07-23T11:33:21Z" : "2011-01-21T11:33:21Z")
            $0.member("links") {
                $0.array {
                    $0.object {
                        $0.member("rel", "self")
                        $0.member("href", link)
                    }
                }
            }
            $0.member("media-types") {
                $0.array {
                    $0.object {
                        $0.member("base", "application/json")
                        $0.member("type", "application/vnd.openstack.compute+json;version=\(id == "v2.1" ? "2.1" : "2")")
                    }
                }
            }
        }
    }
}
