import CloudCore
import CloudPolicy
import VolumeMessages

/// A volume's bytes as they were at one moment, kept apart from the back ends.
struct Backup: Sendable, Hashable {
    /// What a backup is doing, in Cinder's words (BackupStatus).
    enum Status: String, Sendable, CaseIterable {
        case error, creating, available, deleting, deleted, restoring
        case errorDeleting = "error_deleting"
    }

    var id: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    var volumeID: String
    var snapshotID: String?
    /// The backup that this one adds to; nil for a full one.
    var parentID: String?
    var status: Status
    /// Its volume's size in GiB.
    var size: Int
    var objectCount = 0
    var container: String?
    var availabilityZone: String?
    /// The host that keeps it.
    var host: String?
    /// Where that host keeps it: "file", "nfs" or "swift".
    var driver: String
    var failReason: String?
    var metadata: [String: String] = [:]
    /// When its bytes were the volume's.
    var dataTimestamp: Timestamp?
    var details = Details()
    var createdAt: Timestamp
    var updatedAt: Timestamp?

    /// What is rarely looked at and never searched by.
    struct Details: Codable, Sendable, Hashable {
        /// Under which id its bytes are kept, where that is not its own: that of the backup whose record was imported.
        var dataID: String?
        /// The same of its parent.
        var parentDataID: String?
        /// What the volume's owner had noted about it.
        var volumeMetadata: [String: String] = [:]
        /// What was known of the volume's image.
        var imageMetadata: [String: String] = [:]
        var isBootable = false
        /// The key of an encrypted volume: a copy, because the volume's goes with it.
        var encryptionKeyID: String?
        /// The volume's type, which an encrypted backup is restored to.
        var typeID: String?
    }
}

extension Backup {
    /// The workflow engine's name of it.
    var subject: String { "backup/\(id)" }

    /// Under which id its bytes are kept.
    var dataID: String { details.dataID ?? id }

    /// As the host knows it.
    var specification: BackupSpecification {
        BackupSpecification(
            id: dataID, driver: driver, container: container, parentID: parentID.map { details.parentDataID ?? $0 })
    }

    /// What policies look at.
    var target: PolicyTarget { ["project_id": .string(projectID), "user_id": .string(userID)] }
}
