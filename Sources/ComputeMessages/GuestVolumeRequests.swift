import CloudBus

/// Writes a copy of a guest's volume, as it is at this moment, into a file or an image that is there, under the guest's hands (QEMU's
/// backup job). The call lasts as long as the copying; a repeat begins anew. Fails with `guest_not_found`, `wrong_state` for a guest that
/// is off, whose volume nobody has open, and `volume_unavailable`.
public struct CopyGuestVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.copy-volume"
    /// The server's UUID.
    public var id: String
    /// The volume's UUID.
    public var volumeID: String
    /// Where the copy goes: a file, of format raw or qcow2.
    public var target: GuestVolume.Connection

    /// A copy.
    public init(id: String, volumeID: String, target: GuestVolume.Connection) {
        (self.id, self.volumeID, self.target) = (id, volumeID, target)
    }
}

/// Asks which volumes the guests on a host have, by the guest's id: what runs as its hypervisor sees it, what is off as it was
/// remembered. Guests that can't be asked at the moment are absent.
public struct ListGuestVolumes: BusRequest {
    public typealias Reply = [String: [String]]
    public static let method = "guest.list-volumes"

    /// A question.
    public init() {}
}
