import CloudCore

/// A kind of group of volumes: what a group of it promises, such as snapshots of all its volumes at one moment.
struct GroupType: Sendable, Hashable {
    /// The type of consistency groups, which the groups' own API leaves to the older one.
    static let consistencyName = "default_cgsnapshot_type"

    var id: String
    var name: String
    var description: String?
    var isPublic: Bool
    var specs: [String: String]
    var createdAt: Timestamp
    var updatedAt: Timestamp?

    /// Whether its groups' snapshots are of one moment.
    var isConsistent: Bool { specs["consistent_group_snapshot_enabled"] == "<is> True" }
    /// Whether its groups are replicated, which no back end can.
    var isReplicated: Bool {
        specs["group_replication_enabled"] == "<is> True" || specs["consistent_group_replication_enabled"] == "<is> True"
    }
}

/// Volumes that belong together, all on one back end.
struct Group: Sendable, Hashable {
    /// What a group is doing, in Cinder's words (GroupStatus).
    enum Status: String, Sendable, CaseIterable {
        case error, available, creating, deleting, deleted, updating
        case inUse = "in-use"
        case errorDeleting = "error_deleting"
    }

    var id: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    var typeID: String
    var status: Status
    var availabilityZone: String
    /// Where its volumes are, as "host@backend#pool"; nil until it is scheduled.
    var host: String?
    /// What it was made from; nil where from nothing.
    var groupSnapshotID: String?
    var sourceGroupID: String?
    /// The types that its volumes may have.
    var volumeTypeIDs: [String]
    /// Whether its status still follows from its volumes; false for a status that somebody has set.
    var isSettling = false
    var createdAt: Timestamp
    var updatedAt: Timestamp?
}

/// Snapshots of all volumes of a group.
struct GroupSnapshot: Sendable, Hashable {
    /// What a group's snapshot is doing, in Cinder's words (GroupSnapshotStatus).
    enum Status: String, Sendable, CaseIterable {
        case error, available, creating, deleting, deleted, updating
        case errorDeleting = "error_deleting"
    }

    var id: String
    var groupID: String
    var groupTypeID: String
    var projectID: String
    var userID: String
    var name: String?
    var description: String?
    var status: Status
    /// Whether its status still follows from the snapshots it is made of; false for a status that somebody has set.
    var isSettling = false
    var createdAt: Timestamp
    var updatedAt: Timestamp?
}
