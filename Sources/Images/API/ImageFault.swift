import CloudAPI
import CloudCore

/// The image service's errors, rendered in one place.
enum ImageError: FaultConvertible {
    case notFound(String)
    case badRequest(String)
    case conflict(String)
    case forbidden(String)
    case storeFull

    var fault: Fault {
        switch self {
        case .notFound(let id): Fault(.notFound, "No image found with ID \(id)")
        case .badRequest(let message): Fault(.badRequest, message)
        case .conflict(let message): Fault(.conflict, message)
        case .forbidden(let message): Fault(.forbidden, message)
        case .storeFull: Fault(.contentTooLarge, "The image store is full.")
        }
    }
}

extension ErrorEnvelope {
    /// Glance's form for clients that take JSON.
    static let images = ErrorEnvelope(
        wording: { refusal in
            guard case .denied(let rule) = refusal else { return nil }
            return Fault(.forbidden, "You are not authorized to complete \(rule) action.")
        },
        write: { fault, _, json in
            json.object {
                $0.member("message", fault.message)
                $0.member("code", "\(fault.status.code) \(fault.status.reasonPhrase)")
                $0.member("title", fault.status.reasonPhrase)
            }
        })
}
