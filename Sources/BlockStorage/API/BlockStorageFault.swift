import CloudAPI
import CloudCore
import CloudWorkflow

/// Block storage's errors, rendered in one place.
enum BlockStorageError: FaultConvertible {
    case notFound(String)
    case badRequest(String)
    case conflict(String)
    case forbidden(String)
    /// 413: a quota or a size limit is in the way.
    case overLimit(String)
    case notImplemented(String)
    case unavailable(String)

    var fault: Fault {
        switch self {
        case .notFound(let message): Fault(.notFound, message)
        case .badRequest(let message): Fault(.badRequest, message)
        case .conflict(let message): Fault(.conflict, message)
        case .forbidden(let message): Fault(.forbidden, message)
        case .overLimit(let message): Fault(.contentTooLarge, message, headers: [.retryAfter: "0"])
        case .notImplemented(let message): Fault(.notImplemented, message)
        case .unavailable(let message): Fault(.serviceUnavailable, message)
        }
    }

    static func volumeNotFound(_ id: String) -> BlockStorageError { .notFound("Volume \(id) could not be found.") }
    static func snapshotNotFound(_ id: String) -> BlockStorageError { .notFound("Snapshot \(id) could not be found.") }
    static func attachmentNotFound(_ id: String) -> BlockStorageError {
        .notFound("Volume attachment could not be found with filter: attachment_id = \(id).")
    }
    static func typeNotFound(_ id: String) -> BlockStorageError { .notFound("Volume type \(id) could not be found.") }
    /// Cinder's InvalidVolume.
    static func invalidVolume(_ reason: String) -> BlockStorageError { .badRequest("Invalid volume: \(reason)") }
    /// Cinder's InvalidSnapshot.
    static func invalidSnapshot(_ reason: String) -> BlockStorageError { .badRequest("Invalid snapshot: \(reason)") }
    /// Cinder's InvalidInput.
    static func invalidInput(_ reason: String) -> BlockStorageError { .badRequest("Invalid input received: \(reason)") }
}

extension VolumeNeighbourMissing: FaultConvertible {
    public var fault: Fault { Fault(.badRequest, message) }
}

extension ErrorEnvelope {
    /// Cinder's form: one member named after the kind of fault, with message and code.
    static let blockStorage = ErrorEnvelope(wording: wording, write: write)

    /// Cinder names the attribute or the query parameter that is wrong.
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
        case 413: "overLimit"
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
                    if let retry = fault.headers[.retryAfter], fault.status.code == 413 { $0.member("retryAfter", retry) }
                }
            }
        }
    }
}
