import CloudBus

/// The first step of a live migration, on the target: plugs the interfaces, brings the image the root disk lies on, and
/// makes empty disks where they are not shared. A repeat is success. Undone by `CancelArrival`. Fails with
/// `unsupported` when this host could not run the guest.
public struct PrepareArrival: BusRequest {
    public typealias Reply = ArrivalPlan
    public static let method = "migration.prepare"
    /// The guest.
    public var guest: GuestSpecification
    /// Where it comes from.
    public var sourceHost: String
    /// Whether its disks are copied; nil lets the host decide by whether it sees the source's.
    public var block: Bool?

    /// A preparation.
    public init(guest: GuestSpecification, sourceHost: String, block: Bool? = nil) {
        (self.guest, self.sourceHost, self.block) = (guest, sourceHost, block)
    }
}

/// What the source must know of the target.
public struct ArrivalPlan: Codable, Sendable, Hashable {
    /// The target.
    public var host: String
    /// Where the target's hypervisor takes guests, in the driver's own words.
    public var address: String
    /// Whether disks are copied.
    public var block: Bool
    /// The disks to copy and their sizes in bytes, by name.
    public var disks: [String: Int]
    /// The target's tap device of each port.
    public var devices: [String: String]

    /// A plan.
    public init(host: String, address: String, block: Bool, disks: [String: Int] = [:], devices: [String: String] = [:]) {
        (self.host, self.address, self.block, self.disks, self.devices) = (host, address, block, disks, devices)
    }
}

/// The second step, on the source: begins to move the running guest and answers at once. A repeat while it is on its
/// way, or has got there, is success. How it goes is asked by `MigrationProgress`. Fails with `guest_not_found`,
/// `wrong_state` when it doesn't run, `unsupported`.
public struct LiveMigrate: BusRequest {
    public typealias Reply = MigrationStatus
    public static let method = "migration.begin"
    /// The guest.
    public var guest: GuestSpecification
    /// What the target answered.
    public var arrival: ArrivalPlan

    /// A migration.
    public init(guest: GuestSpecification, arrival: ArrivalPlan) { (self.guest, self.arrival) = (guest, arrival) }
}

/// How a live migration goes.
public struct MigrationStatus: Codable, Sendable, Hashable {
    /// What has become of it.
    public enum State: String, Codable, Sendable {
        /// No migration of this guest is known here: it was never begun, or the agent was restarted. Which host has
        /// the guest is what counts then.
        case none
        /// It is on its way.
        case running
        /// The guest runs on the target; the source has only its files and interfaces left.
        case completed
        /// It failed, and the guest is where it was.
        case failed
        /// It was aborted, and the guest is where it was.
        case cancelled
    }

    /// What has become of it.
    public var state: State
    /// Why it failed, for people.
    public var message: String?
    /// All of its memory in bytes.
    public var memoryTotal: Int
    /// How much of it was sent, in bytes.
    public var memoryProcessed: Int
    /// How much is left to be sent, in bytes.
    public var memoryRemaining: Int
    /// All of the disks to copy, in bytes.
    public var diskTotal: Int
    /// How much of them was sent, in bytes.
    public var diskProcessed: Int
    /// How much is left to be sent, in bytes.
    public var diskRemaining: Int
    /// How long it has been on its way, in milliseconds.
    public var elapsedMilliseconds: Int

    /// A status.
    public init(
        state: State, message: String? = nil, memoryTotal: Int = 0, memoryProcessed: Int = 0, memoryRemaining: Int = 0,
        diskTotal: Int = 0, diskProcessed: Int = 0, diskRemaining: Int = 0, elapsedMilliseconds: Int = 0
    ) {
        (self.state, self.message, self.elapsedMilliseconds) = (state, message, elapsedMilliseconds)
        (self.memoryTotal, self.memoryProcessed, self.memoryRemaining) = (memoryTotal, memoryProcessed, memoryRemaining)
        (self.diskTotal, self.diskProcessed, self.diskRemaining) = (diskTotal, diskProcessed, diskRemaining)
    }
}

/// Asks how a guest's live migration goes, on the source.
public struct MigrationProgress: BusRequest {
    public typealias Reply = MigrationStatus
    public static let method = "migration.progress"
    /// The server's UUID.
    public var id: String
    /// How long to wait for its end before answering that it still runs, in milliseconds; zero not to wait.
    public var waitMilliseconds: Int

    /// A question.
    public init(id: String, waitMilliseconds: Int = 0) { (self.id, self.waitMilliseconds) = (id, waitMilliseconds) }
}

/// Aborts a guest's live migration, on the source. Answers what became of it, which may be that it had got there.
public struct AbortMigration: BusRequest {
    public typealias Reply = MigrationStatus
    public static let method = "migration.abort"
    /// The server's UUID.
    public var id: String

    /// An abortion.
    public init(id: String) { self.id = id }
}

/// Makes a live migration come to its end: by going on at the target before all memory is there where that is
/// possible, else by holding the guest until it has moved. On the source; answers at once.
public struct ForceCompleteMigration: BusRequest {
    public typealias Reply = MigrationStatus
    public static let method = "migration.force-complete"
    /// The server's UUID.
    public var id: String

    /// A demand.
    public init(id: String) { self.id = id }
}

/// The step after a completed migration, on the target: makes the guest's definition last. A repeat is success.
public struct FinishArrival: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "migration.finish-arrival"
    /// The guest.
    public var guest: GuestSpecification

    /// An end.
    public init(guest: GuestSpecification) { self.guest = guest }
}

/// The last step, on the source: unplugs the interfaces, and deletes definition and disks that are not shared. A
/// repeat, or an unknown guest, is success; a guest that runs here is left alone and fails with `wrong_state`.
public struct FinishDeparture: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "migration.finish-departure"
    /// The server's UUID.
    public var id: String
    /// The ports to unplug.
    public var portIDs: [String]

    /// An end.
    public init(id: String, portIDs: [String]) { (self.id, self.portIDs) = (id, portIDs) }
}

/// Takes back what `PrepareArrival` made, on the target. A repeat, or an unknown guest, is success; a guest that runs
/// here is left alone and fails with `wrong_state`.
public struct CancelArrival: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "migration.cancel-arrival"
    /// The server's UUID.
    public var id: String
    /// The ports to unplug.
    public var portIDs: [String]

    /// A cancellation.
    public init(id: String, portIDs: [String]) { (self.id, self.portIDs) = (id, portIDs) }
}
