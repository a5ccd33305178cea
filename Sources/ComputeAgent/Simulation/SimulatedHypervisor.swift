import CloudCore
import ComputeMessages
import Foundation
import HostCommands
import Synchronization

/// A host that runs guests in its mind only: the same answers, faults and delays to order, no machine touched. Many
/// of them live in one process. It stands in for the disks as well.
public final class SimulatedHypervisor: HypervisorDriver, GuestDiskStore {
    /// The size and pace of a simulated host.
    public struct Options: Sendable {
        /// Processors.
        public var vcpus = 64
        /// Which of them are for one guest alone, and which are shared.
        public var processors = ProcessorSets()
        /// Which devices guests may have to themselves: two of each product that is named.
        public var pci = PCIDevices()
        /// Memory in MiB.
        public var memoryMiB = 256 * 1024
        /// Disk in GiB.
        public var diskGiB = 4096
        /// How long operations take; those not listed take no time.
        public var latencies: [SimulatedHostOperation: ClosedRange<Duration>] = [:]
        /// What the latencies are drawn by: equal seeds give equal draws.
        public var seed: UInt64 = 1
        /// How long a guest's memory takes to move to another host.
        public var migrationDuration: Duration = .milliseconds(50)
        /// A folder in which guests outlive the program, as real ones do; nil to forget them with it.
        public var directory: String?
        /// Whether copying a root disk takes long, so that it is done beside the guest's life.
        public var copiesSlowly = false
        /// Copies what a volume holds to another that a guest goes over to; nil where volumes hold nothing.
        public var copyVolume: (@Sendable (GuestVolume.Connection, GuestVolume.Connection) async throws -> Void)?

        /// A large host without delays.
        public init() {}
    }

    /// The faults ordered for this host.
    public let faults = SimulatedHostFaults()
    let options: Options
    let guests = Mutex<[String: SimulatedGuest]>([:])
    let migrations = Mutex<[String: SimulatedMigration]>([:])
    let captures = Mutex<[String: SimulatedGuest]>([:])
    let images = Mutex<Set<String>>([])
    let screens = Mutex<[String: [OpenGuestConsole.Kind: SimulatedScreen]]>([:])
    /// How often the host was booted, and what the agent noted of it.
    let boot = Mutex<(number: Int, noted: String?)>((1, nil))
    private let bell = GuestBell()
    private let journal: SimulatedGuestJournal?
    /// Where other simulated hosts send guests. Hosts with a folder are found again after a restart.
    let address: String
    /// How long the host has been up.
    let startedAt = ContinuousClock.now

    /// A host.
    public init(options: Options = Options()) {
        self.options = options
        journal = options.directory.map(SimulatedGuestJournal.init)
        address = "simulated:" + (options.directory ?? Identifier.uuid())
        SimulatedHosts.register(self)
    }

    /// The ids of guests whose power changes from now on.
    public func events() -> AsyncStream<String> { bell.stream() }

    /// Finds the guests that outlived the last program, if there is a folder for that.
    public func start() async throws {
        guard let journal else { return }
        do {
            try guests.withLock { $0 = try journal.load() }
        } catch {
            throw GuestFailure(.hypervisorError, "The simulated host's guests cannot be read from \(options.directory ?? "").", cause: error)
        }
    }

    /// Breaks off migrations; guests stay where they are.
    public func stop() async {
        let running = migrations.withLock { migrations in
            defer { migrations = [:] }
            return Array(migrations.values)
        }
        for migration in running { migration.task?.cancel() }
        let open = screens.withLock { screens in
            defer { screens = [:] }
            return screens.values.flatMap(\.values)
        }
        for screen in open { screen.close() }
    }

