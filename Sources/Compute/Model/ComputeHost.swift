import CloudCore
import ComputeMessages

/// A host that runs servers: its service and its hypervisor.
struct ComputeHost: Sendable, Hashable {
    /// The service's UUID.
    var serviceID: String
    /// The hypervisor's UUID, which is also its resource provider's.
    var id: String
    var name: String
    var hypervisorType: String
    var hypervisorVersion: Int
    var vcpus: Int
    var memoryMiB: Int
    var diskGiB: Int
    /// The processor's description as JSON text.
    var cpuInfo: String
    var isDisabled: Bool
    var disabledReason: String?
    var isForcedDown: Bool
    /// When its agent last reported.
    var seenAt: Timestamp
    var createdAt: Timestamp
    /// What stands for its service and its hypervisor before microversion 2.53; never given twice.
    var number = 0
    /// What else its agent has told.
    var details = Details()

    /// What a host is beyond its size.
    struct Details: Sendable, Hashable {
        /// The hypervisor's name for the host; nil: the host's own.
        var hypervisorHostName: String?
        /// Where other hosts reach it.
        var address = "127.0.0.1"
        /// What uptime(1) says there; nil where the driver cannot tell.
        var uptime: String?
        /// What it and its driver can do, as standard traits.
        var traits: [String] = []
        /// The kinds of guests it runs, each as architecture, hypervisor type and mode.
        var supportedInstances: [[String]] = []
        /// How much of the disk is in use, in GiB; nil where it was not told.
        var usedDiskGiB: Int?
        /// The NUMA cells, for guests with a topology of their own.
        var cells: [Cell] = []
        /// The processors that may be given to one guest alone (cpu_dedicated_set), and those of them that are given to none.
        var dedicated: [Int] = []
        var freeDedicated: [Int] = []
        /// How many processors guests share; nil for all.
        var sharedProcessors: Int?
        /// How many devices that one guest alone may have are free, by the names that flavors use.
        var freeDevices: [String: Int] = [:]
    }

    /// A NUMA cell of a host.
    struct Cell: Sendable, Hashable {
        var id: Int
        var processors: [Int]
        var memoryMiB: Int
        /// How many pages there are, by their size in KiB.
        var hugePages: [Int: Int] = [:]
    }

    /// The name under which the API has the hypervisor (hypervisor_hostname).
    var hypervisorHostName: String { details.hypervisorHostName ?? name }

    /// The state that decides whether servers may go there, without the moment of the last report.
    func isUp(after downTime: Duration, now: Timestamp = .now) -> Bool { !isForcedDown && seenAt + downTime > now }
}

/// A host's status as servers tell it (`host_status`, from microversion 2.16 on).
enum HostStatus: String, Sendable {
    /// Its agent reports.
    case up = "UP"
    /// Its agent has been silent for too long.
    case unknown = "UNKNOWN"
    /// Somebody said that it is down.
    case down = "DOWN"
    /// Its service is disabled.
    case maintenance = "MAINTENANCE"
}

extension ComputeHost {
    /// What servers tell of it. What somebody decided comes before what its agent says, as upstream has it.
    func status(after downTime: Duration, now: Timestamp = .now) -> HostStatus {
        if isForcedDown { return .down }
        if isDisabled { return .maintenance }
        return isUp(after: downTime, now: now) ? .up : .unknown
    }
}

/// Traits of hosts that compute itself gives and takes.
public enum HostTrait {
    /// The host's service is disabled, so that nothing new may go there.
    public static let disabled = "COMPUTE_STATUS_DISABLED"
}

extension ComputeHost.Details {
    /// The details as their column holds them.
    var json: JSON {
        var object: JSONObject = ["address": .string(address), "traits": .array(traits.map { .string($0) })]
        if let hypervisorHostName { object["hypervisor_hostname"] = .string(hypervisorHostName) }
        if let usedDiskGiB { object["used_disk"] = .int(usedDiskGiB) }
        object["supported"] = .array(supportedInstances.map { .array($0.map { .string($0) }) })
        object["cells"] = .array(cells.map(\.json))
        if !dedicated.isEmpty {
            object["dedicated"] = .string(ProcessorMask.text(dedicated))
            object["free_dedicated"] = .string(ProcessorMask.text(freeDedicated))
        }
        if let sharedProcessors { object["shared"] = .int(sharedProcessors) }
        if !freeDevices.isEmpty {
            var devices = JSONObject()
            for (name, count) in freeDevices.sorted(by: { $0.key < $1.key }) { devices[name] = .int(count) }
            object["free_devices"] = .object(devices)
        }
        return .object(object)
    }

    /// The details of a host's row.
    init(_ json: JSON, uptime: String?) {
        hypervisorHostName = json["hypervisor_hostname"]?.string
        address = json["address"]?.string ?? "127.0.0.1"
        self.uptime = uptime
        traits = json["traits"]?.array?.compactMap(\.string) ?? []
        supportedInstances = json["supported"]?.array?.map { $0.array?.compactMap(\.string) ?? [] } ?? []
        usedDiskGiB = json["used_disk"]?.int
        cells = json["cells"]?.array?.map(ComputeHost.Cell.init) ?? []
        dedicated = Self.processors(json["dedicated"])
        freeDedicated = Self.processors(json["free_dedicated"])
        sharedProcessors = json["shared"]?.int
        for (name, value) in json["free_devices"]?.object ?? [:] { freeDevices[name] = value.int }
    }

    private static func processors(_ json: JSON?) -> [Int] {
        (json?.string).map { ProcessorMask.processors($0, count: HostInventory.maximumProcessors).sorted() } ?? []
    }
}

extension ComputeHost.Cell {
    fileprivate var json: JSON {
        var pages = JSONObject()
        for (size, count) in hugePages.sorted(by: { $0.key < $1.key }) { pages[String(size)] = .int(count) }
        return [
            "id": .int(id), "processors": .array(processors.map { .int($0) }), "memory": .int(memoryMiB), "pages": .object(pages),
        ]
    }

    fileprivate init(_ json: JSON) {
        id = json["id"]?.int ?? 0
        processors = json["processors"]?.array?.compactMap(\.int) ?? []
        memoryMiB = json["memory"]?.int ?? 0
        for (name, value) in json["pages"]?.object ?? [:] { if let size = Int(name) { hugePages[size] = value.int } }
    }
}
