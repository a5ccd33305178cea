import CloudBus
import CloudCore
import Logging
import NetworkMessages

/// What an agent works with: either part may be absent on a machine that has another role.
public struct NetworkDrivers: Sendable {
    /// The cloud's data plane; at most one machine's agent has it.
    public var dataPlane: (any DataPlane)?
    /// The host's interfaces.
    public var interfaces: (any InterfaceDriver)?

    /// Drivers that are there already, such as simulated ones.
    public init(dataPlane: (any DataPlane)?, interfaces: (any InterfaceDriver)?) {
        (self.dataPlane, self.interfaces) = (dataPlane, interfaces)
    }
}

/// Puts the drivers on the bus: answers the messages of `NetworkMessages`, and reports to the controllers which ports are
/// up. It holds no truth of its own.
public actor NetworkAgent {
    private let host: String
    private let bus: any Bus
    private let drivers: NetworkDrivers
    private let bandwidths: [HostBandwidth]
    private let logger: Logger
    private var subscriptions: [BusSubscription] = []
    private var reporter: Task<Void, Never>?
    private var heart: Task<Void, Never>?

    /// An agent of a host, which listens once it is started.
    /// - Parameter bandwidths: what the host's ways into physical networks carry, for ports that are promised a part.
    public init(host: String, bus: any Bus, drivers: NetworkDrivers, bandwidths: [HostBandwidth] = [], logger: Logger) {
        (self.host, self.bus, self.drivers, self.logger) = (host, bus, drivers, logger)
        self.bandwidths = bandwidths
    }

    /// Listens on the bus.
    /// - Throws: `BusError`.
    public func start() async throws {
        if let dataPlane = drivers.dataPlane {
            let address = BusAddress(topic: NetworkTopic.plane)
            subscriptions.append(
                try await bus.serve(Self.service(of: dataPlane), at: address, concurrency: 16, queueLimit: 1024))
        }
        if let interfaces = drivers.interfaces {
            // Before the first message is taken: what a plug changes must not go unheard.
            let changes = await interfaces.statusChanges()
            reporter = Task { await self.report(changes) }
            let address = BusAddress(topic: NetworkTopic.agent, host: host)
            subscriptions.append(
                try await bus.serve(Self.service(of: interfaces), at: address, concurrency: 16, queueLimit: 512))
            heart = Task { await self.beat() }
        }
    }

    /// Takes no further messages. Guests' interfaces and the data plane stay as they are.
    public func stop() async {
        for subscription in subscriptions { await subscription.cancel() }
        subscriptions = []
        for task in [reporter, heart].compactMap({ $0 }) {
            task.cancel()
            await task.value
        }
        (reporter, heart) = (nil, nil)
    }

    private static func service(of dataPlane: any DataPlane) -> BusService {
        var service = BusService()
        service.on(ApplyTopology.self) { request, context in
            try await dataPlane.apply(request, deadline: context.instant)
        }
        return service
    }

    private static func service(of interfaces: any InterfaceDriver) -> BusService {
        var service = BusService()
        service.on(PlugInterface.self) { request, context in
            try await interfaces.plug(request, deadline: context.instant)
        }
        service.on(UnplugInterface.self) { request, context in
            try await interfaces.unplug(portID: request.portID, deadline: context.instant)
            return BusNothing()
        }
        service.on(ListInterfaces.self) { _, context in
            try await interfaces.plugged(deadline: context.instant)
        }
        service.on(ReconcileInterfaces.self) { request, context in
            try await interfaces.reconcile(wanted: request.wanted, deadline: context.instant)
        }
        return service
    }

    // MARK: - Reports

    /// How often the agent says that its host is there.
    private static let heartbeat = Duration.seconds(30)

    /// Says that the host is there: at the start, until the bus has taken it, and from time to time.
    private func beat() async {
        var isStarting = true
        while !Task.isCancelled {
            do {
                let report = AgentReport(host: host, isStarting: isStarting, bandwidths: bandwidths)
                try await bus.cast(report, to: BusAddress(topic: NetworkTopic.controller))
                isStarting = false
            } catch BusError.closed {
                return
            } catch {
                logger.debug("The host's report waits for the controllers", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: isStarting ? .seconds(1) : Self.heartbeat) } catch { return }
        }
    }

    /// Casts every change, and again until the bus has taken it; of several changes of a port only the last counts.
    private func report(_ changes: AsyncStream<InterfaceStatus>) async {
        for await change in changes {
            while !Task.isCancelled {
                do {
                    let report = PortStatusReport(portID: change.portID, host: host, isUp: change.isUp)
                    try await bus.cast(report, to: BusAddress(topic: NetworkTopic.controller))
                    break
                } catch BusError.closed {
                    return
                } catch {
                    logger.debug("A port's status waits for the controllers", metadata: ["error": "\(error)"])
                }
                do { try await Task.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }
}

extension BusContext {
    /// When the work must be done so that the answer still reaches the sender.
    var instant: ContinuousClock.Instant {
        let left = deadline - .now
        return .now + left - min(left / 10, .milliseconds(500))
    }
}