    /// What the options say.
    public func inventory() async throws -> HypervisorInventory {
        try await perform(.inventory, on: "") {
            var inventory = HypervisorInventory(
                type: "fake", version: 1_000, vcpus: options.vcpus, memoryMiB: options.memoryMiB,
                cpuInfo: #"{"arch":"x86_64","model":"simulated","vendor":"Altostack","features":[],"#
                    + #""topology":{"cells":1,"sockets":1,"cores":\#(options.vcpus),"threads":1}}"#)
            let here = guests.withLock { $0.values.filter(\.isDefined).map(\.specification) }
            inventory.usedMemoryMiB = here.reduce(0) { $0 + $1.memoryMiB }
            inventory.usedVCPUs = here.reduce(0) { $0 + $1.vcpus }
            inventory.uptime = HostFacts.uptime(seconds: Int((ContinuousClock.now - startedAt).components.seconds), load: "0.00, 0.00, 0.00")
            inventory.cells = [.init(id: 0, processors: Array(0..<options.vcpus), memoryMiB: options.memoryMiB)]
            inventory.traits = DriverTraits.simulated
            inventory.machineTypes = ["pc", "q35"]
            inventory.supportedInstances = [["x86_64", "fake", "hvm"]]
            inventory.bootID = "\(boot.withLock { $0.number })"
            inventory.dedicatedProcessors = options.processors.dedicated(of: Array(0..<options.vcpus))
            inventory.sharedProcessors = options.processors.shared(of: Array(0..<options.vcpus))
            inventory.freeDevices = options.pci.counts(guests.withLock { freeDevices(beside: $0) })
            let taken = guests.withLock { Self.pins(of: $0) }
            inventory.freeDedicatedProcessors = inventory.dedicatedProcessors.filter { !taken.contains($0) }
            return inventory
        }
    }

    /// The guests that were spawned.
    public func guests() async throws -> [GuestStatus] {
        try await perform(.list, on: "") {
            guests.withLock { $0.values.filter(\.isDefined).map { GuestStatus(id: $0.specification.id, power: $0.power) } }
                .sorted { $0.id < $1.id }
        }
    }

    /// One guest that was spawned.
    public func guest(_ id: String) async throws -> GuestStatus? {
        try await perform(.status, on: id) {
            guests.withLock { $0[id] }.flatMap { $0.isDefined ? GuestStatus(id: id, power: $0.power) : nil }
        }
    }

    /// Lets a guest run, unless it does.
    public func spawn(_ definition: GuestDefinition) async throws -> GuestStatus {
        try await perform(.spawn, on: definition.guest.id) {
            try checkLimits(of: definition.guest)
            try pin(definition.guest)
            try pass(definition.guest)
            try change(definition.guest.id, creating: definition.guest) { guest in
                guard !guest.power.isOn else { return }
                (guest.specification, guest.isDefined) = (definition.guest, true)
                guest.boot()
            }
            return try current(definition.guest.id)
        }
    }

    /// Defines a guest that is off.
    public func define(_ definition: GuestDefinition) async throws -> GuestStatus {
        try await perform(.spawn, on: definition.guest.id) {
            try checkLimits(of: definition.guest)
            try pin(definition.guest)
            try pass(definition.guest)
            try change(definition.guest.id, creating: definition.guest) { guest in
                guard !guest.power.isOn else { return }
                (guest.specification, guest.isDefined, guest.power) = (definition.guest, true, .shutdown)
            }
            return try current(definition.guest.id)
        }
    }

    private func current(_ id: String) throws -> GuestStatus { GuestStatus(id: id, power: try existing(id).power) }

    /// Shuts a guest down at once.
    public func requestShutdown(_ id: String) async throws {
        try await perform(.shutdown, on: id) { try turnOff(id, into: .shutdown) }
    }

    /// Turns a guest off.
    public func powerOff(_ id: String) async throws {
        try await perform(.powerOff, on: id) {
            try turnOff(id, into: .shutdown)
            // Memory that was written is lost with the power.
            try change(id) { guest in if guest.power == .suspended { guest.power = .shutdown } }
        }
    }

    /// Forgets a guest but for its disks.
    public func destroy(_ id: String) async throws {
        try await perform(.destroy, on: id) {
            guard guests.withLock({ $0[id]?.isDefined }) == true else { return }
            try change(id) { guest in
                (guest.isDefined, guest.power, guest.boots) = (false, .shutdown, 0)
                (guest.pins, guest.devices) = (nil, nil)
            }
        }
    }

    /// What a small Linux would have printed.
    public func console(_ id: String, maximumBytes: Int) async throws -> String? {
        try await perform(.console, on: id) {
            guests.withLock { $0[id] }.flatMap { $0.isDefined ? String(decoding: $0.console.utf8.suffix(maximumBytes), as: UTF8.self) : nil }
        }
    }

    // MARK: Processors

    /// Gives a guest that is off the processors that it is to have to itself.
    private func pin(_ guest: GuestSpecification) throws {
        // Other properties of the machine are none of a simulation's business.
        guard ["dedicated", "mixed"].contains(guest.properties["hw:cpu_policy"] ?? guest.properties["hw_cpu_policy"]) else {
            return guests.withLock { if $0[guest.id]?.power.isOn == false { $0[guest.id]?.pins = nil } }
        }
        let layout = try MachineLayout(PropertyReader(guest.properties))
        let all = Array(0..<options.vcpus)
        let dedicated = options.processors.dedicated(of: all)
        let shared = options.processors.shared(of: all) ?? all
        try guests.withLock { guests in
            guard guests[guest.id]?.power.isOn != true else { return }
            let taken = Self.pins(of: guests.filter { $0.key != guest.id })
            let cells = try layout.cells(vcpus: guest.vcpus, memoryMiB: guest.memoryMiB)
            let host = HostCell(
                id: 0, memoryMiB: options.memoryMiB, dedicated: dedicated.filter { !taken.contains($0) }, shared: shared)
            let pins = try ProcessorPins(layout, vcpus: guest.vcpus, memoryMiB: guest.memoryMiB, cells: cells, host: [host])
            guests[guest.id, default: SimulatedGuest(specification: guest)].pins = pins
        }
    }

    /// What a guest was given.
    public func placement(_ id: String) async throws -> GuestPlacement {
        try await perform(.diagnostics, on: id) {
            let pins = try existing(id).pins
            return GuestPlacement(processors: pins?.processors ?? [:], cells: pins?.cells ?? [:])
        }
    }

    /// Gives a guest that is off the devices that it is to have to itself.
    private func pass(_ guest: GuestSpecification) throws {
        guard !options.pci.offered.isEmpty || guest.properties[DeviceAliases.property] != nil else { return }
        try guests.withLock { guests in
            guard guests[guest.id]?.power.isOn != true else { return }
            let chosen = try options.pci.choose(for: guest.properties, from: freeDevices(beside: guests.filter { $0.key != guest.id }))
            guests[guest.id, default: SimulatedGuest(specification: guest)].devices = chosen
        }
    }

    private func freeDevices(beside guests: [String: SimulatedGuest]) -> [PCIDevice] {
        let taken = Set(guests.values.flatMap { $0.devices ?? [] })
        return options.pci.simulated().filter { !taken.contains($0) }
    }

    private static func pins(of guests: [String: SimulatedGuest]) -> Set<Int> {
        guests.values.reduce(into: []) { $0.formUnion($1.pins?.all ?? []) }
    }

    // MARK: What only a simulation can do

    /// Lets a guest crash.
    public func crash(_ id: String) throws { try turnOff(id, into: .crashed) }

    /// Turns every guest off at once, as when the host loses power and is booted anew.
    public func losePower() throws {
        boot.withLock { $0.number += 1 }
        for id in guests.withLock({ $0.values.filter { $0.power.isOn }.map(\.specification.id) }) { try turnOff(id, into: .shutdown) }
    }

    // MARK: Parts

    /// A guest that was spawned.
    func existing(_ id: String) throws -> SimulatedGuest {
        guard let guest = guests.withLock({ $0[id] }), guest.isDefined else { throw GuestFailure.notFound(id) }
        return guest
    }

    private func turnOff(_ id: String, into power: PowerState) throws {
        _ = try existing(id)
        try change(id) { guest in if guest.power.isOn { guest.power = power } }
    }

    /// Changes a guest, on disk too, and rings the bell when its power is another.
    func change(
        _ id: String, creating specification: GuestSpecification? = nil, _ body: (inout SimulatedGuest) -> Void
    ) throws {
        let (before, after) = try guests.withLock { guests -> (SimulatedGuest?, SimulatedGuest?) in
            let before = guests[id]
            guard var guest = before ?? specification.map({ SimulatedGuest(specification: $0) }) else { return (nil, nil) }
            body(&guest)
            guests[id] = guest
            try journal?.note(id, of: guests)
            return (before, guest)
        }
        guard let after else { return }
        if !after.power.isOn {
            for screen in screens.withLock({ $0.removeValue(forKey: id) ?? [:] }).values { screen.close() }
        }
        if before?.power != after.power, before != nil || after.power.isOn { bell.ring(id) }
    }

    /// Forgets what is known under a name, on disk too.
    func forget(_ id: String) throws {
        try guests.withLock { guests in
            if guests.removeValue(forKey: id) != nil { try journal?.note(id, of: guests) }
        }
    }

    func perform<Value>(
        _ operation: SimulatedHostOperation, on id: String, _ body: () throws -> Value
    ) async throws -> Value {
        let effect = faults.strike(operation)
        if let latency = latency(of: operation, on: id) { try await Task.sleep(for: latency) }
        switch effect {
        case .fail(let code, let message): throw GuestFailure(code, message)
        case .failAfterwards(let code, let message):
            _ = try body()
            throw GuestFailure(code, message)
        case .hang: try await Task.sleep(for: .seconds(365 * 86400))
        case .delay(let duration): try await Task.sleep(for: duration)
        case nil: break
        }
        return try body()
    }

    /// Drawn by seed, guest and operation rather than in sequence, so that concurrency doesn't change it.
    func latency(of operation: SimulatedHostOperation, on id: String) -> Duration? {
        guard let range = options.latencies[operation] else { return nil }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ options.seed
        for byte in (operation.rawValue + id).utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Neighbouring ids differ in few bits; this spreads them (the finaliser of SplitMix64).
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        hash ^= hash >> 31
        return range.lowerBound + (range.upperBound - range.lowerBound) * (Double(hash & 0xffff) / 65535)
    }
}
