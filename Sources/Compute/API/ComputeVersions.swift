import CloudAPI
import CloudCore

/// Compute's version documents.
enum ComputeVersions {
    static let policy = MicroversionPolicy(
        service: "compute", legacyHeader: "X-OpenStack-Nova-API-Version", minimum: Microversion(2, 1),
        maximum: Microversion(2, 104))

    /// A version of the API, as its documents tell of it.
    private struct Version: Sendable {
        let id: String
        /// Its path below the service.
        let path: String
        let status: String
        let updated: String
        let maximum: String
        let minimum: String
        let mediaType: String
    }

    private static let current = Version(
        id: "v2.1", path: "v2.1", status: "CURRENT", updated: "2013-07-23T11:33:21Z", maximum: "\(policy.maximum)",
        minimum: "\(policy.minimum)", mediaType: "application/vnd.openstack.compute+json;version=2.1")

    /// The API without microversions, for clients of long ago (`LegacyAPI`).
    private static let legacy = Version(
        id: "v2.0", path: LegacyAPI.version, status: "DEPRECATED", updated: "2025-07-04T12:00:00Z", maximum: "", minimum: "",
        mediaType: "application/vnd.openstack.compute+json;version=2")

    static let endpoints: [Endpoint] = [
        .versions("/", "List API versions") { request, json in
            json.object {
                $0.member("versions") { json in
                    json.array { json in
                        for version in [legacy, current] { json.object { writeCore(version, request, to: &$0) } }
                    }
                }
            }
        },
        document(current, "Show API version 2.1"), document(legacy, "Show API version 2.0"),
    ]

    private static func document(_ version: Version, _ summary: String) -> Endpoint {
        .versions("/\(version.path)", summary) { request, json in
            json.object { $0.member("version") { $0.object { writeWhole(version, request, to: &$0) } } }
        }
    }

    private static func address(_ version: Version, _ request: APIRequest) -> String {
        "\(request.serviceURL)/\(version.path)/"
    }

    private static func writeFacts(_ version: Version, to json: inout JSONWriter) {
        json.member("id", version.id)
        json.member("status", version.status)
        json.member("version", version.maximum)
        json.member("min_version", version.minimum)
        json.member("updated", version.updated)
    }

    private static func writeCore(_ version: Version, _ request: APIRequest, to json: inout JSONWriter) {
        writeFacts(version, to: &json)
        json.member("links") { $0.array { writeLink("self", address(version, request), to: &$0) } }
    }

    private static func writeWhole(_ version: Version, _ request: APIRequest, to json: inout JSONWriter) {
        writeFacts(version, to: &json)
        json.member("links") {
            $0.array {
                writeLink("self", address(version, request), to: &$0)
                $0.object {
                    $0.member("rel", "describedby")
                    $0.member("type", "text/html")
                    $0.member("href", "http://docs.openstack.org/")
                }
            }
        }
        json.member("media-types") {
            $0.array {
                $0.object {
                    $0.member("base", "application/json")
                    $0.member("type", version.mediaType)
                }
            }
        }
    }
}

/// The API version 2.0: every operation of 2.1's first microversion under a path of its own, which heeds no version header.
/// What 2.0 passed over in bodies is refused here as in 2.1.
enum LegacyAPI {
    /// Its path below the service.
    static let version = "v2"

    /// The operations of 2.0 among those of all microversions.
    static func endpoints(_ all: [Endpoint]) -> [Endpoint] {
        let first = ComputeVersions.policy.minimum
        return all.compactMap { endpoint in
            guard endpoint.path.hasPrefix("/v2.1/"), endpoint.microversions.contains(first) else { return nil }
            return endpoint.moved(to: "/\(version)/" + endpoint.path.dropFirst("/v2.1/".count), at: first)
        }
    }

    /// Servers under the path that once booted them from volumes.
    static func volumeBoot(_ all: [Endpoint]) -> [Endpoint] {
        let paths = ["", "/detail", "/{server_id}", "/{server_id}/action"]
        return all.compactMap { endpoint in
            let path = endpoint.path.dropFirst("/v2.1/servers".count)
            guard endpoint.path.hasPrefix("/v2.1/servers"), paths.contains(String(path)) else { return nil }
            return Endpoint(
                endpoint.method, "/v2.1/os-volumes_boot\(path)", endpoint.summary, microversions: endpoint.microversions,
                access: endpoint.access, body: endpoint.body, query: endpoint.query, success: endpoint.success,
                handler: endpoint.handler)
        }
    }
}

extension Endpoint {
    /// The same operation, which answers 404 when a part of its path is empty, as upstream's routes do.
    var refusingEmptyParameters: Endpoint {
        guard path.contains("{") else { return self }
        let handler = handler
        return Endpoint(
            method, path, summary, microversions: microversions, access: access, body: body, query: query, success: success,
            negotiates: negotiates
        ) { request in
            guard !request.parameters.values.contains("") else { throw ComputeError.notFound("The resource could not be found.") }
            return try await handler(request)
        }
    }

    /// The same operation elsewhere, always as in one microversion.
    fileprivate func moved(to path: String, at version: Microversion) -> Endpoint {
        var body = body
        if case .versioned(let schemas) = body, let schema = schemas.last(where: { $0.from <= version })?.schema {
            body = .json(schema)
        }
        return Endpoint(
            method, path, summary, access: access, body: body, query: query, success: success, negotiates: false,
            handler: handler)
    }
}
