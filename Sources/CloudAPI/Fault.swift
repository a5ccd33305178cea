import CloudCore
import HTTPTypes

/// An answer that is an error. Services have an error type of their own that becomes a fault in one place
/// (`FaultConvertible`); the service's envelope gives it its form on the wire.
public struct Fault: Error, Sendable {
    /// The HTTP status.
    public var status: HTTPResponse.Status
    /// What went wrong and what to do, for the user.
    public var message: String
    /// The service's code for programs, such as Neutron's exception type or Placement's `placement.…` code.
    public var code: String?
    /// Headers to add, such as `Retry-After`.
    public var headers: HTTPFields
    /// What lies behind it; logged under the request's id, never shown.
    public var cause: (any Error)?

    /// A fault.
    public init(
        _ status: HTTPResponse.Status, _ message: String, code: String? = nil, headers: HTTPFields = [:],
        cause: (any Error)? = nil
    ) {
        (self.status, self.message, self.code, self.headers, self.cause) = (status, message, code, headers, cause)
    }
}

/// A service's error type, rendered as a fault in one place.
public protocol FaultConvertible: Error {
    /// The fault the client sees.
    var fault: Fault { get }
}

/// How a service writes a fault: its JSON form and what else it adds. Each service supplies its own.
public struct ErrorEnvelope: Sendable {
    /// Writes the body of a fault.
    public let write: @Sendable (Fault, _ requestID: String, inout JSONWriter) -> Void

    /// An envelope.
    public init(write: @escaping @Sendable (Fault, String, inout JSONWriter) -> Void) { self.write = write }
}
