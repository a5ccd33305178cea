import Foundation
import Logging
import NetworkMessages

/// Everything of Open vSwitch and OVN on a host that is a cloud of its own: the daemons, the data plane over the
/// northbound database, the guests' interfaces and their metadata.
public actor OVNHost {
    /// What the agent puts on the bus.
    public nonisolated let drivers: NetworkDrivers

    private let supervisor: OVNSupervisor
    private let dataPlane: OVNDataPlane
    private let interfaces: OVSInterfaceDriver
    private let metadata: MetadataPlane?
    private let tunnels: TunnelPlane?
    private let advertisements: AdvertisementGuard
    private let packetLimiter: PacketLimiter
    private let logger: Logger
    private var tasks: [Task<Void, Never>] = []

    /// A host that comes up once it is started.
    /// - Parameters:
    ///   - options: how it joins the cloud's networks.
    ///   - metadata: where guests' metadata comes from.
    /// - Throws: an error that says, for people, which option cannot be or which program is not installed.
    public init(options: NetworkAgentOptions, metadata source: any MetadataSource, logger: Logger) throws {
        let paths = OVNPaths(root: options.stateDirectory)
        self.logger = logger
        supervisor = try OVNSupervisor(options: options, logger: logger)
        var planeOptions = OVNDataPlaneOptions(gatewayChassis: [options.hostName])
        (planeOptions.dnsDomain, planeOptions.resolvers) = (options.dnsDomain, options.resolvers)
        dataPlane = OVNDataPlane(northbound: paths.northboundSocket, options: planeOptions, logger: logger)
        interfaces = try OVSInterfaceDriver(
            options: options, userspace: supervisor.userspace, local: supervisor.local, logger: logger)
        metadata = options.servesMetadata
            ? try MetadataPlane(
                options: options, userspace: supervisor.userspace, local: supervisor.local, southbound: paths.southboundSocket,
                source: source, logger: logger) : nil
        let local = supervisor.local
        tunnels = try options.overlayBridge.map { try TunnelPlane(bridge: $0, options: options, local: local, logger: logger) }
        advertisements = try AdvertisementGuard(options: options, local: local, logger: logger)
        packetLimiter = try PacketLimiter(options: options, local: local, logger: logger)
        drivers = NetworkDrivers(dataPlane: dataPlane, interfaces: interfaces)
    }

    /// Whether guests may leave checksums and segmentation to the host: not where packets are forwarded in userspace.
    public nonisolated var offload: Bool { !supervisor.userspace }

    /// Brings up what does not run, and returns when the switch is ready. Daemons that run are left alone.
    /// - Throws: an error that says, for people, what does not come up.
    public func start(deadline: ContinuousClock.Instant = .now + .seconds(60)) async throws {
        try await supervisor.start(deadline: deadline)
        tasks = [
            Task { [supervisor] in await supervisor.supervise() },
            Task { [dataPlane] in await dataPlane.run() },
            Task { [advertisements] in await advertisements.run() },
            Task { [packetLimiter] in await packetLimiter.run() },
        ]
        if let metadata { tasks.append(Task { await metadata.run() }) }
        if let tunnels { tasks.append(Task { await tunnels.run() }) }
    }

    /// Ends our part. The daemons, and with them guests' networks, go on; metadata is away until the next start.
    public func stop() async {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        tasks = []
        await supervisor.detach()
    }

    /// Removes what a host's networks left on this machine, whether or not their daemons still run: interfaces, namespaces,
    /// bridges and daemons. The databases stay, so that the next start finds them. Nothing to do where no network ever was.
    /// - Throws: an error that says, for people, what remains.
    public static func remove(options: NetworkAgentOptions, logger: Logger) async throws {
        guard FileManager.default.fileExists(atPath: OVNPaths(root: options.stateDirectory).database("conf")) else { return }
        let host = try OVNHost(options: options, metadata: SilentMetadata(), logger: logger)
        try await host.start()
        try await host.tearDown()
    }

    /// Removes every interface and namespace of ours and ends the daemons. The databases stay.
    /// - Throws: an error if an interface remains.
    public func tearDown(deadline: ContinuousClock.Instant = .now + .seconds(60)) async throws {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        tasks = []
        let result = try await interfaces.reconcile(wanted: [], deadline: deadline)
        await metadata?.removeAll()
        await supervisor.stop()
        guard result.failed.isEmpty else { throw HostError.notReady("the removal of ports \(result.failed.joined(separator: ", "))") }
    }
}

/// Answers nobody: for a host that is only taken down.
private struct SilentMetadata: MetadataSource {
    func respond(to request: MetadataRequest) async throws -> MetadataResponse { MetadataResponder.refusal(503) }
}
