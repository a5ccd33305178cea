import CloudAPI
import CloudCore

/// Compute's version documents. The older v2.0, which upstream keeps for clients of long ago, is not offered.
enum ComputeVersions {
    static let policy = MicroversionPolicy(
        service: "compute", legacyHeader: "X-OpenStack-Nova-API-Version", minimum: Microversion(2, 1),
        maximum: Microversion(2, 104))

    static let endpoints: [Endpoint] = [
        Endpoint(.get, "/", "List API versions", access: .open(because: "discovery"), negotiates: false) { request in
            .json {
                $0.object { $0.member("versions") { json in json.array { json in json.object { writeCore(request, to: &$0) } } } }
            }
        },
        Endpoint(.get, "/v2.1", "Show API version 2.1", access: .open(because: "discovery"), negotiates: false) { request in
            .json { $0.object { $0.member("version") { $0.object { writeWhole(request, to: &$0) } } } }
        },
    ]

    private static func writeCore(_ request: APIRequest, to json: inout JSONWriter) {
        json.member("id", "v2.1")
        json.member("status", "CURRENT")
        json.member("version", "\(policy.maximum)")
        json.member("min_version", "\(policy.minimum)")
        json.member("updated", "2013-07-23T11:33:21Z")
        json.member("links") { $0.array { writeLink("self", "\(request.serviceURL)/v2.1/", to: &$0) } }
    }

    private static func writeWhole(_ request: APIRequest, to json: inout JSONWriter) {
        writeCore(request, to: &json)
        json.member("media-types") {
            $0.array {
                $0.object {
                    $0.member("base", "application/json")
                    $0.member("type", "application/vnd.openstack.compute+json;version=2.1")
                }
            }
        }
    }
}
