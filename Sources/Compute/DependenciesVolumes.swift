import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages

/// What compute needs of the block storage service. Calls with a reader or transaction take part in it. The others may be repeated:
/// compute's workflows choose the ids of what they make, and ask again after a crash.
public protocol ComputeVolumes: Sendable {
    // MARK: What a caller may see

    /// A volume the caller may see; nil when there is none.
    func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume?

    /// A snapshot the caller may see; nil when there is none.
    func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot?

    /// Whether there is a volume type of this name or id that the caller may use.
    func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool

    // MARK: Volumes

    /// Volumes by their ids, whoever asks; those that are not there are absent. Which of them go on changing is asked again and again
    /// while a server waits for its disks.
    func volumes(_ ids: [String], in reader: any Reader) throws -> [String: ServerVolume]

    /// Begins to make a volume; a repeat with the same id finds it. That it can be used is seen by its status.
    /// - Throws: `VolumeRefusal`.
    func create(_ volume: NewServerVolume) async throws

    /// Begins to delete a volume. One that is unknown, or on its way out, is success.
    /// - Throws: `VolumeRefusal` for one that is in use or has snapshots.
    func delete(volume id: String) async throws

    /// Begins to fill a volume anew with an image's bytes, in place (Cinder's os-reimage); the volume is `downloading` until it is done
    /// and then as it was, or in an error state. A repeat under the same token begins nothing anew.
    /// - Throws: `VolumeRefusal`.
    func reimage(volume id: String, image: String, projectID: String, token: String) async throws

    // MARK: Attachments

    /// Reserves a volume for a server: an attachment's row with the id that the caller chose. A repeat with that id is success.
    /// - Throws: `VolumeRefusal`: `notFound`, or `invalid` when it is neither available nor free to be shared.
    func reserve(_ attachment: NewVolumeAttachment, in transaction: any Transaction) throws

    /// Lets a host reach a reserved volume and says how. A repeat, with the same connector or another, answers what holds for the last.
    /// - Throws: `VolumeRefusal`; `notFound` when the attachment is gone.
    func connect(attachment id: String, connector: ServerVolumeConnector) async throws -> ServerVolumeAccess

    /// How a connected volume is reached, without asking its host; nil when it is not connected. The secrets in it are never kept.
    func access(attachment id: String) async throws -> ServerVolumeAccess?

    /// Says that the guest has the volume under this device name. The volume is then `in-use`. A repeat, or an unknown attachment, is
    /// success.
    func complete(attachment id: String, device: String, in transaction: any Transaction) throws

    /// Takes a host's way to the volume away; the attachment stays reserved. A repeat, or an unknown attachment, is success.
    func disconnect(attachment id: String) async throws

    /// Ends an attachment: its row goes, and the volume is free when it was the last. A repeat, or an unknown attachment, is success. What
    /// a storage host may still export for it is the block storage's to tidy.
    func release(attachment id: String, in transaction: any Transaction) throws

    /// Says that a volume is on its way out of a guest (`detaching`), or that it stays there after all. An unknown one is success.
    /// - Throws: `VolumeRefusal` with `invalid` when it is not in use, or being detached already.
    func setDetaching(volume id: String, _ isDetaching: Bool, in transaction: any Transaction) throws

    // MARK: Snapshots and migrations

    /// Begins to make a snapshot of a volume, whether it is attached or not; a repeat with the same id finds it.
    /// - Throws: `VolumeRefusal`.
    func createSnapshot(_ snapshot: NewVolumeSnapshot) async throws

    /// Snapshots by their ids, whoever asks.
    func snapshots(_ ids: [String], in reader: any Reader) throws -> [String: VolumeSnapshot]

    /// Begins to delete a snapshot. One that is unknown, or on its way out, is success.
    func delete(snapshot id: String) async throws

    /// Says that a guest's disk is on the new volume, or could not be brought there (Cinder's os-migrate_volume_completion). A repeat
    /// answers the same.
    /// - Returns: the id of the volume that the server has from now on: a migration gives the new one the old one's name.
    /// - Throws: `VolumeRefusal`.
    func completeMigration(from old: String, to new: String, hasFailed: Bool, in transaction: any Transaction) throws -> String
}

/// Why the block storage doesn't do what is asked.
public struct VolumeRefusal: Error, Sendable, Hashable {
    /// The kinds of refusal, which differ in the status that the API answers.
    public enum Kind: String, Sendable, Codable {
        /// There is no such thing.
        case notFound
        /// Its status or its nature does not allow it; trying again doesn't help.
        case invalid
        /// The caller's project has no more of it.
        case quota
        /// The caller may not.
        case forbidden
        /// There is no block storage, or the back end can't do it.
        case unsupported
        /// The storage host failed or did not answer; trying again may help.
        case unavailable
    }
    /// The kind.
    public let kind: Kind
    /// What is wrong, for the user.
    public let message: String

