import CloudBus
import VolumeMessages

/// Why an operation on a volume failed: a code for programs, a message for people, and the cause for the log.
public struct VolumeFailure: Error, Sendable {
    /// The codes that callers of the volume agent can rely on.
    public typealias Code = VolumeFailureCode

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

    /// That a back end has nothing of this name.
    static func notFound(_ name: String) -> VolumeFailure { VolumeFailure(.notFound, "The back end has no \(name).") }

    /// The failure as it travels on the bus.
    var onBus: BusFailure { BusFailure(code: code.rawValue, message: message) }
}
