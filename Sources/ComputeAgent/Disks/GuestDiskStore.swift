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

    /// Deletes all the guest's files. An unknown guest is success.
    func remove(_ id: String) async throws

    /// The room for guests in GiB, used or not.
    func capacityGiB() async throws -> Int

    /// What is to be done now and then: forgets unused images, keeps console logs short.
    func maintain() async
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
