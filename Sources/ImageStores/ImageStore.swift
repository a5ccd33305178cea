/// Where images' bytes are kept. A location names one image's bytes within a store and never changes meaning; what is
/// at a location is complete, because an upload only gets one when it is committed.
public protocol ImageStore: Sendable {
    /// The store's name as users see it.
    var name: String { get }

    /// Begins an upload. Nothing is visible before it is committed.
    func beginUpload(id: String) async throws -> any ImageUpload

    /// Opens an image's bytes for reading.
    /// - Throws: `ImageStoreError.missing`.
    func open(_ location: String) async throws -> any ImageContent

    /// Removes an image's bytes; readers that have them open go on. Removing what is not there is success.
    func remove(_ location: String) async throws

    /// The locations of everything that is kept, for the reconciler that looks for orphans.
    func locations() async throws -> [String]
}

/// An upload under way.
public protocol ImageUpload: Sendable {
    /// Appends bytes. Returns when they are taken, so that the sender keeps the store's pace.
    /// - Throws: `ImageStoreError.full`, or what the disk says.
    func write(_ bytes: [UInt8]) async throws

    /// Makes the bytes durable and gives them their location.
    func commit() async throws -> StoredImage

    /// Forgets the upload. Safe after a failed write or commit.
    func abort() async
}

/// What a committed upload came to.
public struct StoredImage: Sendable, Hashable {
    /// Where the bytes are.
    public let location: String
    /// How many there are.
    public let size: Int
    /// Their MD5, in hexadecimal: Glance's `checksum`.
    public let md5: String
    /// Their SHA-512, in hexadecimal: Glance's `os_hash_value`.
    public let sha512: String

    /// A stored image.
    public init(location: String, size: Int, md5: String, sha512: String) {
        (self.location, self.size, self.md5, self.sha512) = (location, size, md5, sha512)
    }
}

/// An image's bytes, open for reading.
public protocol ImageContent: Sendable {
    /// How many bytes there are.
    var size: Int { get }
    /// Reads at most so many bytes from a position; an empty answer is the end.
    func read(at offset: Int, count: Int) async throws -> [UInt8]
}

/// Why a store can't do what it is asked for.
public enum ImageStoreError: Error, Sendable, Equatable {
    /// There is nothing at that location.
    case missing(String)
    /// There is no room left.
    case full
    /// The disk refused, with the system's error number.
    case io(operation: String, errno: Int32)
}
