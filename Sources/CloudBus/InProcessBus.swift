import CloudCore
import Logging
import Synchronization

/// The bus within one process: what `altostack up` and most tests use. Payloads are encoded all the same, so that
/// what works here works across hosts.
public final class InProcessBus: Bus {
    private struct Topic {
        var listeners: [BusListener] = []
        var byHost: [String?: [BusListener]] = [:]
        /// Where the next search for a free listener begins, so that all get their share.
        var turn = 0
    }

    private struct State {
        var topics: [String: Topic] = [:]
        /// Cancelled listeners that still had work when they were last looked at.
        var retired: [BusListener] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let logger = Logger(label: "altostack.bus")

    /// A bus that nobody listens to yet.
    public init() {}

    /// Sends to one listener and waits for its answer, until the envelope's deadline.
    /// - Throws: `BusError`; `CancellationError` when the calling task is cancelled, while the work goes on.
    public func call(_ envelope: BusEnvelope, to address: BusAddress) async throws -> [UInt8] {
        guard envelope.deadline > .now else { throw BusError.deadlineExceeded }
        let answer = BusAnswer()
        try send(envelope, to: address) { result in answer.resolve(result.mapError { $0 }) }
        return try await answer.value(until: envelope.deadline)
    }

    /// Sends to one listener without waiting for it. A message whose deadline has passed is lost.
    /// - Throws: `BusError.overloaded`, `.unroutable`, `.malformed` or `.closed`.
    public func cast(_ envelope: BusEnvelope, to address: BusAddress) async throws {
        try send(envelope, to: address, waiter: nil)
    }

    /// Sends to every listener of a topic. A listener whose queue is full misses the message; the others and the
    /// sender don't notice. That nobody listens is no error.
    /// - Throws: `BusError.malformed` or `.closed`.
    public func fanOut(_ envelope: BusEnvelope, topic: String) async throws {
        try envelope.checkSize()
        let (listeners, isClosed) = state.withLock { ($0.topics[topic]?.listeners ?? [], $0.isClosed) }
        guard !isClosed else { throw BusError.closed }
        for listener in listeners {
            do {
                try listener.offer(envelope)
            } catch {
                logger.notice("a listener missed a fan-out", metadata: [
                    "method": "\(envelope.method)", "address": "\(listener.address)", "error": "\(error)",
                ])
            }
        }
    }

    private func send(_ envelope: BusEnvelope, to address: BusAddress, waiter: BusWorkQueue.Waiter?) throws(BusError) {
        try envelope.checkSize()
        for listener in try candidates(for: address) {
            do {
                return try listener.offer(envelope, waiter: waiter)
            } catch .closed {
                continue
            } catch .overloaded {
                throw .overloaded(address)
            }
        }
        throw .unroutable(address)
    }

    /// The listeners at an address, the one to try first in front: the next in turn that is free, or else the one
    /// with the least to do. The rest follow only for the moment in which the first is being cancelled.
    private func candidates(for address: BusAddress) throws(BusError) -> [BusListener] {
        let (found, turn) = try state.withLock { state throws(BusError) in
            guard !state.isClosed else { throw .closed }
            guard var topic = state.topics[address.topic] else { return ([BusListener](), 0) }
            topic.turn &+= 1
            state.topics[address.topic] = topic
            return (address.host.map { topic.byHost[$0] ?? [] } ?? topic.listeners, topic.turn)
        }
        guard found.count > 1 else { return found }
        let start = abs(turn % found.count)
        let ordered = found[start...] + found[..<start]
        let first = ordered.first(where: \.isFree) ?? ordered.min { $0.load < $1.load }
        return (first.map { [$0] } ?? []) + ordered.filter { $0 !== first }
    }

    /// Listens at an address until cancelled.
    /// - Throws: `BusError.closed`.
    public func listen(
        at address: BusAddress, concurrency: Int, queueLimit: Int,
        handler: @escaping @Sendable (BusEnvelope) async throws -> [UInt8]
    ) async throws -> BusSubscription {
        let listener = BusListener(address: address, concurrency: concurrency, queueLimit: queueLimit, handler: handler)
        try state.withLock { state throws(BusError) in
            guard !state.isClosed else { throw .closed }
            state.topics[address.topic, default: Topic()].listeners.append(listener)
            state.topics[address.topic, default: Topic()].byHost[address.host, default: []].append(listener)
        }
        return BusSubscription { [weak self] in self?.retire(listener) }
    }

    private func retire(_ listener: BusListener) {
        let address = listener.address
        state.withLock { state in
            state.topics[address.topic]?.listeners.removeAll { $0 === listener }
            state.topics[address.topic]?.byHost[address.host]?.removeAll { $0 === listener }
            if state.topics[address.topic]?.byHost[address.host]?.isEmpty == true {
                state.topics[address.topic]?.byHost[address.host] = nil
            }
            if state.topics[address.topic]?.listeners.isEmpty == true { state.topics[address.topic] = nil }
            state.retired.removeAll(where: \.isIdle)
            state.retired.append(listener)
        }
        listener.close()
    }

    /// Stops accepting, lets handlers finish what was accepted until the deadline, then cancels them; whoever waits
    /// for a cancelled handler gets `BusError.closed`.
    public func close(deadline: Duration) async {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { (state.topics, state.retired) = ([:], []) }
            return state.topics.values.flatMap(\.listeners) + state.retired
        }
        for listener in listeners { listener.close() }
        let end = Timestamp.now + deadline
        let abort = Task.detached {
            if await end.arrives() { for listener in listeners { listener.abort() } }
        }
        for listener in listeners { await listener.drained() }
        abort.cancel()
    }
}

extension BusEnvelope {
    /// The largest payload a transport carries, in bytes.
    public static let maximumPayload = 16 << 20

    /// - Throws: `BusError.malformed` for a payload beyond the limit.
    func checkSize() throws(BusError) {
        guard payload.count <= Self.maximumPayload else {
            throw .malformed("\(method): \(payload.count) bytes are more than the \(Self.maximumPayload) a message may have")
        }
    }
}
