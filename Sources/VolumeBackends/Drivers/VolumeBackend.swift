import VolumeMessages

/// A back end that keeps volumes. What every one of them promises is held by one conformance suite.
///
/// Every method may be repeated, after a crash in the middle of it too: what is there as it shall be stays, what was begun and
/// not finished is begun again. The agent sees to it that one operation at a time runs on a volume.
public protocol VolumeBackend: Sendable {
    /// Its name in the settings.
    var name: String { get }

    /// Makes the back end ready, and clears away what a killed program left half-done.
    /// - Throws: `VolumeFailure` where it can't be used.
    func start() async throws

    /// Lets go of what the back end holds in this process. Exports stay.
    func stop() async

    /// Its pools as they are now. The host's name is for the agent to fill in.
    func pools() async throws -> [VolumePool]

    // MARK: Volumes

    /// Whether a volume is there, complete.
    func holds(_ volume: VolumeSpecification) async throws -> Bool

    /// Makes a volume, which is there whole or not at all.
    /// - Throws: `VolumeFailure` with `full` before anything is written, `notFound` for what it shall be made of,
    ///   `imageUnavailable` for an image that is larger than it, `unsupported`.
    func create(_ volume: VolumeSpecification, _ content: BackendContent) async throws

    /// Removes a volume; an unknown one is success.
    /// - Throws: `VolumeFailure` with `busy` while it is connected.
    func delete(_ volume: VolumeSpecification) async throws

    /// Grows a volume to its specification's size; one that has it, or more, stays.
    /// - Returns: whether the compute host has to resize the disk itself.
    /// - Throws: `VolumeFailure` with `openInGuest` where every guest that has it must be held meanwhile (see `extendHeld`).
    func extend(_ volume: VolumeSpecification, isAttached: Bool) async throws -> Bool

    /// Grows a volume likewise while the guests that have it are held, so that nobody writes.
    func extendHeld(_ volume: VolumeSpecification) async throws -> Bool

    /// Sets a volume back to a snapshot.
    func revert(to snapshot: SnapshotSpecification) async throws

    // MARK: Snapshots

    /// Makes a snapshot.
    /// - Parameters:
    ///   - isAttached: whether a guest has the volume open.
    ///   - isCopied: whether the compute host has written what the last call's answer asked for.
    /// - Returns: where the compute host has to write a copy of the disk; nil where the snapshot is made.
    func createSnapshot(_ snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool) async throws -> VolumeConnection?

    /// Removes a snapshot, complete or begun; an unknown one is success. What was made of it lives on.
    func deleteSnapshot(_ snapshot: SnapshotSpecification) async throws

    // MARK: Connections

    /// Lets a host reach a volume.
    func connect(
        _ volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector
    ) async throws -> VolumeConnection

    /// Takes away what `connect` made for an attachment; an unknown one is success.
    func disconnect(_ volume: VolumeSpecification, attachmentID: String) async throws

    /// The connections that stand.
    func connections() async throws -> [ListConnections.Connected]

    // MARK: Bytes

    /// A volume's bytes as they are stored: of an encrypted one, its ciphertext with the header.
    /// - Throws: `VolumeFailure` with `notFound`, or `busy` where a guest writes and the bytes would be no whole.
    func open(_ volume: VolumeSpecification, writing: Bool) async throws -> any VolumeBytes

    /// A snapshot's bytes as they are stored.
    func open(_ snapshot: SnapshotSpecification) async throws -> any VolumeBytes

    // MARK: What there is

    /// All volumes, whoever made them.
    func volumes(in pool: String) async throws -> [FoundVolume]

    /// All snapshots, whoever made them.
    func snapshots(in pool: String) async throws -> [FoundVolume]

    /// Gives a volume, or a snapshot of `volumeName`, another name. One that has it already stays.
    /// - Throws: `VolumeFailure` with `notFound`, or `busy` where the new name is another's.
    func rename(_ name: String, to newName: String, of volumeName: String?, in pool: String) async throws -> FoundVolume
}

extension VolumeBackend {
    /// Most back ends need no guest to be held.
    public func extendHeld(_ volume: VolumeSpecification) async throws -> Bool { try await extend(volume, isAttached: true) }
}

/// What a back end fills a new volume with.
public enum BackendContent: Sendable {
    /// Nothing: it reads as zeros.
    case blank
    /// A snapshot of the same back end.
    case snapshot(SnapshotSpecification)
    /// A volume of the same back end.
    case volume(VolumeSpecification)
    /// An image in a file of this host, which was inspected.
    case image(ImageFile)
    /// Bytes as another back end stores them.
    case bytes(any VolumeBytes)
}

/// An image's bytes in a file of this host, found to be what they are declared as.
public struct ImageFile: Sendable, Hashable {
    /// Where it is.
    public var path: String
    /// Its format: raw, qcow2, vmdk, vdi, vhd or vhdx; "luks" for raw bytes that are encrypted already.
    public var format: String
    /// The size in bytes of the disk inside.
    public var virtualSize: Int64

    /// An image.
    public init(path: String, format: String, virtualSize: Int64) {
        (self.path, self.format, self.virtualSize) = (path, format, virtualSize)
    }
}

extension VolumeSpecification {
    /// Its size in bytes.
    var bytes: Int64 { Int64(sizeGiB) << 30 }
}
