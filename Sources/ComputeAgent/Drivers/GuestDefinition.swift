import ComputeMessages

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

    /// The root disk; nil for a guest that boots from a volume.
    public var root: Disk?
    /// The disk to boot from while the guest is rescued; the root disk is then the second.
    public var rescue: Disk?
    /// The drive with its metadata, if it has one.
    public var configDrive: Disk?
    /// The ephemeral disks in order.
    public var ephemerals: [Disk]
    /// The swap disk, if the flavor has one.
    public var swap: Disk?
    /// The file that keeps what the serial console prints.
    public var console: String

    /// A guest's files.
    public init(
        root: Disk?, rescue: Disk? = nil, ephemerals: [Disk] = [], swap: Disk? = nil, configDrive: Disk? = nil, console: String
    ) {
        (self.root, self.rescue, self.configDrive) = (root, rescue, configDrive)
        (self.ephemerals, self.swap, self.console) = (ephemerals, swap, console)
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
    /// Whether the device takes several queues, and must then have them.
    public var hasQueues: Bool

    /// A plugged interface.
    public init(interface: GuestInterface, device: String, offload: Bool, hasQueues: Bool = false) {
        (self.interface, self.device, self.offload, self.hasQueues) = (interface, device, offload, hasQueues)
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
    /// The name that the hypervisor has for the host; nil for the host's own.
    public var hostName: String?
    /// What uptime(1) prints; nil where it can't be said.
    public var uptime: String?
    /// Memory in use in MiB.
    public var usedMemoryMiB = 0
    /// Processors given to guests.
    public var usedVCPUs = 0
    /// NUMA cells.
    public var cells: [HostInventory.Cell] = []
    /// Standard traits of the processor and of what the driver can do, sorted.
    public var traits: [String] = []
    /// The machine types that can be emulated, sorted.
    public var machineTypes: [String] = []
    /// The kinds of guests, each [architecture, hypervisor type, mode].
    public var supportedInstances: [[String]] = []
    /// What tells one boot of the host from another; empty where it can't be told.
    public var bootID = ""
    /// The processors that may be given to one guest alone.
    public var dedicatedProcessors: [Int] = []
    /// Those of them that are given to none.
    public var freeDedicatedProcessors: [Int] = []
    /// The processors that guests share; nil for all.
    public var sharedProcessors: [Int]?
    /// How many devices that one guest alone may have are free, by the names that flavors use.
    public var freeDevices: [String: Int] = [:]

    /// An inventory of the least that every host knows.
    public init(type: String, version: Int, vcpus: Int, memoryMiB: Int, cpuInfo: String) {
        (self.type, self.version, self.vcpus) = (type, version, vcpus)
        (self.memoryMiB, self.cpuInfo) = (memoryMiB, cpuInfo)
    }
}
