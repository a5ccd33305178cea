import CloudBus

/// The topics of compute's messages.
public enum ComputeTopic {
    /// Every host's compute agent.
    public static let agent = "compute-agent"
    /// The controllers, for what agents report.
    public static let controller = "compute-controller"
}

/// Makes the guest and starts it: image from the cache, overlay disk, interfaces plugged, domain defined. A repeat
/// finds what is there and finishes the rest.
public struct SpawnGuest: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.spawn"
    /// The guest.
    public var guest: GuestSpecification

    /// A spawn.
    public init(guest: GuestSpecification) { self.guest = guest }
}

/// Removes the guest, its disks, its console and its interfaces. A repeat, or an unknown guest, is success.
public struct DestroyGuest: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.destroy"
    /// The server's UUID.
    public var id: String
    /// The ports to unplug, known or not.
    public var portIDs: [String]

    /// A removal.
    public init(id: String, portIDs: [String]) { (self.id, self.portIDs) = (id, portIDs) }
}

/// Changes a guest's power. Each action on a guest that is as it asks for is success; fails with `guest_not_found` when
/// there is none, and with `wrong_state` where the guest's power doesn't allow the action.
public struct PowerGuest: BusRequest {
    public typealias Reply = GuestStatus
    public static let method = "guest.power"
    /// What to do.
    public enum Action: Codable, Sendable, Hashable {
        /// Start what is shut down.
        case start
        /// Ask the guest to shut down and, after so many seconds, turn it off.
        case stop(graceSeconds: Int)
        /// Ask the guest to restart and, after so many seconds, reset it.
        case softReboot(graceSeconds: Int)
        /// Turn off and on with a definition made anew. Enters and leaves rescue, as `GuestSpecification.rescue` says.
        case hardReboot
        /// Hold its processors.
        case pause
        /// Let its processors run again.
        case unpause
        /// Write its memory to the host's disk and turn it off.
        case suspend
        /// Go on from what `suspend` wrote. A guest that was shut down is started.
        case resume
        /// Send it a non-maskable interrupt, so that it dumps its memory as it is set up to; it has to run.
        case injectCrashDump
    }
    /// The guest, complete: a hard reboot or a start defines the domain anew.
    public var guest: GuestSpecification
    /// What to do.
    public var action: Action

    /// A change of power.
    public init(guest: GuestSpecification, action: Action) { (self.guest, self.action) = (guest, action) }
}

/// Reads the end of a guest's serial console. Fails with code `guest_not_found` when there is none.
public struct ReadConsole: BusRequest {
    public typealias Reply = String
    public static let method = "guest.console"
    /// The server's UUID.
    public var id: String
    /// How many lines from the end; nil for all that is kept.
    public var lines: Int?

    /// A reading.
    public init(id: String, lines: Int?) { (self.id, self.lines) = (id, lines) }
}

/// Asks which guests of ours are on a host.
public struct ListGuests: BusRequest {
    public typealias Reply = [GuestStatus]
    public static let method = "guest.list"

    /// A question.
    public init() {}
}

/// A compute agent is alive and has this to offer. Sent at start and as a heartbeat; cast to the controllers.
public struct HostReport: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "host.report"
    /// What the host offers.
    public var inventory: HostInventory
    /// The guests on it with their power.
    public var guests: [GuestStatus]

    /// A report.
    public init(inventory: HostInventory, guests: [GuestStatus]) { (self.inventory, self.guests) = (inventory, guests) }
}

/// Asks the controllers for a guest as it shall be: what unlocks its volumes is kept on no host's disk. Fails with `guest_not_found`.
public struct DescribeGuest: BusRequest {
    public typealias Reply = GuestSpecification
    public static let method = "guest.describe"
    /// The host, which must be the server's.
    public var host: String
    /// The server's UUID.
    public var id: String

    /// A question.
    public init(host: String, id: String) { (self.host, self.id) = (host, id) }
}

/// A guest's power changed by itself. Cast to the controllers.
public struct GuestEvent: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "guest.event"
    /// The host.
    public var host: String
    /// The guest now.
    public var status: GuestStatus

    /// An event.
    public init(host: String, status: GuestStatus) { (self.host, self.status) = (host, status) }
}
