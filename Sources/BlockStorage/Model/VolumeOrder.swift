import CloudCore

/// What a new volume shall be, as its maker asks: the API, compute for a server's disk, or a service for its own ends.
struct VolumeOrder: Sendable {
    /// What it is filled with.
    enum Source: Sendable {
        case blank
        case image(VolumeImage)
        case snapshot(Snapshot, of: Volume)
        case volume(Volume)
    }

    var id = Identifier.uuid()
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    /// In GiB; nil for its source's.
    var size: Int?
    /// Its type's id or name; nil for its source's, or the default.
    var typeName: String?
    var source = Source.blank
    var metadata: [String: String] = [:]
    var zone: String?
    /// Scheduler hints: `same_host` and `different_host`, with volumes' ids.
    var hints: [String: [String]] = [:]
    var groupID: String?
    var usesQuota = true
    /// Its migration's state, for one that another volume migrates to.
    var migrationStatus: String?
    /// What it has become when it is made; a restoration goes on from there.
    var finalStatus = Volume.Status.available
}

extension VolumeOrder.Source {
    /// The size that a volume of it has at least.
    var size: Int? {
        switch self {
        case .blank, .image: nil
        case .snapshot(let snapshot, _): snapshot.volumeSize
        case .volume(let volume): volume.size
        }
    }

    /// The volume that its bytes come from, whose back end makes it.
    var volume: Volume? {
        switch self {
        case .blank, .image: nil
        case .snapshot(_, let volume), .volume(let volume): volume
        }
    }
}
