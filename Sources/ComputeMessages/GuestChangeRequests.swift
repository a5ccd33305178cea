import CloudBus

/// Makes the root disk anew from the guest's image, whatever image it had before, with a definition made anew. A guest
/// without a root disk keeps its volumes' content. Fails with `guest_not_found` when there is none.
public struct RebuildGuest: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.rebuild"
    /// The guest as it shall be.
    public var guest: GuestSpecification
    /// Whether the ephemeral disk keeps its content; the swap disk never does.
    public var preserveEphemeral: Bool
    /// Whether the guest runs afterwards.
    public var start: Bool
    /// What tells this rebuild from the next one: a repeat under the same token makes no disk twice.
    public var token: String

    /// A rebuild.
    public init(guest: GuestSpecification, preserveEphemeral: Bool = false, start: Bool = true, token: String) {
        (self.guest, self.preserveEphemeral, self.start, self.token) = (guest, preserveEphemeral, start, token)
    }
}

/// Copies the guest's root disk as it is at one moment into a queued image, whole and without a backing file. A guest
/// that runs is held for that moment. Cancelling it, or its deadline, leaves nothing on the host. Fails with
/// `guest_not_found`, `disk_full`, `image_unavailable` when the image can't take the bytes, `unsupported` when quiescing
/// is asked for of a guest that can't.
public struct SnapshotGuest: BusRequest {
    public typealias Reply = GuestSnapshot
    public static let method = "guest.snapshot"
    /// The server's UUID.
    public var id: String
    /// The queued image that takes the bytes.
    public var imageID: String
    /// The image's format: qcow2 or raw.
    public var format: String
    /// Whether the guest must flush and freeze its file systems first (os_require_quiesce). Without it that is tried
    /// where a guest agent is there.
    public var quiesce: Bool

    /// A snapshot.
    public init(id: String, imageID: String, format: String = "qcow2", quiesce: Bool = false) {
        (self.id, self.imageID, self.format, self.quiesce) = (id, imageID, format, quiesce)
    }
}

/// What a snapshot gave.
public struct GuestSnapshot: Codable, Sendable, Hashable {
    /// The image's size in bytes.
    public var sizeBytes: Int
    /// The size of the disk in bytes.
    public var virtualSizeBytes: Int
    /// The image's SHA-512 in hexadecimal digits.
    public var checksum: String

    /// A snapshot.
    public init(sizeBytes: Int, virtualSizeBytes: Int, checksum: String) {
        (self.sizeBytes, self.virtualSizeBytes, self.checksum) = (sizeBytes, virtualSizeBytes, checksum)
    }
}

/// Freezes (or thaws) a guest's file systems by its agent. Fails with `unsupported` when it has none.
public struct QuiesceGuest: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.quiesce"
    /// The server's UUID.
    public var id: String
    /// Whether to freeze; false thaws.
    public var freeze: Bool

    /// A freeze or a thaw.
    public init(id: String, freeze: Bool) { (self.id, self.freeze) = (id, freeze) }
}

/// Plugs an interface into a guest, at once when it runs. A repeat is success.
public struct AttachInterface: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.attach-interface"
    /// The guest as it shall be, with the interface.
    public var guest: GuestSpecification
    /// The interface, also among the guest's.
    public var interface: GuestInterface

    /// An attachment.
    public init(guest: GuestSpecification, interface: GuestInterface) { (self.guest, self.interface) = (guest, interface) }
}

/// Takes an interface out of a guest and unplugs its port. A repeat, or an unknown port, is success. Fails with
/// `guest_unresponsive` when the guest doesn't let go of it in time; the port then stays plugged.
public struct DetachInterface: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.detach-interface"
    /// The guest as it shall be, without the interface.
    public var guest: GuestSpecification
    /// The port.
    public var portID: String
    /// The port's MAC address, by which the guest's device is found.
    public var mac: String

    /// A detachment.
    public init(guest: GuestSpecification, portID: String, mac: String) {
        (self.guest, self.portID, self.mac) = (guest, portID, mac)
    }
}

/// Plugs a volume into a guest, at once when it runs. A repeat is success. Answers where it is. Fails with
/// `volume_unavailable`.
public struct AttachVolume: BusRequest {
    public typealias Reply = AttachedVolume
    public static let method = "guest.attach-volume"
    /// The guest as it shall be, with the volume.
    public var guest: GuestSpecification
    /// The volume, also among the guest's.
    public var volume: GuestVolume

    /// An attachment.
    public init(guest: GuestSpecification, volume: GuestVolume) { (self.guest, self.volume) = (guest, volume) }
}

/// Where a volume was attached.
public struct AttachedVolume: Codable, Sendable, Hashable {
    /// The device's name, such as "/dev/vdb".
    public var deviceName: String

    /// An attachment.
    public init(deviceName: String) { self.deviceName = deviceName }
}

/// Takes a volume out of a guest. A repeat, or an unknown volume, is success. Fails with `guest_unresponsive` when the
/// guest doesn't let go of it in time.
public struct DetachVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.detach-volume"
    /// The guest as it shall be, without the volume.
    public var guest: GuestSpecification
    /// The volume's UUID.
    public var volumeID: String

    /// A detachment.
    public init(guest: GuestSpecification, volumeID: String) { (self.guest, self.volumeID) = (guest, volumeID) }
}

/// Tells a guest that a volume of its has grown.
public struct ExtendVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.extend-volume"
    /// The server's UUID.
    public var id: String
    /// The volume's UUID.
    public var volumeID: String
    /// Its size now, in bytes.
    public var sizeBytes: Int

    /// An extension.
    public init(id: String, volumeID: String, sizeBytes: Int) {
        (self.id, self.volumeID, self.sizeBytes) = (id, volumeID, sizeBytes)
    }
}

/// Copies a volume of a guest onto another, under the guest's hands, and puts the other in its place. A repeat goes on
/// where it was; the call lasts as long as the copying.
public struct SwapVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.swap-volume"
    /// The guest as it shall be, with the new volume.
    public var guest: GuestSpecification
    /// The old volume's UUID.
    public var oldVolumeID: String
    /// The new volume, also among the guest's.
    public var volume: GuestVolume

    /// A swap.
    public init(guest: GuestSpecification, oldVolumeID: String, volume: GuestVolume) {
        (self.guest, self.oldVolumeID, self.volume) = (guest, oldVolumeID, volume)
    }
}

/// Sets a user's password in a guest by its agent. Fails with `unsupported` when the guest has none
/// (hw_qemu_guest_agent), with `wrong_state` when it doesn't run, with `guest_unresponsive` when it doesn't answer.
public struct SetGuestPassword: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.set-password"
    /// The server's UUID.
    public var id: String
    /// The user; nil for the one the image names (os_admin_user), else the system's administrator.
    public var user: String?
    /// The password.
    public var password: String

    /// A change of a password.
    public init(id: String, user: String? = nil, password: String) {
        (self.id, self.user, self.password) = (id, user, password)
    }
}
