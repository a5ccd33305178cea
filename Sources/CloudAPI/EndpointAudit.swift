import CloudCore
import HTTPTypes

/// Every endpoint of a server with what it takes to call it: for the test that proves each one answers 401 without a
/// token and refuses a token without roles.
public struct EndpointAudit: Sendable {
    /// One endpoint.
    public struct Entry: Sendable {
        /// The service's type.
        public let service: String
        /// The method.
        public let method: HTTPRequest.Method
        /// The whole path with its parameters' names.
        public let template: String
        /// Who may use it.
        public let access: Access
        /// The path with well-formed ids of nothing for its parameters.
        public let path: String
        /// The headers that select the microversion and name the body's type.
        public let headers: HTTPFields
        /// A body that the endpoint's schema admits; empty where it takes none.
        public let body: [UInt8]

        /// `GET /compute/v2.1/servers/{server_id}`, with the first microversion where there are several.
        public let name: String
    }

    /// The endpoints in the order of the services' tables.
    public let entries: [Entry]

    /// The endpoints of a server, the platform's own included.
    public init(_ server: CloudServer) {
        entries = server.services.flatMap { service in service.endpoints.map { Self.entry(service, $0) } }
    }

    private static func entry(_ service: ServiceAPI, _ endpoint: Endpoint) -> Entry {
        let template = service.path + endpoint.path
        var headers: HTTPFields = [:]
        var version = Microversion(0, 0)
        if let policy = service.microversions {
            version = endpoint.microversions.last ?? policy.maximum
            headers[.openStackAPIVersion] = "\(policy.service) \(version)"
        }
        let body = body(endpoint.body, version)
        headers[.contentType] = body.type
        let suffix = endpoint.microversions.first.map { " from \($0)" } ?? ""
        return Entry(
            service: service.type, method: endpoint.method, template: template, access: endpoint.access,
            path: path(template), headers: headers, body: body.bytes,
            name: "\(endpoint.method.rawValue) \(template)\(suffix)")
    }

    private static func body(_ body: RequestBody, _ version: Microversion) -> (type: String?, bytes: [UInt8]) {
        switch body {
        case .none: (nil, [])
        case .json(let schema): ("application/json", schema.sample.bytes)
        case .document(let mediaTypes, let schema): (mediaTypes.first, schema.sample.bytes)
        case .versioned(let schemas):
            ("application/json", schemas.filter { $0.from <= version }.max { $0.from < $1.from }?.schema.sample.bytes ?? [])
        case .stream(let mediaTypes, _): (mediaTypes.first { !$0.contains("*") } ?? "application/octet-stream", [1])
        }
    }

    private static func path(_ template: String) -> String {
        let segments = template.split(separator: "/").map { $0.hasPrefix("{") ? Schema.Format.uuid.sample : String($0) }
        return "/" + segments.joined(separator: "/")
    }
}

extension CloudServer {
    /// Calls an audited endpoint in-process with a token, or without one.
    public func respond(to entry: EndpointAudit.Entry, token: String?) async -> TestResponse {
        var headers = entry.headers
        headers[.authToken] = token
        return await respond(entry.method, entry.path, headers: headers, body: entry.body)
    }
}
