import Synchronization

/// Faults to order for a simulated host or back end, by the operations that it knows; a failure has one of the codes that its callers
/// tell apart.
public final class OrderedFaults<Operation: Sendable & Hashable, Code: Sendable>: Sendable {
    /// What goes wrong.
    public enum Effect: Sendable {
        /// The operation fails at once.
        case fail(Code, String)
        /// The operation does its work and then fails, as when an answer is lost.
        case failAfterwards(Code, String)
        /// The operation never ends, until it is cancelled.
        case hang
        /// The operation takes so much longer.
        case delay(Duration)
    }

    private struct Order {
        let operation: Operation
        var remaining: Int
        let effect: Effect
    }

    private struct State {
        var orders: [Order] = []
        var counts: [Operation: Int] = [:]
        var isLost = false
        var source: (@Sendable (Operation) -> Effect?)?
    }

    private let state = Mutex(State())

    /// No faults.
    public init() {}

    /// Orders a fault for the nth such operation from now on, counted from one.
    public func order(_ effect: Effect, on operation: Operation, nth: Int = 1) {
        state.withLock { $0.orders.append(Order(operation: operation, remaining: max(1, nth), effect: effect)) }
    }

    /// Asks somebody else as well what goes wrong with each operation.
    public func follow(_ source: @escaping @Sendable (Operation) -> Effect?) { state.withLock { $0.source = source } }

    /// Makes it unreachable: every operation hangs until cancelled.
    public func lose() { state.withLock { $0.isLost = true } }

    /// Ends the absence and withdraws all orders.
    public func heal() { state.withLock { ($0.orders, $0.isLost) = ([], false) } }

    /// How often an operation was begun.
    public func count(_ operation: Operation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

    /// Counts an operation and says what goes wrong with it.
    public func strike(_ operation: Operation) -> Effect? {
        let (ordered, source) = state.withLock { (strike(operation, &$0), $0.source) }
        return ordered ?? source?(operation)
    }

    private func strike(_ operation: Operation, _ state: inout State) -> Effect? {
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
