import CloudAPI
import CloudCore
import CloudStore

// What the service is: its version and its extensions.
extension NetworkingAPI {
    var versionEndpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/", "List API versions", access: .open(because: "clients find the API by it"),
                handler: showVersions),
            Endpoint(
                .get, "/v2.0", "Show the API's resources",
                access: .authenticated(because: "it names what every caller may ask for"), handler: showResources),
            Endpoint(
                .get, "/v2.0/extensions", "List extensions",
                access: .authenticated(because: "it describes the service, not anyone's resources"), handler: listExtensions),
            Endpoint(
                .get, "/v2.0/extensions/{alias}", "Show an extension",
                access: .authenticated(because: "it describes the service, not anyone's resources"), handler: showExtension),
        ]
    }

    private func showVersions(_ request: APIRequest) -> APIResponse {
        .json { json in
            json.object { json in
                json.member("versions") { json in
                    json.array { json in
                        json.object { json in
                            json.member("id", "v2.0")
                            json.member("status", "CURRENT")
                            json.member("links") { link(&$0, "self", "\(request.serviceURL)/v2.0/") }
                        }
                    }
                }
            }
        }
    }

    private func link(_ json: inout JSONWriter, _ relation: String, _ url: String) {
        json.array { json in
            json.object {
                $0.member("rel", relation)
                $0.member("href", url)
            }
        }
    }

    private static let collections = [
        ("network", "networks"), ("subnet", "subnets"), ("port", "ports"), ("router", "routers"),
        ("floatingip", "floatingips"), ("security_group", "security-groups"), ("security_group_rule", "security-group-rules"),
        ("quota", "quotas"), ("agent", "agents"), ("availability_zone", "availability_zones"), ("extension", "extensions"),
    ]

    private func showResources(_ request: APIRequest) -> APIResponse {
        .json { json in
            json.object { json in
                json.member("resources") { json in
                    json.array { json in
                        for (name, collection) in Self.collections {
                            json.object { json in
                                json.member("name", name)
                                json.member("collection", collection)
                                json.member("links") { link(&$0, "self", "\(request.serviceURL)/v2.0/\(collection)") }
                            }
                        }
                    }
                }
            }
        }
    }

    private func listExtensions(_ request: APIRequest) -> APIResponse {
        .json { json in json.object { $0.member("extensions", array: NeutronExtension.all) } }
    }

    private func showExtension(_ request: APIRequest) throws -> APIResponse {
        let found = try NeutronExtension.all.first { $0.alias == request["alias"] }.orThrow(
            NetworkingError(.notFound, "ExtensionsNotFound", "Extensions not found: ['\(request["alias"])']."))
        return .json("extension", found)
    }
}
