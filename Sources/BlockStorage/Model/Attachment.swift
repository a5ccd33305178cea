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
    /// How the volume is reached, as the storage host said, without passwords: who needs those asks it again.
    var connection: VolumeConnection?
    /// What whoever has it keeps of the QoS specs of the volume's type, as they were when it was connected; nil for nothing.
    var qosSpecs: JSON?
    var attachedAt: Timestamp?
    var detachedAt: Timestamp?
    var createdAt: Timestamp
    /// Whether compute made it and has the volume in a guest: nobody else may end it.
    var isHeldByCompute = false
}

extension Attachment {
    /// Whether somebody reaches the volume through it.
    var isAttached: Bool { status == .attached }

    /// Its QoS specs as text; nil for none.
    var qosTexts: [String: String]? {
        guard let members = qosSpecs?.object?.members, !members.isEmpty else { return nil }
        return Dictionary(members.map { ($0.name, $0.value.string ?? $0.value.text) }) { $1 }
    }
}

extension VolumeConnection {
    /// The same without what must not be kept.
    var withoutSecrets: VolumeConnection {
        switch self {
        case .file, .nfs: self
        case .rbd(let pool, let image, let monitors, let user, _):
            .rbd(pool: pool, image: image, monitors: monitors, user: user, secret: nil)
        case .iscsi(let portals, let iqn, let lun, let user, _):
            .iscsi(portals: portals, iqn: iqn, lun: lun, user: user, password: nil)
        }
    }

    /// Whether a password belongs to it that is not in it.
    var lacksSecrets: Bool {
        switch self {
        case .file, .nfs: false
        case .rbd(_, _, _, let user, let secret): user != nil && secret == nil
        case .iscsi(_, _, _, let user, let password): user != nil && password == nil
        }
    }
}
