import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// What Identity answers when it does not do what was asked. Codes and meanings follow Keystone's exceptions.
enum IdentityError: Error, Equatable {
    /// 401: the client is not who it says it is. Never says why.
    case unauthorized
    /// 401: the right person, but the account is locked, disabled or its password expired.
    case accountLocked(userID: String)
    case accountDisabled(userID: String)
    case passwordExpired(userID: String)
    /// 401: no receipt of this cloud's for this user, or its time is over.
    case receiptNotFound(String)
    /// 401 for a reason that tells nobody who exists.
    case refusedLogin(String)
    /// 401 naming the methods there are.
    case unsupportedMethod
    /// 403 from policy.
    case forbidden(action: String)
    /// 403 for another reason, which the user may know.
    case refused(String)
    /// 404 with the kind of resource and the identifier asked for.
    case notFound(String, id: String)
    /// 404 with a sentence of its own.
    case missing(String)
    /// 400 with what is wrong.
    case invalid(String)
    /// 409 with the kind of resource and what is in the way.
    case conflict(String, String)
    /// 404 for a subject token that does not validate.
    case tokenNotFound
    /// 503: more logins wait than can be handled in good time.
    case overloaded

    /// 400 for something that should be in the request.
    static func lacking(_ attribute: String, in target: String) -> IdentityError {
        .invalid(
            "Expecting to find \(attribute) in \(target). The server could not comply with the request since it is "
                + "either malformed or otherwise incorrect. The client is assumed to be in error.")
    }

    /// 403 for changing or deleting what is marked immutable.
    static func immutable(_ kind: String, id: String, verb: String) -> IdentityError {
        .refused(
            "Unable to \(verb) immutable \(kind) resource: `\(id). Set resource option \"immutable\" to false first.")
    }
}

extension IdentityError: FaultConvertible {
    var fault: Fault {
        switch self {
        case .unauthorized: Fault(.unauthorized, Keystone.authenticationRequired, code: Keystone.explained)
        case .accountLocked(let user): Fault(.unauthorized, "The account is locked for user: \(user).", code: Keystone.explained)
        case .accountDisabled(let user): Fault(.unauthorized, "The account is disabled for user: \(user).", code: Keystone.explained)
        case .passwordExpired(let user):
            Fault(.unauthorized, "The password is expired and needs to be changed for user: \(user).", code: Keystone.explained)
        case .receiptNotFound(let id): Fault(.unauthorized, "Could not find auth receipt: \(id).", code: Keystone.explained)
        case .refusedLogin(let message): Fault(.unauthorized, message, code: Keystone.explained)
        case .unsupportedMethod:
            Fault(.unauthorized, "Attempted to authenticate with an unsupported method.", code: Keystone.unsupportedMethod)
        case .forbidden(let action):
            Fault(.forbidden, "You are not authorized to perform the requested action: \(action).")
        case .refused(let message): Fault(.forbidden, message)
        case .notFound(let kind, let id): Fault(.notFound, "Could not find \(kind): \(id).")
        case .missing(let message): Fault(.notFound, message)
        case .invalid(let message): Fault(.badRequest, message)
        case .conflict(let kind, let details):
            Fault(.conflict, "Conflict occurred attempting to store \(kind) - \(details).")
        case .tokenNotFound: Fault(.notFound, "Failed to validate token")
        case .overloaded:
            Fault(.serviceUnavailable, "Too many logins are waiting. Try again in a moment.", headers: [.retryAfter: "1"])
        }
    }
}

/// The words and marks of Keystone's errors.
enum Keystone {
    static let authenticationRequired = "The request you have made requires authentication."
    /// The fault's code of a 401 whose message may be shown; other 401s get the sentence above.
    static let explained = "explained"
    /// The fault's code that makes the envelope name the methods there are.
    static let unsupportedMethod = "unsupported-method"

    /// `{"error": {"code", "message", "title"}}`.
    static let envelope = ErrorEnvelope(wording: wording, write: write)

    /// Where Keystone words what the platform turns away in its own way.
    private static func wording(_ refusal: Refusal) -> Fault? {
        switch refusal {
        case .malformedJSON(let error):
            Fault(.badRequest, "Expecting to find valid JSON in request body. \(error.description)", cause: error)
        case .unsupportedMediaType:
            IdentityError.lacking("application/json", in: "Content-Type header").fault
        case .denied(let rule): IdentityError.forbidden(action: rule).fault
        case .internalError:
            Fault(.internalServerError, "An unexpected error prevented the server from fulfilling your request.")
        default: nil
        }
    }

    private static func write(_ fault: Fault, _ requestID: String, _ json: inout JSONWriter) {
        let hidden = fault.status == .unauthorized && fault.code != explained && fault.code != unsupportedMethod
        json.object {
            $0.member("error") {
                $0.object {
                    $0.member("code", fault.status.code)
                    $0.member("message", hidden ? authenticationRequired : fault.message)
                    $0.member("title", fault.status.reasonPhrase)
                    if fault.code == unsupportedMethod {
                        $0.member("identity") { $0.object { $0.member("methods", AuthenticationMethod.offered.map(\.rawValue)) } }
                    }
                }
            }
        }
    }
}
