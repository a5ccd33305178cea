import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages

/// What compute needs of the block storage service.
public protocol ComputeVolumes: Sendable {
    /// A volume the caller may see; nil when there is none.
    func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume?

    /// A snapshot the caller may see; nil when there is none.
    func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot?

    /// Whether there is a volume type of this name or id that the caller may use.
    func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool
}

/// A volume as far as compute depends on it.
public struct ServerVolume: Sendable, Codable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its status; only an `available` volume, or one in use that is shared, can be attached.
    public var status: String
    /// Its size in GiB.
    public var sizeGiB: Int
    /// Whether a server can boot from it.
    public var isBootable: Bool
    /// Whether several servers can have it at once.
    public var isMultiattach: Bool
    /// Its migration's status; nil when it is not migrating.
    public var migrationStatus: String?
    /// The properties of the image it was made from.
    public var imageProperties: [String: String]

    /// A volume.
    public init(
        id: String, status: String, sizeGiB: Int, isBootable: Bool, isMultiattach: Bool, migrationStatus: String?,
        imageProperties: [String: String]
    ) {
        (self.id, self.status, self.sizeGiB, self.isBootable) = (id, status, sizeGiB, isBootable)
        (self.isMultiattach, self.migrationStatus, self.imageProperties) = (isMultiattach, migrationStatus, imageProperties)
    }
}

/// A volume's snapshot as far as compute depends on it.
public struct VolumeSnapshot: Sendable, Codable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its status.
    public var status: String
    /// Its size in GiB.
    public var sizeGiB: Int

    /// A snapshot.
    public init(id: String, status: String, sizeGiB: Int) { (self.id, self.status, self.sizeGiB) = (id, status, sizeGiB) }
}

/// The block storage of a cloud that has none: there is no volume, no snapshot and no volume type.
public struct AbsentVolumes: ComputeVolumes {
    /// Nothing.
    public init() {}

    /// There is none.
    public func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume? { nil }
    /// There is none.
    public func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot? { nil }
    /// There is none.
    public func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool { false }
}
