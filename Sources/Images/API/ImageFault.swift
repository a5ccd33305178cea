import CloudAPI
import CloudCore

/// The image service's errors, rendered in one place.
enum ImageError: FaultConvertible {
    case notFound(String)
    case badRequest(String)
    case conflict(String)
    case forbidden(String)
    case storeFull
    /// What the request was about is not there any more.
    case gone(String)
    /// The image's bytes can't be accepted.
    case unsupported(String)
    case unavailable(String)
    case missing(String)
    case overLimit(String)
    case tooMany(String, attempted: Int, maximum: Int)

    /// For URLs that no store would read for a client, or at which there is nothing.
    static let invalidLocation = ImageError.badRequest("Invalid location: it is no place an image can be read from.")

    /// For those who would give their image to another project.
    static func notOwner(_ image: Image) -> ImageError {
        .forbidden("You are not permitted to create images owned by '\(image.owner ?? "")'.")
    }

    var fault: Fault {
        switch self {
        case .notFound(let id): Fault(.notFound, "No image found with ID \(id)")
        case .badRequest(let message): Fault(.badRequest, message)
        case .conflict(let message): Fault(.conflict, message)
        case .forbidden(let message): Fault(.forbidden, message)
        case .missing(let message): Fault(.notFound, message)
        case .storeFull: Fault(.contentTooLarge, "The image store is full.")
        case .overLimit(let message): Fault(.contentTooLarge, message)
        case .tooMany(let what, let attempted, let maximum):
            Fault(
                .contentTooLarge,
                "The limit has been exceeded on the number of allowed image \(what). Attempted: \(attempted), Maximum: \(maximum)")
        case .gone(let message): Fault(.gone, message)
        case .unsupported(let message): Fault(.unsupportedMediaType, message)
        case .unavailable(let message): Fault(.serviceUnavailable, message)
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
