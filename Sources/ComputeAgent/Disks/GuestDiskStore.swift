import ComputeMessages

/// Where a host keeps its guests' disks. Every method may be repeated.
public protocol GuestDiskStore: Sendable {
    /// Makes the place ready, and clears away what a killed program left half-done.
    func start() async throws

    /// The guest's disks, made where they don't exist yet.
    /// - Throws: `GuestFailure` with `imageUnavailable`, `diskTooSmall` or `diskFull`.
    func prepare(_ guest: GuestSpecification) async throws -> GuestDisks

    /// The guest's disks if they exist.
    func locate(_ guest: GuestSpecification) async throws -> GuestDisks?

    /// What a start needs besides: makes the config drive anew, and the rescue disk when the guest is rescued; deletes
    /// that when it isn't.
    /// - Parameter disks: what `prepare` or `locate` answered.
    /// - Throws: `GuestFailure` with `imageUnavailable`, `diskTooSmall` or `diskFull`.
    func complete(_ disks: GuestDisks, of guest: GuestSpecification) async throws -> GuestDisks

    /// Deletes all the guest's files, those put aside too. An unknown guest is success.
    func remove(_ id: String) async throws

    /// The room for guests in GiB, used or not.
    func capacityGiB() async throws -> Int

    /// How much of it is used, in GiB.
    func usedGiB() async throws -> Int

    /// Makes the root disk of a guest that is off anew from its image, and the swap disk, and the ephemeral disk unless
    /// it is kept. A repeat under the same token makes nothing twice.
    func rebuild(_ guest: GuestSpecification, preserveEphemeral: Bool, token: String) async throws -> GuestDisks

    // MARK: Snapshots

    /// Where a copy of the root disk takes long: its file, and the one into which a driver copies it instead of `capture` while the
    /// guest runs. Nil where `capture` takes moments, or has a reason to refuse.
    func slowCapture(_ id: String, as name: String) async throws -> SlowCapture?

    /// Copies the root disk as it is now; the guest must not write meanwhile.
    /// - Parameter name: a UUID, under which the copy is known.
    /// - Throws: `GuestFailure` with `guestNotFound`, `diskFull`, or `unsupported` when it has no root disk of its own.
    func capture(_ id: String, as name: String) async throws

    /// The copy as an image, whole, in a format. The guest may run meanwhile.
    func pack(_ id: String, capture name: String, format: String) async throws -> PackedDisk

    /// Deletes a copy with what was packed of it. An unknown one is success.
    func discard(_ id: String, capture name: String) async

    // MARK: Moves

    /// Puts the guest's files aside; nil when there is no such guest. What is aside already stays.
    func release(_ id: String) async throws -> [ReleasedGuest.File]?

    /// What was put aside; nil for nothing.
    func released(_ id: String) async throws -> [ReleasedGuest.File]?

    /// The guests of which something was put aside.
    func releasedIDs() async throws -> [String]

    /// A piece of a file that was put aside. Holes are skipped.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func readReleased(_ id: String, name: String, offset: Int, length: Int) async throws -> GuestFileChunk

    /// Makes the guest's disks of files that were put aside, and grows them to what the guest asks for.
    /// - Parameter source: where pieces of files on another host come from; nil when they are here.
    func receive(_ guest: GuestSpecification, _ files: [ReleasedGuest.File], from source: ReleasedFileReader?) async throws -> GuestDisks

    /// Deletes what was put aside.
    func discardReleased(_ id: String) async throws

    /// Puts back what was put aside, in place of whatever files the guest has. Nothing aside is success.
    func restoreReleased(_ id: String) async throws

    /// Makes what a guest that comes live needs: disks to be filled, if they are copied, and the images below.
    /// - Returns: the sizes in bytes of the disks that are copied, by name.
    func prepareArrival(_ guest: GuestSpecification, block: Bool) async throws -> [String: Int]

    /// Whether this host sees the disks of guests on the other hosts too.
    var isShared: Bool { get }

    // MARK: What is kept

    /// Keeps what a guest shall be, to know it after the host was rebooted.
    func remember(_ record: GuestRecord) async throws

    /// Keeps which boot of the host this is.
    /// - Returns: whether it is another than the one kept before; false when none was.
    func noteBoot(_ id: String) async throws -> Bool

    /// What was kept.
    func records() async throws -> [GuestRecord]

    /// Brings an image to the host.
    func cache(_ image: RootDisk) async throws -> CacheImages.Outcome

    /// What is to be done now and then: forgets unused images, keeps console logs short.
    func maintain() async
}

/// Reads a piece of a file on another host: its name, where to begin, and how many bytes.
public typealias ReleasedFileReader = @Sendable (_ name: String, _ offset: Int, _ length: Int) async throws -> GuestFileChunk

/// An image made of a guest's disk.
public struct PackedDisk: Sendable {
    /// Its size in bytes.
    public var size: Int
    /// The size of the disk in bytes.
    public var virtualSize: Int
    /// The next piece of it; nil at the end.
    public var read: @Sendable () async throws -> ArraySlice<UInt8>?

    /// An image.
    public init(size: Int, virtualSize: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?) {
        (self.size, self.virtualSize, self.read) = (size, virtualSize, read)
    }
}

/// What a host keeps of a guest beside its disks.
public struct GuestRecord: Codable, Sendable, Hashable {
    /// The guest as it was asked for last.
    public var guest: GuestSpecification
    /// Whether it shall run.
    public var runs: Bool

    /// A record.
    public init(guest: GuestSpecification, runs: Bool) { (self.guest, self.runs) = (guest, runs) }
}

/// Where a host gets images from.
public protocol ImageSource: Sendable {
    /// Hands an image's bytes to `write` from first to last, in chunks of whatever size.
    /// - Throws: when there is no such image, or it can't be read; what `write` throws.
    func read(_ imageID: String, write: @Sendable (ArraySlice<UInt8>) async throws -> Void) async throws
}

/// Where a host sends images that it makes of guests' disks.
public protocol ImageSink: Sendable {
    /// Stores bytes as the data of an image that is queued, and makes it active.
    /// - Parameters:
    ///   - imageID: the image.
    ///   - format: the bytes' format: qcow2 or raw.
    ///   - size: how many bytes there are.
    ///   - read: the next chunk, of whatever size; nil at the end. What it throws ends the upload, and the image stays
    ///     queued.
    /// - Throws: when there is no such image, it isn't queued, or its owner's quota or the store is full.
    func store(
        _ imageID: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws
}

/// The files of a snapshot that takes long.
public struct SlowCapture: Sendable, Hashable {
    /// The root disk's file.
    public var disk: String
    /// The copy's, which is not there yet; a whole image as qcow2.
    public var copy: String

    /// The two.
    public init(disk: String, copy: String) { (self.disk, self.copy) = (disk, copy) }
}
