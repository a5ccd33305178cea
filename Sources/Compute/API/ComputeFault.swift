import CloudAPI
import CloudCore
import CloudWorkflow

/// Compute's errors, rendered in one place.
enum ComputeError: FaultConvertible {
    case notFound(String)
    case badRequest(String)
    case conflict(String)
    case forbidden(String)
    case quotaExceeded(resource: String, requested: Int, used: Int, allowed: Int)

    var fault: Fault {
        switch self {
        case .notFound(let message): Fault(.notFound, message)
        case .badRequest(let message): Fault(.badRequest, message)
        case .conflict(let message): Fault(.conflict, message)
        case .forbidden(let message): Fault(.forbidden, message)
        case .quotaExceeded(let resource, let requested, let used, let allowed):
            Fault(
                .forbidden,
                "Quota exceeded for \(resource): Requested \(requested), but already used \(used) of \(allowed) \(resource)")
        }
    }

    static func serverNotFound(_ id: String) -> ComputeError { .notFound("Instance \(id) could not be found.") }
    static func flavorNotFound(_ id: String) -> ComputeError { .notFound("Flavor \(id) could not be found.") }
}

extension ActionRefused: FaultConvertible {
    var fault: Fault {
        Fault(.conflict, "Cannot '\(action)' instance \(server) while it is in \(attribute) \(value)")
    }
}

extension NetworkRefusal: FaultConvertible {
    public var fault: Fault {
        switch kind {
        case .notFound, .invalid: Fault(.badRequest, message)
        case .conflict, .ambiguous: Fault(.conflict, message)
        case .forbidden, .quota: Fault(.forbidden, message)
        case .exhausted: Fault(.badRequest, message)
        }
    }
}

extension ErrorEnvelope {
    /// Nova's form: one member named after the kind of fault, with message and code.
    static let compute = ErrorEnvelope(wording: wording, write: write)

    /// Nova names the attribute or the query parameter that is wrong.
    @Sendable private static func wording(_ refusal: Refusal) -> Fault? {
        switch refusal {
        case .invalidBody(let violation):
            guard let place = violation.path.last else { return Fault(.badRequest, violation.reason) }
            return Fault(.badRequest, "Invalid input for field/attribute \(place). \(violation.reason)")
        case .invalidQuery(let violation):
            let place = violation.path.last.map { " \($0)" } ?? ""
            return Fault(.badRequest, "Invalid input for query parameters\(place). \(violation.reason)")
        default: return nil
        }
    }

    @Sendable private static func write(_ fault: Fault, _ requestID: String, to json: inout JSONWriter) {
        let name: String = switch fault.status.code {
        case 400: "badRequest"
        case 401: "unauthorized"
        case 403: "forbidden"
        case 404: "itemNotFound"
        case 405: "badMethod"
        case 409: "conflictingRequest"
        case 413, 429: "overLimit"
        case 415: "badMediaType"
        case 501: "notImplemented"
        case 503: "serviceUnavailable"
        default: "computeFault"
        }
        json.object {
            $0.member(name) {
                $0.object {
                    $0.member("code", fault.status.code)
                    $0.member("message", fault.message)
                }
            }
        }
    }
}
