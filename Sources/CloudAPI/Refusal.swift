import CloudCore
import HTTPTypes

/// What the platform itself turns away, before or around a handler. Upstream's services word these cases each in
/// their own way: `ErrorEnvelope.wording` may turn one into the service's own fault, and the envelope may read it
/// from `Fault.refusal` when its form differs, as Placement's does for an unsupported microversion.
public enum Refusal: Sendable {
    /// No endpoint has this path in this microversion.
    case unknownPath(String)
    /// The path exists, but not with this method; these it has.
    case unknownMethod(String, allowed: [String])
    /// The path's or query's escapes do not make UTF-8.
    case malformedPath
    /// The text asked for as a microversion is none.
    case malformedMicroversion(String)
    /// The microversion asked for lies outside what the service speaks.
    case unsupportedMicroversion(String, MicroversionPolicy)
    /// There is no token, or it is unknown, expired or revoked.
    case unauthenticated
    /// The body is longer than the limit in bytes.
    case bodyTooLarge(limit: Int)
    /// The body ended before its declared length.
    case bodyIncomplete
    /// The body is of a media type the endpoint does not take; these it does.
    case unsupportedMediaType(String, supported: [String])
    /// There is a body, or should be one, whose media type the request does not name.
    case missingMediaType(hasBody: Bool)
    /// The body is not JSON.
    case malformedJSON(JSONError)
    /// The body breaks the endpoint's schema.
    case invalidBody(SchemaViolation)
    /// A query parameter breaks the endpoint's schema.
    case invalidQuery(SchemaViolation)
    /// The rule does not admit the caller.
    case denied(rule: String)
    /// A fault of the cloud itself; its cause is in the log only.
    case internalError

    /// The fault as the platform words it.
    public var fault: Fault {
        var fault = Fault(status, message)
        if case .unknownMethod(_, let allowed) = self { fault.headers[.allow] = allowed.joined(separator: ", ") }
        if case .denied = self { fault.code = "PolicyNotAuthorized" }
        fault.refusal = self
        return fault
    }

    private var status: HTTPResponse.Status {
        switch self {
        case .unknownPath: .notFound
        case .unknownMethod: .methodNotAllowed
        case .unsupportedMicroversion: .notAcceptable
        case .unauthenticated: .unauthorized
        case .bodyTooLarge: .contentTooLarge
        case .unsupportedMediaType, .missingMediaType(hasBody: false): .unsupportedMediaType
        case .malformedPath, .malformedMicroversion, .malformedJSON, .invalidBody, .invalidQuery, .bodyIncomplete,
            .missingMediaType(hasBody: true):
            .badRequest
        case .denied: .forbidden
        case .internalError: .internalServerError
        }
    }

    private var message: String {
        switch self {
        case .unknownPath: "The resource could not be found."
        case .unknownMethod(let method, _): "The method \(method) is not allowed for this resource."
        case .malformedPath: "The path or the query of the URL is not valid UTF-8."
        case .malformedMicroversion(let text):
            "API Version String \(text) is of invalid format. Must be of format MajorNum.MinorNum."
        case .unsupportedMicroversion(let text, let policy):
            "Version \(text) is not supported by the API. "
                + "Minimum is \(policy.minimum) and maximum is \(policy.maximum)."
        case .unauthenticated: "The request you have made requires authentication."
        case .bodyTooLarge(let limit): "Request is too large. Larger than \(limit)."
        case .bodyIncomplete: "The request's body ended before its declared length."
        case .unsupportedMediaType(let type, let supported):
            "Unsupported Content-Type \(type). Supported: \(supported.joined(separator: ", "))."
        case .missingMediaType: "The request does not name its body's media type in the header Content-Type."
        case .malformedJSON(let error): "The request body is not valid JSON. \(error.description)"
        case .invalidBody(let violation), .invalidQuery(let violation): violation.description
        case .denied(let rule): "Policy doesn't allow \(rule) to be performed."
        case .internalError:
            "The server has either erred or is incapable of performing the requested operation."
        }
    }
}

extension Refusal: FaultConvertible {}
