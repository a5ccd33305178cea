import CloudAPI
import CloudCore
import CloudStore
import VolumeMessages

/// What block storage needs of the other services.
public struct VolumeNeighbours: Sendable {
    /// Images.
    public var images: any VolumeImages
    /// Projects and their limits.
    public var identity: any VolumeIdentity
    /// Keys of encrypted volumes.
    public var keys: any VolumeKeys
    /// The servers that have volumes.
    public var servers: any VolumeServers

    /// The neighbours.
    public init(images: any VolumeImages, identity: any VolumeIdentity, keys: any VolumeKeys, servers: any VolumeServers) {
        (self.images, self.identity, self.keys, self.servers) = (images, identity, keys, servers)
    }
}

/// What block storage needs of the image service.
public protocol VolumeImages: Sendable {
    /// An image that the caller may see, by its id; nil when there is none.
    func image(_ id: String, for token: TokenContext) async throws -> VolumeImage?

    /// The ids of the images of a name that the caller may see.
    func images(named name: String, for token: TokenContext) async throws -> [String]

    /// What makes images of volumes for the caller.
    func imageMaker(for token: TokenContext) async throws -> VolumeImageMaker

    /// An image's status; nil when there is none.
    func imageStatus(_ id: String, in reader: any Reader) throws -> String?

    /// Removes an image that did not come about.
    func discardImage(_ id: String, in transaction: any Transaction) throws
}

/// An image as far as block storage depends on it.
public struct VolumeImage: Sendable, Codable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its name; nil where it has none.
    public var name: String?
    /// Its status; only an `active` image can be read.
    public var status: String
    /// Its disk format, such as raw or qcow2.
    public var diskFormat: String
    /// Its container format, such as bare.
    public var containerFormat: String
    /// Its size in bytes.
    public var sizeBytes: Int
    /// The size of the disk in it in bytes; nil while nobody has looked.
    public var virtualSizeBytes: Int?
    /// The least volume for it in GiB.
    public var minDiskGiB: Int
    /// The least memory for a server with it in MiB.
    public var minMemoryMiB: Int
    /// Its MD5, as older clients show it; nil where it has none.
    public var checksum: String?
    /// Its SHA-512, under which hosts know its bytes; nil where it has none.
    public var sha512: String?
    /// Its properties beyond these.
    public var properties: [String: String]

    /// An image.
    public init(
        id: String, name: String?, status: String, diskFormat: String, containerFormat: String, sizeBytes: Int, virtualSizeBytes: Int?,
        minDiskGiB: Int, minMemoryMiB: Int, checksum: String?, sha512: String?, properties: [String: String]
    ) {
        (self.id, self.name, self.status, self.diskFormat) = (id, name, status, diskFormat)
        (self.containerFormat, self.sizeBytes, self.virtualSizeBytes) = (containerFormat, sizeBytes, virtualSizeBytes)
        (self.minDiskGiB, self.minMemoryMiB, self.checksum) = (minDiskGiB, minMemoryMiB, checksum)
        (self.sha512, self.properties) = (sha512, properties)
    }
}

/// What block storage needs of identity.
public protocol VolumeIdentity: Sendable {
    /// Whether there is such a project.
    func projectExists(_ id: String) async throws -> Bool
}

/// What block storage needs of the key manager.
public protocol VolumeKeys: Sendable {
    /// Makes a random key for a volume of the caller's project, in the transaction that names the key: what is killed between the
    /// two would leave a key that nothing knows.
    /// - Parameter id: its id, of the caller's choice. A repeat finds what is there.
    /// - Parameter bits: its length; nil for 256.
    func makeKey(_ id: String, algorithm: String, bits: Int?, for token: TokenContext, in transaction: any Transaction) throws

    /// The passphrase that a key stands for.
    /// - Throws: an error where there is no such key.
    func passphrase(_ id: String) async throws -> Secret<String>

