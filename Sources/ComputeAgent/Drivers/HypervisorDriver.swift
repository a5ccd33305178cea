import ComputeMessages

/// What runs guests on one host. Every method may be repeated: what is done already is success. The agent never has
/// two operations on the same guest under way.
public protocol HypervisorDriver: Sendable {
    /// Connects to the hypervisor; guests that run already are found, not touched.
    /// - Throws: `GuestFailure` when there is no hypervisor to work with.
    func start() async throws

    /// Lets go of the hypervisor; guests run on.
    func stop() async

    /// What the host offers.
    func inventory() async throws -> HypervisorInventory

    /// All guests of ours, and no others.
    func guests() async throws -> [GuestStatus]

    /// One guest of ours; nil when there is none.
    func guest(_ id: String) async throws -> GuestStatus?

    /// Makes the guest run as defined. One that runs already stays as it is; one that is off is defined anew.
    /// - Throws: `GuestFailure`.
    func spawn(_ definition: GuestDefinition) async throws -> GuestStatus

    /// Defines the guest without letting it run. One that runs already stays as it is.
    /// - Throws: `GuestFailure`.
    func define(_ definition: GuestDefinition) async throws -> GuestStatus

    /// Asks the guest to shut down by itself, as its power button would.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func requestShutdown(_ id: String) async throws

    /// Turns the guest off at once, and forgets memory that `suspend` wrote; its definition stays.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func powerOff(_ id: String) async throws

    /// Turns the guest off and forgets it. An unknown guest is success.
    func destroy(_ id: String) async throws

    /// The end of what the guest wrote to its serial console, at most so many bytes; nil when there is no such guest.
    func console(_ id: String, maximumBytes: Int) async throws -> String?

    /// The ids of guests whose power changes from now on, by whatever cause. One consumer at a time: a new stream
    /// ends the one before.
    func events() -> AsyncStream<String>

    // MARK: Power

    /// Holds the guest's processors.
    /// - Throws: `GuestFailure` with `guestNotFound`, or `wrongState` when it is off; so do the next four.
    func pause(_ id: String) async throws

    /// Lets the guest's processors run again.
    func unpause(_ id: String) async throws

    /// Writes the guest's memory to the disk and turns it off.
    func suspend(_ id: String) async throws

    /// Lets a suspended guest go on from the memory that was written.
    func resume(_ id: String) async throws

    /// Sends the guest a non-maskable interrupt.
    func injectInterrupt(_ id: String) async throws

    // MARK: Devices

    /// Whether the guest's interfaces are to take several queues, one for each of its processors.
    /// - Throws: `GuestFailure` for properties that no machine has.
    func wantsQueues(_ guest: GuestSpecification) throws -> Bool

    /// Plugs an interface into a guest that runs. One that is off gets it when it is defined anew.
    func attach(_ device: GuestDevice, to guest: GuestSpecification) async throws

    /// Takes the interface with this MAC address out of a guest that runs, and waits until the guest lets go of it.
    /// - Throws: `GuestFailure` with `guestUnresponsive` when it doesn't.
    func detachInterface(mac: String, from guest: GuestSpecification) async throws

    /// Plugs a volume into a guest.
    /// - Returns: the device's name, such as "vdb".
    /// - Throws: `GuestFailure` with `volumeUnavailable`.
    func attach(_ volume: GuestVolume, to guest: GuestSpecification) async throws -> String

    /// Takes a volume out of a guest, and waits until the guest lets go of it.
    /// - Throws: `GuestFailure` with `guestUnresponsive` when it doesn't.
    func detachVolume(_ volumeID: String, from guest: GuestSpecification) async throws

    /// Tells a guest that its volume has so many bytes now.
    func extendVolume(_ volumeID: String, of id: String, bytes: Int) async throws

    /// Copies a volume of a running guest onto another and puts that in its place.
    func swapVolume(_ oldID: String, for volume: GuestVolume, in guest: GuestSpecification) async throws

    /// Makes ready what the guest's volumes need on this host before it goes on or comes here: what unlocks them.
    /// - Throws: `GuestFailure` with `volumeUnavailable`.
    func prepareVolumes(of guest: GuestSpecification) async throws

    /// Writes a copy of a volume of a running guest, as it is at this moment, somewhere else, from the beginning.
    /// - Throws: `GuestFailure` with `volumeUnavailable`, `unsupported`.
    func copyVolume(_ volumeID: String, of id: String, to target: GuestVolume.Connection) async throws

    /// Writes a copy of a disk of a running guest, as it is at this moment, into a qcow2 file that is made for it. The guest runs on.
    /// - Parameters:
    ///   - path: the disk's own file.
    ///   - begun: runs once the moment is over of which the copy will tell.
    /// - Throws: `GuestFailure` with `unsupported` where that can't be done, and what `begun` throws.
    func copyDisk(_ path: String, of id: String, into file: String, begun: @escaping @Sendable () async throws -> Void) async throws

    /// Has a running guest write a volume into another file from now on, which stands beside the volume's own and on it.
    /// - Throws: `GuestFailure` with `volumeUnavailable`, `unsupported`.
    func snapshotVolume(_ volumeID: String, of id: String, into file: String) async throws

    /// Takes what is in files under the one that a running guest writes to elsewhere: of `file` into `target`, or without a target of all
    /// that is above `file` into the one that is written.
    /// - Throws: `GuestFailure` with `volumeUnavailable`, `unsupported`.
    func mergeVolume(_ volumeID: String, of id: String, file: String?, into target: String?) async throws

    /// The volumes that guests have, by the guests' ids; guests of which that can't be told are absent.
    func volumes() async throws -> [String: [String]]

    // MARK: What a guest says and shows

    /// What the guest has used since it was started.
    /// - Throws: `GuestFailure` with `wrongState` when it is off.
    func diagnostics(_ id: String) async throws -> GuestDiagnostics

    /// What of the host the guest is bound to.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func placement(_ id: String) async throws -> GuestPlacement

    /// Where the guest's screen or serial port can be reached from this host.
    /// - Throws: `GuestFailure` with `unsupported` when it has no such console, `wrongState` when it is off.
    func consoleAddress(_ id: String, _ kind: OpenGuestConsole.Kind) async throws -> GuestConsoleAddress

    /// Sets a user's password by the guest's agent; nil for the guest's administrator.
    /// - Throws: `GuestFailure` with `unsupported` when the guest has no agent.
    func setPassword(_ id: String, user: String?, password: String) async throws

    /// Freezes or thaws the guest's file systems by its agent.
    /// - Throws: `GuestFailure` with `unsupported` when the guest has no agent.
    func quiesce(_ id: String, freeze: Bool) async throws

    // MARK: Live migration

    /// Where a source can send this guest.
    /// - Throws: `GuestFailure` with `unsupported` when the host takes none.
    func prepareArrival(_ guest: GuestSpecification) async throws -> String

    /// Begins to send a running guest; one that is on its way or has got there is success.
    func migrate(_ guest: GuestSpecification, to plan: ArrivalPlan) async throws

    /// How the migration of a guest from here goes.
    func migration(_ id: String) async -> MigrationStatus

    /// Aborts it.
    func abortMigration(_ id: String) async throws

    /// Makes it come to its end.
    func forceCompleteMigration(_ id: String) async throws

    /// Makes the definition of a guest that has come here last.
    func finishArrival(_ definition: GuestDefinition) async throws -> GuestStatus
}
