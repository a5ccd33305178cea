import CloudBus

/// Why an operation on a guest failed: a code for programs, a message for people, and the cause for the log.
public struct GuestFailure: Error, Sendable {
    /// The codes that callers of the compute agent can rely on.
    public enum Code: String, Sendable, CaseIterable {
        /// No such guest is here.
        case guestNotFound = "guest_not_found"
        /// The image could not be read, or isn't what its checksum or format says.
        case imageUnavailable = "image_unavailable"
        /// The disk is smaller than the image.
        case diskTooSmall = "disk_too_small"
        /// The host's disk is full.
        case diskFull = "disk_full"
        /// The hypervisor failed, or can't do what was asked.
        case hypervisorError = "hypervisor_error"
        /// An interface could not be plugged or unplugged.
        case networkFailed = "network_failed"
        /// A later request, such as a removal, put an end to this one.
        case interrupted
    }

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
