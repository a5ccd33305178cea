import CloudAPI
import CloudCore
import CloudStore

/// What compute needs of the image service to make images of servers. Calls with a reader or transaction take part in it.
public protocol ComputeSnapshots: Sendable {
    /// What makes images in a caller's name: its project's limits are known then, and held against where the image is made.
    func snapshotMaker(for token: TokenContext) async throws -> SnapshotMaker

    /// How far an image has come: `queued`, `saving`, `active` …; nil when there is none.
    func snapshotStatus(_ id: String, in reader: any Reader) throws -> String?

    /// Removes an image with its bytes; one that is protected stays. An unknown image is success.
    func discardSnapshot(_ id: String, in transaction: any Transaction) throws

    /// Makes a queued image active that has no bytes: what is in it, its properties say. One that is active already is success.
    func finishWithoutBytes(_ id: String) async throws

    /// The ids of a project's images with all of these properties, the newest first.
    func snapshots(of projectID: String, with properties: [String: String], in reader: any Reader) throws -> [String]
}

/// Makes a queued image without bytes.
/// - Throws: `SnapshotRefusal`.
public typealias SnapshotMaker = @Sendable (NewSnapshot, any Transaction) throws -> Void

/// An image to be made of a server.
public struct NewSnapshot: Sendable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its name.
    public var name: String
    /// A project it is shared with, beside the caller's, which it belongs to.
    public var sharedWith: String?
    /// The smallest root disk in GiB that holds it.
    public var minDiskGiB: Int
    /// The least memory in MiB it runs in.
    public var minMemoryMiB: Int
    /// The format that its bytes will have: qcow2 or raw.
    public var diskFormat: String
    /// Its properties.
    public var properties: [String: String]

    /// An image.
    public init(
        id: String, name: String, sharedWith: String?, minDiskGiB: Int, minMemoryMiB: Int, diskFormat: String,
        properties: [String: String]
    ) {
        (self.id, self.name, self.sharedWith) = (id, name, sharedWith)
        (self.minDiskGiB, self.minMemoryMiB) = (minDiskGiB, minMemoryMiB)
        (self.diskFormat, self.properties) = (diskFormat, properties)
    }
}

/// Why the image service doesn't make an image.
public struct SnapshotRefusal: Error, Sendable, Hashable {
    /// The kinds of refusal, which differ in the status the API answers.
    public enum Kind: Sendable { case limit, invalid }
    /// The kind.
    public let kind: Kind
    /// What is wrong, for the user.
    public let message: String

    /// A refusal.
    public init(_ kind: Kind, _ message: String) { (self.kind, self.message) = (kind, message) }
}

extension SnapshotRefusal: FaultConvertible {
    public var fault: Fault {
        switch kind {
        case .limit: Fault(.forbidden, message)
        case .invalid: Fault(.badRequest, message)
        }
    }
}
