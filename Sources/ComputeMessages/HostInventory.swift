/// What a compute host has to offer.
public struct HostInventory: Codable, Sendable, Hashable {
    /// A NUMA cell.
    public struct Cell: Codable, Sendable, Hashable {
        /// Its number.
        public var id: Int
        /// Its processors' numbers.
        public var processors: [Int]
        /// Its memory in MiB.
        public var memoryMiB: Int
        /// How many pages of each size in KiB it has set aside; 4 KiB pages are not among them.
        public var hugePages: [Int: Int]

        /// A cell.
        public init(id: Int, processors: [Int], memoryMiB: Int, hugePages: [Int: Int] = [:]) {
            (self.id, self.processors, self.memoryMiB, self.hugePages) = (id, processors, memoryMiB, hugePages)
        }
    }

    /// The host's name.
    public var host: String
    /// The hypervisor's kind as Nova names it, such as "QEMU" or "fake".
    public var hypervisorType: String
    /// The hypervisor's version as a number, such as 7002022.
    public var hypervisorVersion: Int
    /// Processors.
    public var vcpus: Int
    /// Memory in MiB.
    public var memoryMiB: Int
    /// Disk for guests in GiB.
    public var diskGiB: Int
    /// The processor's description as JSON text (Nova's cpu_info).
    public var cpuInfo: String
    /// The name that the hypervisor has for the host (hypervisor_hostname).
    public var hypervisorHostName: String
    /// The host's address for other hosts and consoles.
    public var hostAddress: String
    /// What uptime(1) prints on the host; nil where the driver can't say.
    public var uptime: String?
    /// Memory in use in MiB, by the host itself and its guests.
    public var usedMemoryMiB: Int
    /// Disk in use in GiB.
    public var usedDiskGiB: Int
    /// Processors given to guests that are there.
    public var usedVCPUs: Int
    /// Its NUMA cells.
    public var cells: [Cell]
    /// Standard traits of the processor and of what the driver can do (HW_CPU_…, COMPUTE_…), sorted.
    public var traits: [String]
    /// The guests' architecture, such as "x86_64".
    public var architecture: String
    /// The machine types that can be emulated, sorted.
    public var machineTypes: [String]
    /// The kinds of guests it can run, each [architecture, hypervisor type, mode] (Nova's supported_instances).
    public var supportedInstances: [[String]]
    /// What tells one boot of the host from another; empty where it can't be told.
    public var bootID: String
    /// The processors that may be given to one guest alone.
    public var dedicatedProcessors: [Int] = []
    /// Those of them that are given to none.
    public var freeDedicatedProcessors: [Int] = []
    /// The processors that guests share; nil for all.
    public var sharedProcessors: [Int]?
    /// How many devices that one guest alone may have are free, by the names that flavors use.
    public var freeDevices: [String: Int] = [:]

    /// The most processors that a host is believed to have.
    public static let maximumProcessors = 4096

    /// An inventory.
    public init(
        host: String, hypervisorType: String, hypervisorVersion: Int, vcpus: Int, memoryMiB: Int, diskGiB: Int, cpuInfo: String,
        hypervisorHostName: String? = nil, hostAddress: String = "127.0.0.1", uptime: String? = nil, usedMemoryMiB: Int = 0,
        usedDiskGiB: Int = 0, usedVCPUs: Int = 0, cells: [Cell] = [], traits: [String] = [], architecture: String = "x86_64",
        machineTypes: [String] = [], supportedInstances: [[String]] = [], bootID: String = ""
    ) {
        (self.host, self.hypervisorType, self.hypervisorVersion) = (host, hypervisorType, hypervisorVersion)
        (self.vcpus, self.memoryMiB, self.diskGiB, self.cpuInfo) = (vcpus, memoryMiB, diskGiB, cpuInfo)
        (self.hypervisorHostName, self.hostAddress, self.uptime) = (hypervisorHostName ?? host, hostAddress, uptime)
        (self.usedMemoryMiB, self.usedDiskGiB, self.usedVCPUs) = (usedMemoryMiB, usedDiskGiB, usedVCPUs)
        (self.cells, self.traits, self.architecture, self.machineTypes) = (cells, traits, architecture, machineTypes)
        (self.supportedInstances, self.bootID) = (supportedInstances, bootID)
    }
}
