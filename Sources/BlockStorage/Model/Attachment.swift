import CloudCore
import VolumeMessages

/// A server's, or a host's, hold on a volume.
struct Attachment: Sendable, Hashable {
    var id: String
    var volumeID: String
    var projectID: String
    /// The server; nil for a host's own.
    var serverID: String?
    /// The host that has it.
    var host: String?
    /// Where the guest or the host sees it, such as /dev/vdb.
    var device: String?
    var status: Volume.AttachStatus
    /// "rw", "ro", or "null" while nobody has said.
    var mode: String
    /// The connector that it was connected with, as it was given.
    var connector: JSON?
    /// How the volume is reached, as the storage host said.
    var connection: VolumeConnection?
    var attachedAt: Timestamp?
    var detachedAt: Timestamp?
    var createdAt: Timestamp
}

extension Attachment {
    /// Whether somebody reaches the volume through it.
    var isAttached: Bool { status == .attached }
}
