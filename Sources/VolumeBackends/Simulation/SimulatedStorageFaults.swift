import Synchronization

/// What a simulated back end can be asked to do.
public enum SimulatedStorageOperation: String, Sendable, Hashable, CaseIterable {
    case create, delete, extend, revert, createSnapshot, deleteSnapshot, connect, disconnect, connections
    case open, read, write, list, rename, pools
}

/// Faults to order for a simulated back end.
public final class SimulatedStorageFaults: Sendable {
    /// What goes wrong.
    public enum Effect: Sendable {
        /// The operation fails at once.
        case fail(VolumeFailure.Code, String)
        /// The operation does its work and then fails, as when an answer is lost.
        case failAfterwards(VolumeFailure.Code, String)
        /// The operation never ends, until it is cancelled.
        case hang
        /// The operation takes so much longer.
        case delay(Duration)
    }

    private struct Order {
        let operation: SimulatedStorageOperation
        var remaining: Int
        let effect: Effect
    }

    private struct State {
        var orders: [Order] = []
        var counts: [SimulatedStorageOperation: Int] = [:]
        var isLost = false
    }

    private let state = Mutex(State())

    /// No faults.
    public init() {}

    /// Orders a fault for the nth such operation from now on, counted from one.
    public func order(_ effect: Effect, on operation: SimulatedStorageOperation, nth: Int = 1) {
        state.withLock { $0.orders.append(Order(operation: operation, remaining: max(1, nth), effect: effect)) }
    }

    /// Makes the back end unreachable: every operation hangs until cancelled.
    public func lose() { state.withLock { $0.isLost = true } }

    /// Ends the absence and withdraws all orders.
    public func heal() { state.withLock { ($0.orders, $0.isLost) = ([], false) } }

    /// How often an operation was begun.
    public func count(_ operation: SimulatedStorageOperation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

    /// Counts an operation and says what goes wrong with it.
    func strike(_ operation: SimulatedStorageOperation) -> Effect? {
        state.withLock { state in
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
}
