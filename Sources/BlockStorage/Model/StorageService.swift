import CloudCore
import VolumeMessages

/// A service as Cinder lists it: the scheduler, a back end of a storage host, or backups.
struct StorageService: Sendable, Hashable {
    /// Its program, in Cinder's words.
    enum Binary: String, Sendable, CaseIterable {
        case scheduler = "cinder-scheduler"
        case volume = "cinder-volume"
        case backup = "cinder-backup"
    }

    var id: String
    var binary: Binary
    /// The host; of a back end "host@backend".
    var host: String
    var availabilityZone: String
    var isDisabled = false
    var disabledReason: String?
    /// Whether new volumes are kept away though those there may be used (freeze).
    var isFrozen = false
    /// Why a back end does not work; nil while it does.
    var failure: String?
    var seenAt: Timestamp
    var createdAt: Timestamp

    /// Whether it has been heard of lately.
    func isUp(at moment: Timestamp, downTime: Duration) -> Bool { failure == nil && moment - seenAt <= downTime }
}

/// A pool as it was last reported.
struct KnownPool: Sendable, Hashable {
    var name: VolumeHostName
    var report: VolumePool
    var service: StorageService
}
