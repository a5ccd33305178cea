import CloudAPI
import CloudCore

/// Barbican's version documents, whose form depends on the microversion asked for.
enum VersionEndpoints {
    private static let access = Access.open(because: "clients discover versions before they log in")

    static let table: [Endpoint] = [
        Endpoint(.get, "/", "Show the API's versions", access: access, success: .multipleChoices) { request in
            .json {
                $0.object {
                    $0.member("versions") { json in
                        guard request.microversion < Microversion(1, 1) else { return json.array { write(request, to: &$0) } }
                        json.object { $0.member("values") { $0.array { write(request, to: &$0) } } }
                    }
                }
            }
        },
        Endpoint(.get, "/v1", "Show version 1 of the API", access: access) { request in
            .json { $0.object { $0.member("version") { write(request, to: &$0) } } }
        },
    ]

    private static func write(_ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("id", "v1")
            if request.microversion < Microversion(1, 1) {
                $0.member("status", "stable")
                $0.member("media-types") {
                    $0.array {
                        $0.object {
                            $0.member("base", "application/json")
                            $0.member("type", "application/vnd.openstack.key-manager-v1+json")
                        }
                    }
                }
            } else {
                $0.member("status", "CURRENT")
                $0.member("min_version", KeyManagerAPI.minimum.description)
                $0.member("max_version", KeyManagerAPI.maximum.description)
            }
            $0.member("links") {
                $0.array {
                    $0.object { $0.member("rel", "self"); $0.member("href", request.serviceURL + "/v1/") }
                    $0.object {
                        $0.member("rel", "describedby")
                        $0.member("type", "text/html")
                        $0.member("href", "https://docs.openstack.org/")
                    }
                }
            }
        }
    }
}
