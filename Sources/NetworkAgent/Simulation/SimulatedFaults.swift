import CloudBus

/// What goes wrong in a simulation, to order.
public struct SimulatedFaults: Sendable {
    /// The kinds of work that can fail.
    public enum Work: Sendable, Hashable, CaseIterable { case apply, plug, unplug }
    /// What somebody else orders for one piece of work.
    public enum Effect: Sendable, Hashable {
        /// It is not done.
        case fail(String)
        /// It takes so much longer; a very long time is one that never ends.
        case delay(Duration)
    }

    /// How long each piece of work takes.
    public var latency: Duration
    /// Asked as well what goes wrong with each piece of work.
    public var source: (@Sendable (Work) -> Effect?)?
    private var failing: [Work: Set<Int>] = [:]
    private var done: [Work: Int] = [:]

    /// A simulation in which everything goes well after a latency.
    public init(latency: Duration = .zero) { self.latency = latency }

    /// Lets a future piece of work fail: the first from now on is number one. The work is not done then.
    public mutating func fail(_ work: Work, number: Int = 1) {
        failing[work, default: []].insert((done[work] ?? 0) + number)
    }

    /// Counts a piece of work and throws if it is one to fail.
    /// - Returns: how long it takes.
    mutating func begin(_ work: Work) throws -> Duration {
        let number = (done[work] ?? 0) + 1
        done[work] = number
        guard failing[work]?.remove(number) == nil else {
            throw BusFailure(code: "simulated_fault", message: "\(work) number \(number) fails to order")
        }
        switch source?(work) {
        case .fail(let message): throw BusFailure(code: "simulated_fault", message: message)
        case .delay(let delay): return latency + delay
        case nil: return latency
        }
    }
}
