import CloudCore
import ComputeMessages
import Foundation
import Synchronization

/// A host that runs guests in its mind only: the same answers, faults and delays to order, no machine touched. Many
/// of them live in one process. It stands in for the disks as well.
public final class SimulatedHypervisor: HypervisorDriver, GuestDiskStore {
    /// The size and pace of a simulated host.
    public struct Options: Sendable {
        /// Processors.
        public var vcpus = 64
        /// Memory in MiB.
        public var memoryMiB = 256 * 1024
        /// Disk in GiB.
        public var diskGiB = 4096
        /// How long operations take; those not listed take no time.
        public var latencies: [SimulatedHostOperation: ClosedRange<Duration>] = [:]
        /// What the latencies are drawn by: equal seeds give equal draws.
        public var seed: UInt64 = 1
        /// A folder in which guests outlive the program, as real ones do; nil to forget them with it.
        public var directory: String?

        /// A large host without delays.
        public init() {}
    }

    /// The faults ordered for this host.
    public let faults = SimulatedHostFaults()
    private let options: Options
    private let guests = Mutex<[String: SimulatedGuest]>([:])
    private let bell = GuestBell()

    /// A host.
    public init(options: Options = Options()) { self.options = options }

    /// The ids of guests whose power changes from now on.
    public func events() -> AsyncStream<String> { bell.stream() }

    /// Finds the guests that outlived the last program, if there is a folder for that.
    public func start() async throws {
        guard let directory = options.directory else { return }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".json") }
            let found = try names.map { name in
                try JSONDecoder().decode(SimulatedGuest.self, from: try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name)))
            }
            guests.withLock { $0 = Dictionary(found.map { ($0.specification.id, $0) }) { _, last in last } }
        } catch {
            throw GuestFailure(.hypervisorError, "The simulated host's folder \(directory) cannot be read.", cause: error)
        }
    }

    /// Nothing to let go of.
    public func stop() async {}

    /// What the options say.
    public func inventory() async throws -> HypervisorInventory {
        try await perform(.inventory, on: "") {
            HypervisorInventory(
                type: "fake", version: 1_000, vcpus: options.vcpus, memoryMiB: options.memoryMiB,
                cpuInfo: #"{"arch":"x86_64","model":"simulated","vendor":"Altostack","features":[],"#
                    + #""topology":{"cells":1,"sockets":1,"cores":\#(options.vcpus),"threads":1}}"#)
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
            try change(definition.guest.id, creating: definition.guest) { guest in
                guard !guest.power.isOn else { return }
                (guest.specification, guest.isDefined, guest.power) = (definition.guest, true, .running)
                guest.boots += 1
                guest.bootedAt = .now
            }
            return GuestStatus(id: definition.guest.id, power: .running)
        }
    }

    /// Shuts a guest down at once.
    public func requestShutdown(_ id: String) async throws {
        try await perform(.shutdown, on: id) { try turnOff(id, into: .shutdown) }
    }

    /// Turns a guest off.
    public func powerOff(_ id: String) async throws {
        try await perform(.powerOff, on: id) { try turnOff(id, into: .shutdown) }
    }

    /// Forgets a guest but for its disks.
    public func destroy(_ id: String) async throws {
        try await perform(.destroy, on: id) {
            guard guests.withLock({ $0[id]?.isDefined }) == true else { return }
            try change(id) { guest in (guest.isDefined, guest.power, guest.boots) = (false, .shutdown, 0) }
        }
    }

    /// What a small Linux would have printed.
    public func console(_ id: String, maximumBytes: Int) async throws -> String? {
        try await perform(.console, on: id) {
            guests.withLock { $0[id] }.flatMap { $0.isDefined ? String(decoding: $0.console.utf8.suffix(maximumBytes), as: UTF8.self) : nil }
        }
    }

    // MARK: What only a simulation can do

    /// Lets a guest crash.
    public func crash(_ id: String) throws { try turnOff(id, into: .crashed) }

    /// Turns every guest off at once, as when the host loses power.
    public func losePower() throws {
        for id in guests.withLock({ $0.values.filter { $0.power.isOn }.map(\.specification.id) }) { try turnOff(id, into: .shutdown) }
    }

    // MARK: Disks

    /// Remembers that the guest has disks.
    public func prepare(_ guest: GuestSpecification) async throws -> GuestDisks {
        try await perform(.prepareDisks, on: guest.id) {
            if guests.withLock({ $0[guest.id] }) == nil { try change(guest.id, creating: guest) { _ in } }
            return disks(of: guest)
        }
    }

    /// The disks that the guest was given.
    public func locate(_ guest: GuestSpecification) async throws -> GuestDisks? {
        guests.withLock { $0[guest.id] } == nil ? nil : disks(of: guest)
    }

    /// Forgets a guest with its disks.
    public func remove(_ id: String) async throws {
        guests.withLock { _ = $0.removeValue(forKey: id) }
        guard let path = path(of: id), FileManager.default.fileExists(atPath: path) else { return }
        try FileManager.default.removeItem(atPath: path)
    }

    /// What the options say.
    public func capacityGiB() async throws -> Int { options.diskGiB }

    /// Nothing to tidy.
    public func maintain() async {}

    /// The ids of guests of which there are disks, defined or not.
    public var diskIDs: [String] { guests.withLock { $0.keys.sorted() } }

    private func disks(of guest: GuestSpecification) -> GuestDisks {
        func disk(_ name: String) -> GuestDisks.Disk { .init(path: "/simulated/\(guest.id)/\(name)", format: "qcow2") }
        return GuestDisks(
            root: disk("disk"), ephemeral: guest.ephemeralGiB > 0 ? disk("disk.eph0") : nil,
            swap: guest.swapMiB > 0 ? disk("disk.swap") : nil, console: "/simulated/\(guest.id)/console.log")
    }

    // MARK: Parts

    private func turnOff(_ id: String, into power: PowerState) throws {
        guard let guest = guests.withLock({ $0[id] }), guest.isDefined else { throw GuestFailure.notFound(id) }
        try change(id) { guest in if guest.power.isOn { guest.power = power } }
    }

    /// Changes a guest, on disk too, and rings the bell when its power is another.
    private func change(
        _ id: String, creating specification: GuestSpecification? = nil, _ body: (inout SimulatedGuest) -> Void
    ) throws {
        let (before, after) = guests.withLock { guests -> (SimulatedGuest?, SimulatedGuest?) in
            let before = guests[id]
            guard var guest = before ?? specification.map({ SimulatedGuest(specification: $0) }) else { return (nil, nil) }
            body(&guest)
            guests[id] = guest
            return (before, guest)
        }
        guard let after else { return }
        if let path = path(of: id) {
            try JSONEncoder().encode(after).write(to: URL(fileURLWithPath: path), options: .atomic)
        }
        if before?.power != after.power, before != nil || after.power.isOn { bell.ring(id) }
    }

    private func path(of id: String) -> String? { options.directory.map { "\($0)/\(id).json" } }

    private func perform<Value>(
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
