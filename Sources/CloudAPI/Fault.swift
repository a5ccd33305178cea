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
    /// The platform's reason, when it is the platform that turned the request away; for envelopes whose form
    /// depends on it.
    public var refusal: Refusal?
    /// The microversion the request was served in, which the pipeline fills in for envelopes whose form depends on it.
    public var microversion: Microversion?

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

extension Fault: FaultConvertible {
    /// Itself.
    public var fault: Fault { self }
}

/// How a service writes a fault: its form and what else it adds. Each service supplies its own.
public struct ErrorEnvelope: Sendable {
    /// Writes the body of a fault as JSON.
    public let write: @Sendable (Fault, _ requestID: String, inout JSONWriter) -> Void
    /// How the service words what the platform turns away: nil for the platform's words. A refusal of a missing or
    /// bad token that gets no wording is answered in Keystone's form in every service, as keystonemiddleware does.
    public let wording: @Sendable (Refusal) -> Fault?

    /// An envelope.
    public init(
        wording: @escaping @Sendable (Refusal) -> Fault? = { _ in nil },
        write: @escaping @Sendable (Fault, String, inout JSONWriter) -> Void
    ) {
        (self.wording, self.write) = (wording, write)
    }

    /// Keystone's form, which keystonemiddleware and the platform's own endpoints share.
    public static let keystone = ErrorEnvelope { fault, _, json in
        json.object {
            $0.member("error") {
                $0.object {
                    $0.member("code", fault.status.code)
                    $0.member("message", fault.message)
                    $0.member("title", fault.status.reasonPhrase)
                }
            }
        }
    }

    /// The fault that a refusal becomes in this service.
    func fault(for refusal: Refusal) -> Fault {
        guard var fault = wording(refusal) else { return refusal.fault }
        fault.refusal = refusal
        for field in refusal.fault.headers where !fault.headers.contains(field.name) { fault.headers.append(field) }
        return fault
    }

    /// The body of a fault.
    func body(of fault: Fault, requestID: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        if case .unauthenticated? = fault.refusal, wording(.unauthenticated) == nil {
            Self.keystone.write(fault, requestID, &writer)
        } else {
            write(fault, requestID, &writer)
        }
        return writer.bytes
    }
}
