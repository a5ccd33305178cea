import CloudAPI
import CloudStore

/// An image that a volume's bytes will go into.
public struct NewVolumeImage: Sendable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its name.
    public var name: String
    /// The format of its bytes, such as raw or qcow2.
    public var diskFormat: String
    /// What is around them, such as bare.
    public var containerFormat: String
    /// Who sees it: private, shared, community or public.
    public var visibility = "private"
    /// Whether it can't be deleted.
    public var isProtected = false
    /// The smallest disk in GiB for it.
    public var minimumDiskGiB = 0
    /// The least memory in MiB for it.
    public var minimumMemoryMiB = 0
    /// Its custom properties.
    public var properties: [String: String] = [:]

    /// An image.
    public init(id: String, name: String, diskFormat: String, containerFormat: String) {
        (self.id, self.name, self.diskFormat, self.containerFormat) = (id, name, diskFormat, containerFormat)
    }
}

/// Makes a queued image within a transaction; throws a fault for what the project may not have.
public typealias VolumeImageMaker = @Sendable (NewVolumeImage, any Transaction) throws -> Void

extension VolumeImages {
    /// Refuses: an image service that only reads.
    public func imageMaker(for token: TokenContext) async throws -> VolumeImageMaker {
        throw VolumeNeighbourMissing("This cloud makes no images of volumes.")
    }
    /// There is none.
    public func imageStatus(_ id: String, in reader: any Reader) throws -> String? { nil }
    /// There is nothing to remove.
    public func discardImage(_ id: String, in transaction: any Transaction) throws {}
}

extension VolumeKeys {
    /// Leaves the key where it is.
    public func giveKey(_ id: String, to token: TokenContext) async throws {}
}
