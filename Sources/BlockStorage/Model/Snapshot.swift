import CloudCore

/// What a volume was at one moment.
struct Snapshot: Sendable, Hashable {
    /// What a snapshot is doing, in Cinder's words (SnapshotStatus).
    enum Status: String, Sendable, CaseIterable {
        case error, available, creating, deleting, deleted, updating, unmanaging, restoring
        case errorDeleting = "error_deleting"
        case backingUp = "backing-up"
    }

    var id: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    var volumeID: String
    /// Its volume's size when it was made, in GiB.
    var volumeSize: Int
    var status: Status
    /// How much of it is made, such as "100%".
    var progress: String?
    var metadata: [String: String]
    var groupSnapshotID: String?
    /// The type that its volume had.
    var typeID: String
    /// Whether quotas count it.
    var usesQuota = true
    var details = Details()
    var createdAt: Timestamp
    var updatedAt: Timestamp?

    /// What is rarely looked at and never searched by.
    struct Details: Codable, Sendable, Hashable {
        /// What the back end calls it where that is not "snapshot-ID".
        var backendName: String?
        /// Its volume's key, when it was encrypted.
        var encryptionKeyID: String?
        /// The image metadata that its volume had.
        var imageMetadata: [String: String] = [:]
        /// Whether its volume was bootable.
        var isBootable = false
    }
}

extension Snapshot {
    /// The workflow engine's name of it.
    static func subject(_ id: String) -> String { "snapshot/\(id)" }
    var subject: String { Self.subject(id) }

    /// What the back end calls it.
    var backendName: String { details.backendName ?? "snapshot-\(id)" }
}