    /// A refusal.
    public init(_ kind: Kind, _ message: String) { (self.kind, self.message) = (kind, message) }
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
    /// The properties of the image it was made from, with its `min_disk`, `min_ram` and, as `image_id`, its id.
    public var imageProperties: [String: String]
    /// Its name; nil for none.
    public var name: String?
    /// Its description, which snapshots made of it get.
    public var description: String?
    /// Its availability zone.
    public var availabilityZone: String?
    /// Its type's id; nil for none.
    public var volumeTypeID: String?
    /// Whether its bytes are encrypted.
    public var isEncrypted = false
    /// Whether guests may not write to it (Cinder's readonly).
    public var isReadOnly = false
    /// The servers that it is attached to, or reserved for.
    public var serverIDs: [String] = []

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
    /// The volume it was made of.
    public var volumeID: String?

    /// A snapshot.
    public init(id: String, status: String, sizeGiB: Int, volumeID: String? = nil) {
        (self.id, self.status, self.sizeGiB, self.volumeID) = (id, status, sizeGiB, volumeID)
    }
}

/// A volume to be made for a server.
public struct NewServerVolume: Sendable, Codable, Hashable {
    /// What is in it.
    public enum Source: Sendable, Codable, Hashable {
        /// Nothing.
        case blank
        /// An image's bytes, by its id.
        case image(String)
        /// A snapshot's, by its id.
        case snapshot(String)
    }

    /// Its UUID, which compute chose.
    public var id: String
    /// Its project.
    public var projectID: String
    /// Its user.
    public var userID: String
    /// Its name; may be empty.
    public var name: String
    /// Its size in GiB; nil for a snapshot's own.
    public var sizeGiB: Int?
    /// What is in it.
    public var source: Source
    /// Its type by name or id; nil for the project's default, or a snapshot's own.
    public var volumeType: String?
    /// The zone it shall be in; nil for any.
    public var availabilityZone: String?

    /// A volume.
    public init(
        id: String, projectID: String, userID: String, name: String = "", sizeGiB: Int?, source: Source, volumeType: String? = nil,
        availabilityZone: String? = nil
    ) {
        (self.id, self.projectID, self.userID, self.name) = (id, projectID, userID, name)
        (self.sizeGiB, self.source, self.volumeType, self.availabilityZone) = (sizeGiB, source, volumeType, availabilityZone)
    }
}

/// An attachment to be made.
public struct NewVolumeAttachment: Sendable, Codable, Hashable {
    /// Its UUID, which compute chose.
    public var id: String
    /// The volume.
    public var volumeID: String
    /// The server.
    public var serverID: String
    /// The project that the server belongs to.
    public var projectID: String
    /// Whether the guest may not write.
    public var isReadOnly: Bool
    /// Whether the volume is taken though another server, or another attachment of this one, has it: the second attachment of a volume that
    /// can't be shared, which a live migration or an evacuation needs.
    public var isSecond: Bool

    /// An attachment.
    public init(id: String, volumeID: String, serverID: String, projectID: String, isReadOnly: Bool = false, isSecond: Bool = false) {
        (self.id, self.volumeID, self.serverID, self.projectID) = (id, volumeID, serverID, projectID)
        (self.isReadOnly, self.isSecond) = (isReadOnly, isSecond)
    }
}

/// The host that wants to reach a volume.
public struct ServerVolumeConnector: Sendable, Codable, Hashable {
    /// The host's name.
    public var host: String
    /// Its address.
    public var address: String
    /// The device name that the guest is to have it under; nil where the host chooses.
    public var device: String?

    /// A connector.
    public init(host: String, address: String, device: String? = nil) { (self.host, self.address, self.device) = (host, address, device) }
}

/// How a volume is reached by the host it is connected to. It holds secrets, so it is no `Codable` and stands in no workflow's state.
public struct ServerVolumeAccess: Sendable, Hashable {
    /// Where it is.
    public var connection: GuestVolume.Connection
    /// How it is encrypted; nil for one in the clear.
    public var encryption: GuestVolume.Encryption?
    /// Whether the guest may not write to it.
    public var isReadOnly: Bool
    /// What the host keeps of the QoS specs of the volume's type, in Cinder's words; nil for nothing.
    public var qosSpecs: [String: String]?

    /// A way to a volume.
    public init(
        connection: GuestVolume.Connection, encryption: GuestVolume.Encryption? = nil, isReadOnly: Bool = false,
        qosSpecs: [String: String]? = nil
    ) {
        (self.connection, self.encryption, self.isReadOnly, self.qosSpecs) = (connection, encryption, isReadOnly, qosSpecs)
    }
}

/// A snapshot to be made of a volume.
public struct NewVolumeSnapshot: Sendable, Codable, Hashable {
    /// Its UUID, which compute chose.
    public var id: String
    /// The volume.
    public var volumeID: String
    /// Its project.
    public var projectID: String
    /// Its user.
    public var userID: String
    /// Its name.
    public var name: String
    /// Its description.
    public var description: String?

    /// A snapshot.
    public init(id: String, volumeID: String, projectID: String, userID: String, name: String, description: String? = nil) {
        (self.id, self.volumeID, self.projectID, self.userID) = (id, volumeID, projectID, userID)
        (self.name, self.description) = (name, description)
    }
}
