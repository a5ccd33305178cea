import CloudAPI
import CloudStore

/// The block storage of a cloud that has none: there is no volume, no snapshot and no volume type, and none can be made.
public struct AbsentVolumes: ComputeVolumes {
    /// Nothing.
    public init() {}

    private static let refusal = VolumeRefusal(.unsupported, "There is no block storage: servers' disks are on their hosts.")

    /// There is none.
    public func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume? { nil }
    /// There is none.
    public func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot? { nil }
    /// There is none.
    public func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool { false }
    /// There are none.
    public func volumes(_ ids: [String], in reader: any Reader) throws -> [String: ServerVolume] { [:] }
    /// There are none.
    public func snapshots(_ ids: [String], in reader: any Reader) throws -> [String: VolumeSnapshot] { [:] }

    /// Refused.
    public func create(_ volume: NewServerVolume) async throws { throw Self.refusal }
    /// Refused.
    public func reimage(volume id: String, image: String, projectID: String, token: String) async throws { throw Self.refusal }
    /// Refused.
    public func reserve(_ attachment: NewVolumeAttachment, in transaction: any Transaction) throws { throw Self.refusal }
    /// Refused.
    public func connect(attachment id: String, connector: ServerVolumeConnector) async throws -> ServerVolumeAccess {
        throw Self.refusal
    }
    /// Refused.
    public func createSnapshot(_ snapshot: NewVolumeSnapshot) async throws { throw Self.refusal }
    /// Refused.
    public func completeMigration(from old: String, to new: String, hasFailed: Bool, in transaction: any Transaction) throws -> String {
        throw Self.refusal
    }

    /// Nothing is connected.
    public func access(attachment id: String) async throws -> ServerVolumeAccess? { nil }
    /// What is unknown is gone.
    public func delete(volume id: String) async throws {}
    /// What is unknown is gone.
    public func delete(snapshot id: String) async throws {}
    /// What is unknown is done.
    public func complete(attachment id: String, device: String, in transaction: any Transaction) throws {}
    /// What is unknown is gone.
    public func disconnect(attachment id: String) async throws {}
    /// What is unknown is gone.
    public func release(attachment id: String, in transaction: any Transaction) throws {}
    /// What is unknown is done.
    public func setDetaching(volume id: String, _ isDetaching: Bool, in transaction: any Transaction) throws {}
}