    /// Makes a key with the same bytes as another, in the transaction that names it. A repeat finds what is there.
    /// - Parameter id: the copy's id, of the caller's choice.
    /// - Parameter projectID: whose key it must be; nil for anybody's.
    /// - Throws: `VolumeNeighbourMissing` where there is no such key.
    func copyKey(_ source: String, to id: String, of projectID: String?, in transaction: any Transaction) throws

    /// Removes a key; one that is gone is success.
    func deleteKey(_ id: String) async throws

    /// Makes a key the caller's and the caller's project's.
    func giveKey(_ id: String, to token: TokenContext) async throws
}

/// What block storage asks of compute for volumes that servers have.
public protocol VolumeServers: Sendable {
    /// Tells a server that a volume of it has grown, and waits until its guest can see that.
    /// - Parameter needsResize: whether the hypervisor has to resize the disk, rather than only to notice its size.
    /// - Parameter requestID: the request that it grew for, which the server's log of actions names.
    func extended(server: String, volume: String, newSizeGiB: Int, needsResize: Bool, requestID: String?, key: String) async throws

    /// Holds the processors of a server's guest, so that it writes nothing. A repeat, or one that doesn't run, is success.
    func hold(server: String) async throws

    /// Lets a guest that was held go on, unless its user has paused it. A repeat, or a server that is gone, is success.
    func letGo(server: String) async throws

    /// Writes a copy of a server's volume, as it is at one moment, to a place that its host can reach. A repeat finds it.
    /// - Returns: false when the server's guest is off, so that nobody has the volume open and nothing was written.
    func copy(server: String, volume: String, to target: VolumeConnection, key: String) async throws -> Bool

    /// Begins to move what a server has on one volume to another while it runs. At the end block storage is told: the migration is
    /// completed, or has failed.
    func swap(server: String, from volume: String, to newVolume: String, key: String) async throws
}

/// A neighbour is not there, or can't do this.
public struct VolumeNeighbourMissing: Error, Sendable, Hashable {
    /// What is missing, in words for the user.
    public let message: String
    /// Whether another try may find it there: a host that did not answer, a program that is starting.
    public let mayPass: Bool
    /// A refusal.
    public init(_ message: String, mayPass: Bool = false) { (self.message, self.mayPass) = (message, mayPass) }
}

/// The key manager of a cloud without one.
public struct AbsentKeys: VolumeKeys {
    private static let refusal = VolumeNeighbourMissing("This cloud has no key manager, so it has no encrypted volumes.")
    /// Nothing.
    public init() {}
    /// Refuses.
    public func makeKey(
        _ id: String, algorithm: String, bits: Int?, for token: TokenContext, in transaction: any Transaction
    ) throws { throw Self.refusal }
    /// Refuses.
    public func passphrase(_ id: String) async throws -> Secret<String> { throw Self.refusal }
    /// Refuses.
    public func copyKey(_ source: String, to id: String, of projectID: String?, in transaction: any Transaction) throws {
        throw Self.refusal
    }
    /// There is nothing to remove.
    public func deleteKey(_ id: String) async throws {}
}

/// The servers of a cloud that lets no server have volumes.
public struct AbsentServers: VolumeServers {
    private static let refusal = VolumeNeighbourMissing("No server has this volume.")
    /// Nothing.
    public init() {}
    /// Refuses.
    public func extended(server: String, volume: String, newSizeGiB: Int, needsResize: Bool, requestID: String?, key: String) async throws {
        throw Self.refusal
    }
    /// Refuses.
    public func copy(server: String, volume: String, to target: VolumeConnection, key: String) async throws -> Bool { throw Self.refusal }
    /// There is nobody to hold.
    public func hold(server: String) async throws {}
    /// There is nobody to let go.
    public func letGo(server: String) async throws {}
    /// Refuses.
    public func swap(server: String, from volume: String, to newVolume: String, key: String) async throws { throw Self.refusal }
}
