import CloudAPI
import CloudCore

/// Which versions of the API there are.
extension Identity {
    var versionEndpoints: [Endpoint] {
        [
            Endpoint(.get, "/", "List the versions of the API", access: .open(because: "discovery comes before a token"), success: .multipleChoices) { request in
                .json(headers: [.location: request.serviceURL + "/v3/"]) { json in
                    json.object {
                        $0.member("versions") { $0.object { $0.member("values", [VersionView(request)]) } }
                    }
                }
            },
            Endpoint(.get, "/v3", "Show version 3 of the API", access: .open(because: "discovery comes before a token")) { request in
                .json("version", VersionView(request))
            },
        ]
    }
}

/// Version 3 as discovery shows it.
private struct VersionView: JSONWritable {
    let url: String

    init(_ request: APIRequest) { url = request.serviceURL + "/v3/" }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", "v3.14")
            $0.member("status", "stable")
            $0.member("updated", "2020-04-07T00:00:00Z")
            $0.member("links", [["rel": "self", "href": url]])
            $0.member("media-types", [["base": "application/json", "type": "application/vnd.openstack.identity-v3+json"]])
        }
    }
}
