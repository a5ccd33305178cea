import CloudBus
import ComputeMessages

/// Why an operation on a guest failed: a code for programs, a message for people, and the cause for the log.
public struct GuestFailure: Error, Sendable {
    /// The codes that callers of the compute agent can rely on.
    public typealias Code = GuestFailureCode

    /// The code.
    public let code: Code
    /// What happened, in words for people.
    public let message: String
    /// What lies behind it.
    public let cause: (any Error)?

    /// A failure.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        (self.code, self.message, self.cause) = (code, message, cause)
    }

    /// That no such guest is here.
    static func notFound(_ id: String) -> GuestFailure {
        GuestFailure(.guestNotFound, "There is no guest \(id) on this host.")
    }

    /// The failure as it travels on the bus.
    var onBus: BusFailure { BusFailure(code: code.rawValue, message: message) }
}
