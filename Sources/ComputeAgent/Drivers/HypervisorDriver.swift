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

    /// Asks the guest to shut down by itself, as its power button would.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func requestShutdown(_ id: String) async throws

    /// Turns the guest off at once; its definition stays.
    /// - Throws: `GuestFailure` with `guestNotFound`.
    func powerOff(_ id: String) async throws

    /// Turns the guest off and forgets it. An unknown guest is success.
    func destroy(_ id: String) async throws

    /// The end of what the guest wrote to its serial console, at most so many bytes; nil when there is no such guest.
    func console(_ id: String, maximumBytes: Int) async throws -> String?

    /// The ids of guests whose power changes from now on, by whatever cause. One consumer at a time: a new stream
    /// ends the one before.
    func events() -> AsyncStream<String>
}

/// Everything a driver needs to run a guest on this host.
public struct GuestDefinition: Sendable, Hashable {
    /// What was asked for.
    public var guest: GuestSpecification
    /// Its disks on this host.
    public var disks: GuestDisks
    /// Its interfaces on this host, in order.
    public var interfaces: [GuestDevice]

    /// A definition.
    public init(guest: GuestSpecification, disks: GuestDisks, interfaces: [GuestDevice]) {
        (self.guest, self.disks, self.interfaces) = (guest, disks, interfaces)
    }
}

/// A guest's files on a host.
public struct GuestDisks: Sendable, Hashable {
    /// A disk.
    public struct Disk: Sendable, Hashable {
        /// Its file.
        public var path: String
        /// Its format: qcow2 or raw.
        public var format: String

        /// A disk.
        public init(path: String, format: String) { (self.path, self.format) = (path, format) }
    }

    /// The root disk.
    public var root: Disk
    /// The ephemeral disk, if the flavor has one.
    public var ephemeral: Disk?
    /// The swap disk, if the flavor has one.
    public var swap: Disk?
    /// The file that keeps what the serial console prints.
    public var console: String

    /// A guest's files.
    public init(root: Disk, ephemeral: Disk? = nil, swap: Disk? = nil, console: String) {
        (self.root, self.ephemeral, self.swap, self.console) = (root, ephemeral, swap, console)
    }
}

/// A guest's interface as it is plugged on a host.
public struct GuestDevice: Sendable, Hashable {
    /// What was asked for.
    public var interface: GuestInterface
    /// The tap device that the hypervisor opens.
    public var device: String
    /// Whether the guest may leave checksums and segmentation to the host.
    public var offload: Bool

    /// A plugged interface.
    public init(interface: GuestInterface, device: String, offload: Bool) {
        (self.interface, self.device, self.offload) = (interface, device, offload)
    }
}

/// What a hypervisor says about itself and its host.
public struct HypervisorInventory: Sendable, Hashable {
    /// The kind as Nova names it: QEMU, KVM, fake.
    public var type: String
    /// The version as a number, such as 7002022.
    public var version: Int
    /// Processors.
    public var vcpus: Int
    /// Memory in MiB.
    public var memoryMiB: Int
    /// The processor's description as JSON text (Nova's cpu_info).
    public var cpuInfo: String

    /// An inventory.
    public init(type: String, version: Int, vcpus: Int, memoryMiB: Int, cpuInfo: String) {
        (self.type, self.version, self.vcpus) = (type, version, vcpus)
        (self.memoryMiB, self.cpuInfo) = (memoryMiB, cpuInfo)
    }
}
