import CloudBus
import CloudCore
import ComputeMessages
import Logging
import NetworkMessages
import Synchronization

/// The compute service's hand on one host. It holds no truth: controllers tell it by messages what guests shall be,
/// it makes that so through its driver, and reports what is. Ending it touches no guest.
///
///     let agent = ComputeAgent(host: "node-1", driver: driver, disks: disks, bus: bus)
///     try await agent.start()   // from here on it answers
///     try await agent.run()     // until cancelled
public final class ComputeAgent: Sendable {
    private struct State {
        var subscription: BusSubscription?
        /// What controllers were last told of each guest's power, by answer or event.
        var told: [String: PowerState] = [:]
        /// Guests with an event that nobody has looked into yet.
        var pendingEvents: Set<String> = []
    }

    let host: String
    let driver: any HypervisorDriver
    let disks: any GuestDiskStore
    let bus: any Bus
    let interfaces: any InterfacePlugger
    let options: ComputeAgentOptions
    let imageSink: (any ImageSink)?
    let turns = GuestTurns()
    let builds: Gate
    let logger: Logger
    private let state = Mutex(State())

    /// An agent.
    /// - Parameters:
    ///   - host: the host's name, under which controllers address it.
    ///   - driver: what runs guests.
    ///   - disks: what keeps their disks.
    ///   - bus: the way to the controllers and to the host's network agent.
    ///   - interfaces: what plugs interfaces; nil for the network agent of this host.
    ///   - imageSink: what takes images made of guests' disks; nil where none are made.
    ///   - options: how it behaves.
    public init(
        host: String, driver: any HypervisorDriver, disks: any GuestDiskStore, bus: any Bus,
        interfaces: (any InterfacePlugger)? = nil, imageSink: (any ImageSink)? = nil,
        options: ComputeAgentOptions = ComputeAgentOptions()
    ) {
        self.imageSink = imageSink
        (self.host, self.driver, self.disks, self.bus, self.options) = (host, driver, disks, bus, options)
        self.interfaces = interfaces ?? NetworkAgentInterfaces(bus: bus, host: host, deadline: options.networkDeadline)
        builds = Gate(limit: options.concurrentBuilds)
        var logger = Logger(label: "altostack.compute-agent")
        logger[metadataKey: "host"] = "\(host)"
        self.logger = logger
    }

    /// Connects to the hypervisor, listens, and tells the controllers for the first time.
    /// - Throws: `GuestFailure` when there is no hypervisor to work with; `BusError` when the bus is closed.
    public func start() async throws {
        guard state.withLock({ $0.subscription == nil }) else { return }
        try await disks.start()
        try await driver.start()
        await removeOrphans()
        let subscription = try await bus.serve(
            service(), at: BusAddress(topic: ComputeTopic.agent, host: host),
            concurrency: options.concurrentMessages, queueLimit: options.queueLimit)
        state.withLock { $0.subscription = subscription }
        _ = await report()
    }

    /// Reports and tidies until cancelled; then takes no further messages and lets go of the hypervisor. Starts the
    /// agent first if it wasn't.
    /// - Throws: what `start` throws.
    public func run() async throws {
        try await start()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.bringBack() }
            group.addTask { await self.reportRegularly() }
            group.addTask { await self.tidyRegularly() }
            group.addTask { await self.forwardEvents() }
            await group.waitForAll()
        }
        await stop()
    }

    private func stop() async {
        let subscription = state.withLock { $0.subscription.take() }
        await subscription?.cancel()
        await driver.stop()
    }

    // MARK: Reports

    /// Tells the controllers what is here.
    /// - Returns: whether they could be told.
    func report() async -> Bool {
        do {
            let report = HostReport(inventory: try await inventory(), guests: try await driver.guests())
            try await bus.cast(report, to: BusAddress(topic: ComputeTopic.controller))
            return true
        } catch {
            logger.notice("the controllers could not be told about this host", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func inventory() async throws -> HostInventory {
        let hypervisor = try await driver.inventory()
        var inventory = HostInventory(
            host: host, hypervisorType: hypervisor.type, hypervisorVersion: hypervisor.version, vcpus: hypervisor.vcpus,
            memoryMiB: hypervisor.memoryMiB, diskGiB: try await disks.capacityGiB(), cpuInfo: hypervisor.cpuInfo,
            hypervisorHostName: hypervisor.hostName, hostAddress: options.hostAddress, uptime: hypervisor.uptime,
            usedMemoryMiB: hypervisor.usedMemoryMiB, usedDiskGiB: try await disks.usedGiB(), usedVCPUs: hypervisor.usedVCPUs,
            cells: hypervisor.cells, traits: hypervisor.traits, machineTypes: hypervisor.machineTypes,
            supportedInstances: hypervisor.supportedInstances, bootID: hypervisor.bootID)
        inventory.dedicatedProcessors = hypervisor.dedicatedProcessors
        inventory.freeDedicatedProcessors = hypervisor.freeDedicatedProcessors
        (inventory.sharedProcessors, inventory.freeDevices) = (hypervisor.sharedProcessors, hypervisor.freeDevices)
        return inventory
    }

    private func reportRegularly() async {
        var isTold = true
        while !Task.isCancelled {
            try? await Task.sleep(for: isTold ? options.reportInterval : min(.seconds(1), options.reportInterval))
            if !Task.isCancelled { isTold = await report() }
        }
    }

    private func tidyRegularly() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: options.maintenanceInterval)
            if !Task.isCancelled { await disks.maintain() }
        }
    }

    // MARK: Events

    /// Remembers what an answer tells the controllers.
    func tell(_ status: GuestStatus) { state.withLock { $0.told[status.id] = status.power } }

    /// Forgets a guest that is gone.
    func forget(_ id: String) { state.withLock { $0.told[id] = nil } }

    /// An event is only a bell: what is cast is the guest's power once no operation of ours is under way, so that
    /// the off in the middle of a reboot reaches nobody and events out of order do no harm.
    private func forwardEvents() async {
        await withDiscardingTaskGroup { group in
            for await id in driver.events() {
                let isFirst = state.withLock { $0.pendingEvents.insert(id).inserted }
                if isFirst { group.addTask { await self.forwardEvent(of: id) } }
            }
            group.cancelAll()
        }
    }

    private func forwardEvent(of id: String) async {
        do {
            try await turns.run(on: id, interruptible: true) { [self] in
                state.withLock { _ = $0.pendingEvents.remove(id) }
                guard let status = try await driver.guest(id) else { return forget(id) }
                guard state.withLock({ $0.told[id] }) != status.power else { return }
                try await bus.cast(GuestEvent(host: host, status: status), to: BusAddress(topic: ComputeTopic.controller))
                tell(status)
            }
        } catch {
            state.withLock { _ = $0.pendingEvents.remove(id) }
            logger.notice("an event was not told; the next report makes up for it", metadata: ["server": "\(id)", "error": "\(error)"])
        }
    }
}
