import CloudBus
import Foundation

/// The first half of a cold move, on the source: shuts the guest down, forgets its definition, unplugs its interfaces
/// and puts its disks aside. A repeat answers the same. Followed by `ConfirmMove` or `RevertMove` on this host; a
/// `DestroyGuest` removes what was put aside too. Fails with `guest_not_found`.
public struct ReleaseGuest: BusRequest {
    public typealias Reply = ReleasedGuest
    public static let method = "guest.release"
    /// The server's UUID.
    public var id: String
    /// The ports to unplug.
    public var portIDs: [String]
    /// How long the guest may take to shut down before it is turned off, in seconds.
    public var graceSeconds: Int

    /// A release.
    public init(id: String, portIDs: [String], graceSeconds: Int = 60) {
        (self.id, self.portIDs, self.graceSeconds) = (id, portIDs, graceSeconds)
    }
}

/// The disks that a guest left on a host.
public struct ReleasedGuest: Codable, Sendable, Hashable {
    /// A file.
    public struct File: Codable, Sendable, Hashable {
        /// Its name, such as "disk", "disk.eph0" or "console.log".
        public var name: String
        /// Its size in bytes.
        public var sizeBytes: Int

        /// A file.
        public init(name: String, sizeBytes: Int) { (self.name, self.sizeBytes) = (name, sizeBytes) }
    }

    /// The host they are on.
    public var host: String
    /// The files, sorted by name.
    public var files: [File]

    /// The files that were put aside.
    public init(host: String, files: [File]) { (self.host, self.files) = (host, files) }
}

/// The second half of a cold move, on the target, which may be the source: fetches the disks that were put aside, grows
/// them to the new flavor, defines the guest and starts it if asked to. A repeat finishes the rest. Undone by
/// `DestroyGuest`, except on the source itself, where `RevertMove` does it.
public struct ReceiveGuest: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.receive"
    /// The guest as it shall be.
    public var guest: GuestSpecification
    /// What the source answered.
    public var released: ReleasedGuest
    /// Whether the guest runs afterwards.
    public var start: Bool

    /// An arrival.
    public init(guest: GuestSpecification, released: ReleasedGuest, start: Bool = true) {
        (self.guest, self.released, self.start) = (guest, released, start)
    }
}

/// Deletes what `ReleaseGuest` put aside. A repeat, or an unknown guest, is success.
public struct ConfirmMove: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.confirm-move"
    /// The server's UUID.
    public var id: String

    /// A confirmation.
    public init(id: String) { self.id = id }
}

/// Asks of which guests a host has something that `ReleaseGuest` put aside: their ids.
public struct ListReleasedGuests: BusRequest {
    public typealias Reply = [String]
    public static let method = "guest.list-released"

    /// A question.
    public init() {}
}

/// Puts back what `ReleaseGuest` put aside, in place of whatever the guest became on this host, and starts it if asked
/// to. A repeat finishes the rest. Fails with `guest_not_found` when nothing is here.
public struct RevertMove: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.revert-move"
    /// The guest as it was.
    public var guest: GuestSpecification
    /// Whether the guest runs afterwards.
    public var start: Bool

    /// A way back.
    public init(guest: GuestSpecification, start: Bool = true) { (self.guest, self.start) = (guest, start) }
}

/// Reads a piece of a file that `ReleaseGuest` put aside; what agents say to each other. Fails with `guest_not_found`.
public struct ReadGuestFile: BusRequest {
    public typealias Reply = GuestFileChunk
    public static let method = "guest.read-file"
    /// The most bytes of an answer.
    public static let maximumLength = 4 << 20
    /// The server's UUID.
    public var id: String
    /// The file's name, one of those that were answered.
    public var name: String
    /// Where to begin, in bytes.
    public var offset: Int
    /// How many bytes at most.
    public var length: Int

    /// A reading.
    public init(id: String, name: String, offset: Int, length: Int) {
        (self.id, self.name, self.offset, self.length) = (id, name, offset, length)
    }
}

/// A piece of a file.
public struct GuestFileChunk: Codable, Sendable, Hashable {
    /// Where the bytes begin: where was asked for, or behind the hole that begins there.
    public var offset: Int
    /// The bytes; none at the file's end.
    public var bytes: Data

    /// A piece.
    public init(offset: Int, bytes: Data) { (self.offset, self.bytes) = (offset, bytes) }
}
