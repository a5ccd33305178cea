import CloudCore
import NIOCore

/// Where images' bytes are kept. A location names one image's bytes within a store and never changes meaning; what is
/// at a location is complete, because an upload only gets one when it is committed.
///
/// Every store passes `StoreConformance` in its tests.
public protocol ImageStore: Sendable {
    /// The kind of store, under upstream's name: `file`, `http`.
    var kind: String { get }

    /// Whether nothing can be uploaded to it or removed from it.
    var isReadOnly: Bool { get }

    /// What administrators see of its configuration (`properties` of `GET /v2/info/stores/detail`). No secrets.
    var properties: JSONObject { get }

    /// Begins an upload. Nothing is visible before it is committed.
    /// - Parameters:
    ///   - id: the image's.
    ///   - expectedSize: the size in bytes, where it is known beforehand; a store that can tell that it has no such
    ///     room says so at once.
    /// - Throws: `ImageStoreError.readOnly`, `.full`, or what the store's medium says.
    func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload

    /// Opens an image's bytes for reading.
    /// - Throws: `ImageStoreError.missing`, `.unavailable`.
    func open(_ location: String) async throws -> any ImageContent

    /// Removes an image's bytes; readers that have them open go on. Removing what is not there is success.
    /// - Throws: `ImageStoreError.readOnly`, or what the store's medium says.
    func remove(_ location: String) async throws

    /// The locations of what was committed so long ago, for the reconciler that looks for orphans. A store that holds
    /// what others put there answers none.
    func locations(olderThan age: Duration) async throws -> [String]

    /// How a location looks from outside: the `url` of an image's location.
    func url(of location: String) -> String

    /// The location that a URL names; nil when it is not one of this store's.
    func location(of url: String) -> String?

    /// How full the store is.
    func usage() async throws -> StoreUsage
}

/// How full a store is, in bytes.
public struct StoreUsage: Sendable, Hashable {
    /// What images take.
    public let used: Int
    /// What there is room for in all; nil where the store can't tell.
    public let capacity: Int?

    /// A store's usage.
    public init(used: Int, capacity: Int?) { (self.used, self.capacity) = (used, capacity) }
}

/// An upload under way.
public protocol ImageUpload: Sendable {
    /// Appends bytes. Returns when they are taken, so that the sender keeps the store's pace.
    /// - Throws: `ImageStoreError.full`, or what the disk says.
    func append(_ bytes: ByteBuffer) async throws

    /// Makes the bytes durable and visible.
    /// - Returns: their location.
    func commit() async throws -> String

    /// Forgets the upload. Safe after a failed append or commit; never after a commit that succeeded.
    func abort() async
}

/// An image's bytes, open for reading.
public protocol ImageContent: Sendable {
    /// How many bytes there are.
    var size: Int { get }
    /// Reads at most so many bytes from a position; an empty answer is the end.
    func read(at offset: Int, count: Int) async throws -> ByteBuffer
}

extension ImageStore {
    /// The locations of everything that is kept.
    public func locations() async throws -> [String] { try await locations(olderThan: .zero) }
}

extension ImageContent {
    /// Reads at most so many bytes from a position, as an array; an empty answer is the end.
    public func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
        Array(try await read(at: offset, count: count).readableBytesView)
    }
}

/// Why a store can't do what it is asked for.
public enum ImageStoreError: Error, Sendable, Equatable {
    /// There is nothing at that location.
    case missing(String)
    /// There is no room left.
    case full
    /// Nothing can be put into this store, or removed from it.
    case readOnly
    /// The store can't be reached at the moment, or refuses; for the operator's log.
    case unavailable(String)
    /// The disk refused, with the system's error number.
    case io(operation: String, errno: Int32)
}
