import CloudCore
import VolumeMessages

/// A volume: bytes that outlive the servers which use them.
struct Volume: Sendable, Hashable {
    /// What a volume is doing, in Cinder's words (VolumeStatus of cinder/objects/fields.py and c_fields).
    enum Status: String, Sendable, CaseIterable {
        case creating, available, deleting, error, managing, attaching, detaching, maintenance, reserved, downloading, uploading
        case retyping, extending, reverting
        case errorDeleting = "error_deleting"
        case errorManaging = "error_managing"
        case errorManagingDeleting = "error_managing_deleting"
        case inUse = "in-use"
        case restoringBackup = "restoring-backup"
        case errorRestoring = "error_restoring"
        case awaitingTransfer = "awaiting-transfer"
        case backingUp = "backing-up"
        case errorBackingUp = "error_backing-up"
        case errorExtending = "error_extending"
        case errorAttaching = "error_attaching"
        case errorDetaching = "error_detaching"

        /// Whether its bytes are being made, moved, copied or removed.
        var isAtWork: Bool {
            switch self {
            case .creating, .managing, .downloading, .uploading, .retyping, .extending, .reverting, .deleting, .errorManagingDeleting,
                .restoringBackup, .backingUp:
                true
            default: false
            }
        }

        /// The status that the API shows: managing is making, to those who look from outside.
        var shown: Status {
            switch self {
            case .managing: .creating
            case .errorManaging: .error
            case .errorManagingDeleting: .deleting
            default: self
            }
        }
    }

    /// Whether somebody has it, in Cinder's words (VolumeAttachStatus).
    enum AttachStatus: String, Sendable, Codable, CaseIterable {
        case attached, attaching, detached, reserved, detaching, deleted
        case errorAttaching = "error_attaching"
        case errorDetaching = "error_detaching"
    }

    var id: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    /// In GiB.
    var size: Int
    var status: Status
    /// What it was before something that will set it back to that (a backup, an upload, a migration …).
    var previousStatus: Status?
    var attachStatus = AttachStatus.detached
    /// "migrating", "starting", "completing", "success", "error"; a volume that another migrates to is "target:ID".
    var migrationStatus: String?
    var typeID: String
    var snapshotID: String?
    var sourceID: String?
    var groupID: String?
    var availabilityZone: String
    /// Where it is, as "host@backend#pool"; nil until it is scheduled.
    var host: String?
    var isBootable = false
    var isMultiattach = false
    /// The secret of an encrypted volume.
    var encryptionKeyID: String?
    /// Whether quotas count it; one that a service made for its own ends does not.
    var usesQuota = true
    var metadata: [String: String]
    /// What is known of the image it was made from.
    var imageMetadata: [String: String] = [:]
    var details = Details()
    var createdAt: Timestamp
    var updatedAt: Timestamp?
    /// GiB that it is growing by at the moment, which quotas count already.
    var growth = 0

    /// What is rarely looked at and never searched by.
    struct Details: Codable, Sendable, Hashable {
        /// What administrators and the service note: "readonly", "attached_mode".
        var adminMetadata: [String: String] = [:]
        /// What the back end calls it where that is not "volume-ID".
        var backendName: String?
        /// The volume whose name in the back end this one has since a migration.
        var nameID: String?
        /// How it is encrypted; the type may have changed since.
        var cipher: String?
        var keyBits: Int?
        var encryptionProvider: String?
        var controlLocation: String?
        var launchedAt: Timestamp?
        var scheduledAt: Timestamp?
        var terminatedAt: Timestamp?
        /// What the driver calls it; shown to administrators.
        var providerID: String?
        /// The key of the last request to write an image over it, so that a repeat begins nothing anew.
        var reimageToken: String?
        /// Scheduler hints it was made with.
        var hints: [String: [String]]?
    }
}

extension Volume {
    /// The workflow engine's name of it.
    static func subject(_ id: String) -> String { "volume/\(id)" }
    var subject: String { Self.subject(id) }

    /// What the back end calls it.
    var backendName: String { details.backendName ?? "volume-\(id)" }

    /// Where it is; nil until it is scheduled.
    var place: VolumeHostName? { host.flatMap(VolumeHostName.init) }

    /// Whether it must not be written to.
    var isReadOnly: Bool { details.adminMetadata["readonly"]?.lowercased() == "true" }
    var isEncrypted: Bool { encryptionKeyID != nil }
    /// Its metadata with what users may see of the administrative.
    var visibleMetadata: [String: String] {
        let visible = details.adminMetadata.filter { $0.key == "readonly" || $0.key == "attached_mode" }
        return metadata.merging(visible) { $1 }
    }

    /// Whether it, or the volume that it shall become, is on its way to another back end.
    var isMigrating: Bool {
        migrationStatus.map { !["deleting", "error", "success"].contains($0) } ?? false
    }

    /// For what can't be done while the volume's bytes are copied to where it goes: it would be done to what is left behind.
    /// - Throws: 400 for a volume that is migrating.
    func requireAtRest() throws {
        guard !isMigrating else { throw BlockStorageError.invalidVolume("Volume \(id) must not be migrating.") }
    }

    /// The status that it has with nobody, or with somebody.
    static func settled(isAttached: Bool) -> Status { isAttached ? .inUse : .available }
}

/// The name of a pool of a back end of a host, "host@backend#pool"; parts may be missing, as in Cinder.
struct VolumeHostName: Sendable, Hashable, Codable {
    var host: String
    var backend: String
    var pool: String

    init(host: String, backend: String, pool: String) { (self.host, self.backend, self.pool) = (host, backend, pool) }

    init?(_ text: String) {
        let halves = text.split(separator: "@", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { return nil }
        let parts = halves[1].split(separator: "#", maxSplits: 1).map(String.init)
        self.init(host: halves[0], backend: parts[0], pool: parts.count > 1 ? parts[1] : "")
    }

    /// "host@backend#pool".
    var text: String { pool.isEmpty ? service : "\(service)#\(pool)" }
    /// "host@backend": the name of the service that the back end is.
    var service: String { "\(host)@\(backend)" }
}
