import CloudBus

/// Writes a copy of a guest's volume, as it is at this moment, into a file or an image that is there, under the guest's hands (QEMU's
/// backup job). The call lasts as long as the copying; a repeat begins anew. Fails with `guest_not_found`, `wrong_state` for a guest that
/// is off or does not have the volume, which nobody has open then, and `volume_unavailable`.
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

/// Has a guest go on writing to a volume in a qcow2 file that whoever keeps the volume has put beside the volume's own (an assisted
/// snapshot): the file that was written so far is the snapshot. From then on the volume's connection must name the new file. Fails with
/// `guest_not_found`, `wrong_state` for a guest that is off, `volume_unavailable` when the file is not there or does not stand on the
/// volume's own, and `unsupported` for volumes that are no files in the clear.
public struct SnapshotGuestVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.snapshot-volume"
    /// The server's UUID.
    public var id: String
    /// The volume's UUID.
    public var volumeID: String
    /// The file's name, without a folder.
    public var newFile: String

    /// A snapshot.
    public init(id: String, volumeID: String, newFile: String) { (self.id, self.volumeID, self.newFile) = (id, volumeID, newFile) }
}

/// Takes a file out of the chain of files that a volume of a running guest consists of (the end of an assisted snapshot); the files stay
/// where they are. The call lasts as long as the copying. Fails as `SnapshotGuestVolume` does.
public struct MergeGuestVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.merge-volume"
    /// The server's UUID.
    public var id: String
    /// The volume's UUID.
    public var volumeID: String
    /// With a target the name of the file whose content goes into it; without one the file that the written one shall stand on from now
    /// on, nil for none.
    public var file: String?
    /// The name of the file under `file` that takes its content; nil to take what is between into the file that is written.
    public var target: String?

    /// A merge.
    public init(id: String, volumeID: String, file: String?, target: String?) {
        (self.id, self.volumeID, self.file, self.target) = (id, volumeID, file, target)
    }
}
