import CloudCore
import Synchronization

/// One thing that goes wrong with some of the messages.
public struct BusFault: Sendable, Hashable {
    /// What happens to a message.
    public enum Effect: Sendable, Hashable {
        /// It never arrives. A caller waits until its deadline.
        case lose
        /// It arrives and is handled, but its answer never comes back. Without effect on casts and fan-outs.
        case loseAnswer
        /// It arrives twice.
        case duplicate
        /// It arrives so much later.
        case delay(Duration)
    }

    /// Which of the messages it happens to.
    public enum Occurrence: Sendable, Hashable {
        /// The nth that the fault could apply to, counted from one.
        case nth(Int)
        /// Every nth, from the nth on.
        case every(Int)
    }

    /// The method whose messages it concerns; nil for all.
    public let method: String?
    /// What happens.
    public let effect: Effect
    /// To which of them.
    public let occurrence: Occurrence

    /// A fault.
    public init(_ effect: Effect, _ occurrence: Occurrence, of method: String? = nil) {
        (self.effect, self.occurrence, self.method) = (effect, occurrence, method)
    }
}

/// A bus that loses, repeats and delays messages to order: a simulation, for tests of what must survive that.
public final class FaultyBus: Bus {
    private struct Armed {
        let fault: BusFault
        var seen = 0

        mutating func strikes(_ method: String) -> Bool {
            guard fault.method == nil || fault.method == method else { return false }
            seen += 1
            switch fault.occurrence {
            case .nth(let number): return seen == number
            case .every(let number): return number > 0 && seen.isMultiple(of: number)
            }
        }
    }

    private let bus: any Bus
    private let armed: Mutex<[Armed]>
    private let struck = Mutex<[BusFault: Int]>([:])

    /// Wraps a bus.
    public init(_ bus: any Bus, faults: [BusFault] = []) {
        self.bus = bus
        armed = Mutex(faults.map { Armed(fault: $0) })
    }

    /// Adds a fault, which counts messages from now on.
    public func inject(_ fault: BusFault) { armed.withLock { $0.append(Armed(fault: fault)) } }

    /// Ends every fault.
    public func heal() { armed.withLock { $0 = [] } }

    /// How often each fault has struck.
    public var strikes: [BusFault: Int] { struck.withLock { $0 } }

    private func effects(on envelope: BusEnvelope) -> [BusFault.Effect] {
        let faults = armed.withLock { armed in
            armed.indices.compactMap { armed[$0].strikes(envelope.method) ? armed[$0].fault : nil }
        }
        struck.withLock { for fault in faults { $0[fault, default: 0] += 1 } }
        return faults.map(\.effect)
    }

    /// Waits as long as the delays say, at most until the deadline; whether the message is still to be sent.
    private func pass(_ effects: [BusFault.Effect], _ envelope: BusEnvelope) async throws -> Bool {
        for case .delay(let delay) in effects {
            try await Task.sleep(for: max(.zero, min(delay, envelope.deadline - .now)))
        }
        return !effects.contains(.lose)
    }

    /// Calls through the wrapped bus, unless a fault strikes.
    public func call(_ envelope: BusEnvelope, to address: BusAddress) async throws -> [UInt8] {
        let effects = effects(on: envelope)
        guard try await pass(effects, envelope) else { try await silence(until: envelope.deadline) }
        if effects.contains(.duplicate) {
            // The second answer has no reader, whatever it is.
            Task.detached { [bus] in _ = try? await bus.call(envelope, to: address) }
        }
        guard effects.contains(.loseAnswer) else { return try await bus.call(envelope, to: address) }
        _ = try? await bus.call(envelope, to: address)
        try await silence(until: envelope.deadline)
    }

    private func silence(until deadline: Timestamp) async throws -> Never {
        try await Task.sleep(for: max(.zero, deadline - .now))
        throw BusError.deadlineExceeded
    }

    /// Casts through the wrapped bus, unless a fault strikes.
    public func cast(_ envelope: BusEnvelope, to address: BusAddress) async throws {
        let effects = effects(on: envelope)
        guard try await pass(effects, envelope) else { return }
        try await bus.cast(envelope, to: address)
        if effects.contains(.duplicate) { try await bus.cast(envelope, to: address) }
    }

    /// Fans out through the wrapped bus, unless a fault strikes.
    public func fanOut(_ envelope: BusEnvelope, topic: String) async throws {
        let effects = effects(on: envelope)
        guard try await pass(effects, envelope) else { return }
        try await bus.fanOut(envelope, topic: topic)
        if effects.contains(.duplicate) { try await bus.fanOut(envelope, topic: topic) }
    }

    /// Listens on the wrapped bus; faults concern senders.
    public func listen(
        at address: BusAddress, concurrency: Int, queueLimit: Int,
        handler: @escaping @Sendable (BusEnvelope) async throws -> [UInt8]
    ) async throws -> BusSubscription {
        try await bus.listen(at: address, concurrency: concurrency, queueLimit: queueLimit, handler: handler)
    }

    /// Closes the wrapped bus.
    public func close(deadline: Duration) async { await bus.close(deadline: deadline) }
}
