import NetworkMessages

/// What makes topologies true.
public protocol DataPlane: Sendable {
    /// Makes entities true and removes others, and returns when the engine has committed it.
    /// - Throws: `BusFailure` with the code `topology_invalid`, `topology_missing`, `engine_unavailable` or `engine_refused`;
    ///   nothing was changed then. `BusError.deadlineExceeded` leaves that open: a repeat is harmless.
    func apply(_ change: ApplyTopology, deadline: ContinuousClock.Instant) async throws -> TopologyReport
}

/// What joins guests' interfaces on this host to the data plane. Every call may be repeated.
public protocol InterfaceDriver: Sendable {
    /// Makes an interface for a port, and returns when its packets flow.
    /// - Throws: `BusFailure` with the code `interface_failed` or `port_not_ready`.
    func plug(_ request: PlugInterface, deadline: ContinuousClock.Instant) async throws -> PluggedInterface

    /// Takes a port's interface away.
    /// - Throws: `BusFailure` with the code `interface_failed`.
    func unplug(portID: String, deadline: ContinuousClock.Instant) async throws

    /// The ports that are plugged, sorted.
    func plugged(deadline: ContinuousClock.Instant) async throws -> [String]

    /// Makes the interfaces exactly those wanted.
    func reconcile(wanted: [PlugInterface], deadline: ContinuousClock.Instant) async throws -> InterfaceReconciliation

    /// Each port whose packets flow, begin to flow, or no longer do, from now on. One listener at a time.
    func statusChanges() async -> AsyncStream<InterfaceStatus>
}

/// Whether a port's packets flow.
public struct InterfaceStatus: Sendable, Hashable {
    /// The port.
    public var portID: String
    /// Whether they do.
    public var isUp: Bool

    /// A status.
    public init(portID: String, isUp: Bool) { (self.portID, self.isUp) = (portID, isUp) }
}
