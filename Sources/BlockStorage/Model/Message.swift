import CloudCore

/// What went wrong after a request had been accepted, in words for its user.
struct Message: Sendable, Hashable {
    /// What the message is about.
    enum Resource: String, Sendable, CaseIterable {
        case volume = "VOLUME"
        case snapshot = "VOLUME_SNAPSHOT"
        case backup = "VOLUME_BACKUP"
    }

    /// What was being done, under Cinder's numbers (cinder/message/message_field.py).
    enum Action: String, Sendable, CaseIterable {
        case schedule = "001"
        case attach = "002"
        case upload = "003"
        case updateAttachment = "004"
        case copyImage = "005"
        case unmanage = "006"
        case extend = "007"
        case create = "008"
        case createSnapshot = "009"
        case deleteSnapshot = "010"
        case updateSnapshot = "011"
        case updateSnapshotMetadata = "012"
        case createBackup = "013"
        case deleteBackup = "014"
        case restoreBackup = "015"
        case reimage = "016"

        /// The words that users read.
        var text: String {
            switch self {
            case .schedule: "schedule allocate volume"
            case .attach: "attach volume"
            case .upload: "copy volume to image"
            case .updateAttachment: "update attachment"
            case .copyImage: "copy image to volume"
            case .unmanage: "unmanage volume"
            case .extend: "extend volume"
            case .create: "create volume from backend storage"
            case .createSnapshot: "create snapshot"
            case .deleteSnapshot: "delete snapshot"
            case .updateSnapshot: "update snapshot"
            case .updateSnapshotMetadata: "update snapshot metadata"
            case .createBackup: "create backup"
            case .deleteBackup: "delete backup"
            case .restoreBackup: "restore backup"
            case .reimage: "reimage volume"
            }
        }
    }

    /// What went wrong, under Cinder's numbers.
    enum Detail: String, Sendable, CaseIterable {
        case unknown = "001"
        case driverNotInitialized = "002"
        case noBackend = "003"
        case uploadFailed = "004"
        case attachModeInvalid = "005"
        case quotaExceeded = "006"
        case imageTooLarge = "007"
        case unmanageEncrypted = "008"
        case computeFailedToExtend = "009"
        case driverFailedToExtend = "010"
        case signatureInvalid = "011"
        case driverFailedToCreate = "012"
        case snapshotFailed = "013"
        case snapshotMetadataFailed = "014"
        case snapshotBusy = "015"
        case snapshotDeletionFailed = "016"
        case backupStateInvalid = "017"
        case backupServiceDown = "018"
        case backupDeviceFailed = "019"
        case backupDriverFailed = "020"
        case attachFailed = "021"
        case detachFailed = "022"
        case backupCleanupFailed = "023"
        case backupNotScheduled = "024"
        case backupDeletionFailed = "025"
        case backupRestoreFailed = "026"
        case volumeStateInvalid = "027"
        case reimageFailed = "028"
        case imageFormatUnacceptable = "029"
        case fullBackupForced = "030"

        /// The words that users read.
        var text: String {
            switch self {
            case .unknown: "An unknown error occurred."
            case .driverNotInitialized: "The driver is not ready at present."
            case .noBackend: "Could not find any available weighted backend."
            case .uploadFailed: "The back end failed to upload the volume to an image."
            case .attachModeInvalid: "The volume's attach mode is invalid."
            case .quotaExceeded: "Not enough quota for the operation."
            case .imageTooLarge: "The image that the volume was to be made from needs more space than there is."
            case .unmanageEncrypted: "Encrypted volumes can't be unmanaged."
            case .computeFailedToExtend: "The compute service failed to extend the volume."
            case .driverFailedToExtend: "The back end failed to extend the volume."
            case .signatureInvalid: "The image's signature could not be verified."
            case .driverFailedToCreate: "The back end failed to create the volume."
            case .snapshotFailed: "The snapshot could not be created."
            case .snapshotMetadataFailed: "The snapshot's metadata could not be updated."
            case .snapshotBusy: "The snapshot is busy."
            case .snapshotDeletionFailed: "The snapshot could not be deleted."
            case .backupStateInvalid: "The backup's status is invalid."
            case .backupServiceDown: "The backup service is down."
            case .backupDeviceFailed: "The volume could not be opened for the backup."
            case .backupDriverFailed: "The backup store failed to create the backup."
            case .attachFailed: "The volume could not be attached."
            case .detachFailed: "The volume could not be detached."
            case .backupCleanupFailed: "A temporary volume or snapshot could not be cleaned up."
            case .backupNotScheduled: "No service was found that could create the backup."
            case .backupDeletionFailed: "The backup store failed to delete the backup."
            case .backupRestoreFailed: "The backup store failed to restore the backup."
            case .volumeStateInvalid: "The volume's status is invalid."
            case .reimageFailed: "The compute service failed to write the image over the volume."
            case .imageFormatUnacceptable: "The image's disk format must be that of the volume type's volumes."
            case .fullBackupForced: "An incremental backup is not possible; a full one is made."
            }
        }
    }

    /// How long messages are kept (message_ttl).
    static let lifetime = Duration.seconds(2_592_000)

    var id: String
    var projectID: String
    var requestID: String?
    var resource: Resource
    var resourceID: String?
    var action: Action
    var detail: Detail
    var level = "ERROR"
    var createdAt: Timestamp
    var expiresAt: Timestamp

    /// A new message.
    init(project: String, requestID: String?, _ resource: Resource, _ resourceID: String?, _ action: Action, _ detail: Detail) {
        (id, projectID, self.requestID) = (Identifier.uuid(), project, requestID)
        (self.resource, self.resourceID, self.action, self.detail) = (resource, resourceID, action, detail)
        createdAt = .now
        expiresAt = createdAt + Self.lifetime
    }

    /// Cinder's name of the event.
    var eventID: String { "VOLUME_\(resource.rawValue)_\(action.rawValue)_\(detail.rawValue)" }
    /// What its user reads.
    var text: String { "\(action.text):\(detail.text)" }
}
