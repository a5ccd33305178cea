/// The codes of `BusError.remote` that callers of a compute agent can rely on.
public enum GuestFailureCode: String, Codable, Sendable, CaseIterable {
    /// No such guest is here.
    case guestNotFound = "guest_not_found"
    /// The guest's power doesn't allow the operation: pausing one that is off, changing the password in one that is.
    case wrongState = "wrong_state"
    /// The image could not be read, or isn't what its checksum or format says.
    case imageUnavailable = "image_unavailable"
    /// The disk is smaller than the image.
    case diskTooSmall = "disk_too_small"
    /// The host's disk is full.
    case diskFull = "disk_full"
    /// A volume could not be reached, is no such volume, or is of a kind that the host can't attach.
    case volumeUnavailable = "volume_unavailable"
    /// The hypervisor failed.
    case hypervisorError = "hypervisor_error"
    /// The host, its hypervisor or this guest can't do this at all; trying again doesn't help.
    case unsupported
    /// The guest was asked, by its agent or its buttons, and didn't do it in time.
    case guestUnresponsive = "guest_unresponsive"
    /// An interface could not be plugged or unplugged.
    case networkFailed = "network_failed"
    /// A later request, such as a removal, put an end to this one.
    case interrupted
}
