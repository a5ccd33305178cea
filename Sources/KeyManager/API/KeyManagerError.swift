import CloudAPI
import CloudCore

/// The key manager's errors, rendered in one place.
public enum KeyManagerError: Error, Sendable, Hashable {
    /// There is no such secret, or it has expired.
    case secretNotFound
    /// There is no such container.
    case containerNotFound
    /// There is no such thing; the message says what.
    case notFound(String)
    /// The request makes no sense; the message says why.
    case badRequest(String)
    /// Something stands in the way; the message says what.
    case conflict(String)
    /// The caller may not do this; the message says why.
    case forbidden(String)
    /// The project has as many as it may have.
    case quotaReached
    /// What is sent is larger than what is kept.
    case tooLarge
    /// The payload is not of the media type that was asked for.
    case notAcceptable
    /// The body is of a media type that is not kept, or of none.
    case unsupportedMediaType
    /// Too many keys are being made.
    case overloaded
    /// A payload opens with none of the keys: the key files are not those it was sealed under.
    case unreadable

    /// An object breaks a rule that a schema can't tell.
    static func invalid(_ schema: String, _ property: String, _ reason: String) -> Self {
        .badRequest("Provided object does not match schema '\(schema)': \(reason). Invalid property: '\(property)'")
    }
}

extension KeyManagerError: FaultConvertible {
    /// The status and message.
    public var fault: Fault {
        switch self {
        case .secretNotFound: Fault(.notFound, "Secret not found.")
        case .containerNotFound: Fault(.notFound, "Secrets container not found.")
        case .notFound(let message): Fault(.notFound, message)
        case .badRequest(let message): Fault(.badRequest, message)
        case .conflict(let message): Fault(.conflict, message)
        case .forbidden(let message): Fault(.forbidden, message)
        case .quotaReached: Fault(.forbidden, "Creation not allowed because a quota has been reached.")
        case .tooLarge: Fault(.contentTooLarge, "Provided information too large to process.")
        case .notAcceptable: Fault(.notAcceptable, "Wrong payload content-type.")
        case .unsupportedMediaType: Fault(.unsupportedMediaType, "A payload is application/octet-stream or text/plain.")
        case .overloaded: Fault(.serviceUnavailable, "Too many keys are being made; try again.", headers: [.retryAfter: "5"])
        case .unreadable: Fault(.internalServerError, "The payload can not be decrypted; please contact the site's administrator.")
        }
    }
}

extension ErrorEnvelope {
    /// Barbican's form: the status with its name, and a description.
    static let keyManager = ErrorEnvelope(wording: wording) { fault, _, json in
        json.object {
            $0.member("code", fault.status.code)
            $0.member("title", fault.status.reasonPhrase)
            $0.member("description", fault.message)
        }
    }

    private static func wording(_ refusal: Refusal) -> Fault? {
        switch refusal {
        case .denied: Fault(.forbidden, "The attempt is not allowed - please review your user/project privileges.")
        case .malformedJSON: Fault(.badRequest, "Malformed JSON")
        case .invalidBody(let violation): Fault(.badRequest, "Provided object does not match its schema: \(violation.description)")
        case .bodyTooLarge: KeyManagerError.tooLarge.fault
        default: nil
        }
    }
}
