import CloudBus
import NetworkMessages

/// A host's interfaces without devices.
public actor SimulatedInterfaces: InterfaceDriver {
    /// What is plugged, by port.
    public private(set) var interfaces: [String: PlugInterface] = [:]
    private var faults: SimulatedFaults
    private var listener: AsyncStream<InterfaceStatus>.Continuation?

    /// A host without interfaces.
    public init(faults: SimulatedFaults = SimulatedFaults()) { self.faults = faults }

    /// Orders faults, or changes the latency.
    public func order(_ change: @Sendable (inout SimulatedFaults) -> Void) { change(&faults) }

    /// Notes an interface, which is up at once. That is told each time: a guest that arrives is plugged before its port is bound here and
    /// once more afterwards, and only then does anybody believe this host.
    public func plug(_ request: PlugInterface, deadline: ContinuousClock.Instant) async throws -> PluggedInterface {
        try await SimulatedLatency.pass(try faults.begin(.plug), deadline: deadline)
        interfaces[request.portID] = request
        listener?.yield(InterfaceStatus(portID: request.portID, isUp: true))
        return PluggedInterface(device: InterfaceName.tap(request.portID), hasQueues: request.hasQueues ?? false)
    }

    /// Forgets an interface.
    public func unplug(portID: String, deadline: ContinuousClock.Instant) async throws {
        try await SimulatedLatency.pass(try faults.begin(.unplug), deadline: deadline)
        if interfaces.removeValue(forKey: portID) != nil {
            listener?.yield(InterfaceStatus(portID: portID, isUp: false))
        }
    }

    /// The interfaces that were plugged.
    public func plugged(deadline: ContinuousClock.Instant) async throws -> [String] { interfaces.keys.sorted() }

    /// Forgets what is not wanted and notes what is missing.
    public func reconcile(
        wanted: [PlugInterface], deadline: ContinuousClock.Instant
    ) async throws -> InterfaceReconciliation {
        try await InterfaceReconciler.reconcile(self, wanted: wanted, deadline: deadline)
    }

    /// Every interface that is up, and then each change.
    public func statusChanges() async -> AsyncStream<InterfaceStatus> {
        let (stream, continuation) = AsyncStream.makeStream(of: InterfaceStatus.self, bufferingPolicy: .bufferingNewest(4096))
        listener = continuation
        for portID in interfaces.keys.sorted() { continuation.yield(InterfaceStatus(portID: portID, isUp: true)) }
        return stream
    }
}
