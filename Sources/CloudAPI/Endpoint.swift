import CloudCore
import CloudPolicy
import HTTPTypes

/// One operation, declared once. Routing, validation, authorisation, the OpenAPI document and the tests that walk
/// over every endpoint all derive from this value.
public struct Endpoint: Sendable {
    /// The handler: decode, call the service, encode; nothing else.
    public typealias Handler = @Sendable (APIRequest) async throws -> APIResponse

    /// The HTTP method.
    public let method: HTTPRequest.Method
    /// The path below the service's own, with parameters in braces: `/v2.1/servers/{server_id}`. A last parameter
    /// with dots, `{object...}`, takes the rest of the path with its slashes.
    public let path: String
    /// What it does, for the OpenAPI document.
    public let summary: String
    /// The microversions it exists in; outside them it answers 404, as upstream does.
    public let microversions: MicroversionRange
    /// Who may use it.
    public let access: Access
    /// What it takes.
    public let body: RequestBody
    /// The query parameters it knows.
    public let query: QuerySchema
    /// The status of success.
    public let success: HTTPResponse.Status
    /// Whether the service's microversion negotiation applies; version documents answer whatever is asked for.
    public let negotiates: Bool
    /// What carries it out.
    public let handler: Handler

    /// An operation.
    public init(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String,
        microversions: MicroversionRange = .all, access: Access, body: RequestBody = .none,
        query: QuerySchema = .any, success: HTTPResponse.Status = .ok, negotiates: Bool = true,
        handler: @escaping Handler
    ) {
        (self.method, self.path, self.summary, self.microversions) = (method, path, summary, microversions)
        (self.access, self.body, self.query, self.success, self.handler) = (access, body, query, success, handler)
        self.negotiates = negotiates
    }

    /// A version document: open to everyone, and answered whatever microversion is asked for.
    public static func versions(
        _ path: String, _ summary: String, success: HTTPResponse.Status = .ok,
        write: @escaping @Sendable (APIRequest, inout JSONWriter) throws -> Void
    ) -> Endpoint {
        Endpoint(
            .get, path, summary, access: .open(because: "clients discover versions before they log in"),
            success: success, negotiates: false
        ) { request in try .json { try write(request, &$0) } }
    }
}

/// Who may use an endpoint.
public enum Access: Sendable {
    /// Anyone, without a token; the reason stands here so that each exception explains itself.
    case open(because: String)
    /// Anyone with a valid token; the reason says why no rule applies.
    case authenticated(because: String)
    /// Holders of a token the rule admits. The target is the caller's own project and user, as for operations that
    /// create or list what belongs to the caller.
    case rule(String)
    /// Holders of a token the rule admits for the resource acted on. The handler loads the resource and calls
    /// `request.authorize(target)` before it changes or shows anything; answering success without having done so
    /// is a fault that the framework turns into 500 and logs.
    case ruleOnResource(String)
}

/// What an endpoint takes as its body.
public enum RequestBody: Sendable {
    /// Nothing; a body is ignored, as upstream does.
    case none
    /// JSON that the schema admits; anything else is the service's own 400.
    case json(Schema)
    /// JSON of other media types than `application/json`, such as Glance's JSON patches.
    case document(mediaTypes: [String], Schema)
    /// JSON whose schema depends on the microversion: the entry with the highest minimum not above it counts.
    case versioned([(from: Microversion, schema: Schema)])
    /// Bytes, as they come, up to a size in bytes.
    case stream(mediaTypes: [String], limit: Int)
}

/// The query parameters an endpoint knows.
public enum QuerySchema: Sendable {
    /// Any; the handler reads those it knows.
    case any
    /// Those of the schema; what `additional` says decides about others.
    case schema(Schema)
}
