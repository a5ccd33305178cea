import CloudCore

/// A move of a server between hosts, or to another flavor (nova.objects.Migration).
struct ServerMigration: Sendable, Hashable {
    /// The kinds of move, under upstream's names.
    enum Kind: String, Sendable, Codable, CaseIterable {
        case migration, resize, evacuation
        case liveMigration = "live-migration"
    }

    /// How far it is.
    enum Status: String, Sendable, Codable, CaseIterable {
        case accepted, queued, preparing, running, migrating, finished, confirming, confirmed, reverting, reverted, completed
        case done, error, failed, cancelled
        case preMigrating = "pre-migrating"
        case postMigrating = "post-migrating"

        /// Whether nothing happens to it any more. A finished one still waits to be confirmed or reverted.
        var isOver: Bool { !Self.open.contains(self) }

        /// Those in which it holds a claim, and guests of its server may be on either host.
        static let open: [Status] = [
            .accepted, .queued, .preparing, .running, .migrating, .preMigrating, .postMigrating, .finished, .confirming, .reverting,
        ]
        /// Those of a live migration that is under way.
        static let live: [Status] = [.queued, .preparing, .running, .postMigrating]
    }

    /// What is moved while the guest runs, in bytes.
    struct Progress: Sendable, Hashable, Codable {
        var total: Int
        var processed: Int
        var remaining: Int
    }

    /// The number that old microversions know it by.
    var id: Int
    /// What holds the claim on the host that is left, in placement.
    let uuid: String
    let serverID: String
    let kind: Kind
    var status: Status
    var sourceHost: String
    /// The host it goes to, once chosen.
    var targetHost: String?
    /// The flavors before and after; nil for evacuations.
    var oldFlavorID: String?
    var newFlavorID: String?
    var projectID: String
    var userID: String
    var memory: Progress?
    var disk: Progress?
    var createdAt: Timestamp
    var updatedAt: Timestamp

    /// Whether it is a live migration that is under way.
    var isLiveInProgress: Bool { kind == .liveMigration && Status.live.contains(status) }

    /// A move that begins.
    init(
        _ kind: Kind, of server: Server, to target: String? = nil, flavor: Flavor? = nil, status: Status, userID: String
    ) {
        (id, uuid, serverID, self.kind, self.status) = (0, Identifier.uuid(), server.id, kind, status)
        (sourceHost, targetHost) = (server.host ?? "", target)
        if kind != .evacuation { (oldFlavorID, newFlavorID) = (server.flavor.id, (flavor ?? server.flavor).id) }
        (projectID, self.userID) = (server.projectID, userID)
        (createdAt, updatedAt) = (.now, .now)
    }

    /// A move that is known.
    init(
        id: Int, uuid: String, serverID: String, kind: Kind, status: Status, sourceHost: String, targetHost: String?,
        oldFlavorID: String?, newFlavorID: String?, projectID: String, userID: String, memory: Progress?, disk: Progress?,
        createdAt: Timestamp, updatedAt: Timestamp
    ) {
        (self.id, self.uuid, self.serverID, self.kind, self.status) = (id, uuid, serverID, kind, status)
        (self.sourceHost, self.targetHost) = (sourceHost, targetHost)
        (self.oldFlavorID, self.newFlavorID) = (oldFlavorID, newFlavorID)
        (self.projectID, self.userID, self.memory, self.disk) = (projectID, userID, memory, disk)
        (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
    }
}
