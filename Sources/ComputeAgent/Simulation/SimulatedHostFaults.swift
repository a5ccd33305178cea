import Synchronization

/// What a simulated host can be asked to do.
public enum SimulatedHostOperation: String, Sendable, Hashable, CaseIterable {
    case prepareDisks, spawn, shutdown, powerOff, destroy, console, status, list, inventory
    case pause, unpause, suspend, resume, interrupt
    case attachInterface, detachInterface, attachVolume, detachVolume, extendVolume, swapVolume, copyVolume
    case diagnostics, openConsole, setPassword, quiesce
    case capture, pack, rebuild, release, receive, restore
    case prepareArrival, migrate, finishArrival, cacheImage
}

/// Faults to order for a simulated host.
public final class SimulatedHostFaults: Sendable {
    /// What goes wrong.
    public enum Effect: Sendable {
        /// The operation fails at once.
        case fail(GuestFailure.Code, String)
        /// The operation does its work and then fails, as when an answer is lost.
        case failAfterwards(GuestFailure.Code, String)
        /// The operation never ends, until it is cancelled.
        case hang
        /// The operation takes so much longer.
        case delay(Duration)
    }

    private struct Order {
        let operation: SimulatedHostOperation
        var remaining: Int
        let effect: Effect
    }

    private struct State {
        var orders: [Order] = []
        var counts: [SimulatedHostOperation: Int] = [:]
        var isLost = false
        var source: (@Sendable (SimulatedHostOperation) -> Effect?)?
    }

    private let state = Mutex(State())

    /// No faults.
    public init() {}

    /// Orders a fault for the nth such operation from now on, counted from one.
    public func order(_ effect: Effect, on operation: SimulatedHostOperation, nth: Int = 1) {
        state.withLock { $0.orders.append(Order(operation: operation, remaining: max(1, nth), effect: effect)) }
    }

    /// Asks somebody else as well what goes wrong with each operation.
    public func follow(_ source: @escaping @Sendable (SimulatedHostOperation) -> Effect?) {
        state.withLock { $0.source = source }
    }

    /// Makes the host unreachable: every operation hangs until cancelled.
    public func loseHost() { state.withLock { $0.isLost = true } }

    /// Ends the host's absence and withdraws all orders.
    public func heal() { state.withLock { ($0.orders, $0.isLost) = ([], false) } }

    /// How often an operation was begun.
    public func count(_ operation: SimulatedHostOperation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

    /// Counts an operation and says what goes wrong with it.
    func strike(_ operation: SimulatedHostOperation) -> Effect? {
        let (ordered, source) = state.withLock { (strike(operation, &$0), $0.source) }
        return ordered ?? source?(operation)
    }

    private func strike(_ operation: SimulatedHostOperation, _ state: inout State) -> Effect? {
        state.counts[operation, default: 0] += 1
        if state.isLost { return .hang }
        var effect: Effect?
        for index in state.orders.indices where state.orders[index].operation == operation {
            state.orders[index].remaining -= 1
            if state.orders[index].remaining == 0 { effect = state.orders[index].effect }
        }
        state.orders.removeAll { $0.remaining <= 0 }
        return effect
    }
}
