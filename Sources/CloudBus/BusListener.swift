import CloudCore
import Logging
import Metrics
import Synchronization

/// Carries out what a `BusWorkQueue` decides: runs handlers in tasks of their own, cancels them at their deadline,
/// and hands out answers. Independent of the transport that the messages come by.
final class BusListener: Sendable {
    typealias Handler = @Sendable (BusEnvelope) async throws -> [UInt8]

    let address: BusAddress
    private let handler: Handler
    private let state: Mutex<State>
    private let metrics: BusMetrics
    private let logger = Logger(label: "altostack.bus")

    private struct State {
        var queue: BusWorkQueue
        var awaitingIdle: [CheckedContinuation<Void, Never>] = []
    }

    init(address: BusAddress, concurrency: Int, queueLimit: Int, handler: @escaping Handler) {
        (self.address, self.handler) = (address, handler)
        state = Mutex(State(queue: BusWorkQueue(address: address, concurrency: concurrency, queueLimit: queueLimit)))
        metrics = BusMetrics(topic: address.topic)
    }

    var isFree: Bool { state.withLock { $0.queue.isFree } }
    var load: Int { state.withLock { $0.queue.load } }
    var isIdle: Bool { state.withLock { $0.queue.isIdle } }

    /// Takes a message.
    /// - Throws: `.overloaded` or `.closed`, when it was not taken.
    func offer(_ envelope: BusEnvelope, waiter: BusWorkQueue.Waiter? = nil) throws(BusError) {
        do {
            let actions = try state.withLock { state throws(BusError) in
                try state.queue.offer(envelope, waiter: waiter, now: .now)
            }
            perform(actions)
        } catch {
            if case .overloaded = error { metrics.overloaded.increment() }
            throw error
        }
    }

    /// Takes nothing further; what was taken goes on.
    func close() { state.withLock { $0.queue.close() } }

    /// Cancels what runs and answers everyone who waits that the bus is closed.
    func abort() { perform(state.withLock { $0.queue.abort() }) }

    /// Waits until nothing runs or waits any more, or `abort` was called.
    func drained() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                let isDone = state.queue.isIdle || state.queue.isAborted
                if !isDone { state.awaitingIdle.append(continuation) }
                return isDone
            }
            if isDone { continuation.resume() }
        }
    }

    private func perform(_ actions: [BusWorkQueue.Action]) {
        for action in actions {
            switch action {
            case .answer(let waiters, let answer): for waiter in waiters { waiter(answer) }
            case .start(let run, let envelope): start(run, envelope)
            case .stop(let stop): stop()
            case .idle:
                let continuations = state.withLock { state in
                    defer { state.awaitingIdle = [] }
                    return state.awaitingIdle
                }
                for continuation in continuations { continuation.resume() }
            }
        }
    }

    /// Detached, because a message carries its context in its envelope: nothing of the sender's task may leak
    /// through the in-process transport that would be missing across hosts. Only what is done for background work stays there.
    private func start(_ run: BusWorkQueue.RunID, _ envelope: BusEnvelope) {
        let isBackground = Background.isCurrent
        let work = Task.detached(priority: isBackground ? Background.priority : nil) { [self] in
            if isBackground { Background.giveWay() }
            let answer = await Background.$isCurrent.withValue(isBackground) { await outcome(of: envelope) }
            perform(state.withLock { $0.queue.finish(run, answer, now: .now) })
        }
        let watch = Task.detached { [self] in
            var deadline = envelope.deadline
            while await deadline.arrives() {
                switch state.withLock({ $0.queue.expire(run, now: .now) }) {
                case .cancel:
                    metrics.expired.increment()
                    return work.cancel()
                case .wait(let later): deadline = later
                case .over: return
                }
            }
        }
        let stop: @Sendable () -> Void = {
            work.cancel()
            watch.cancel()
        }
        if !state.withLock({ $0.queue.attach(run, stop: stop) }) { stop() }
    }

    private func outcome(of envelope: BusEnvelope) async -> BusWorkQueue.Answer {
        let began = ContinuousClock.now
        do {
            let payload = try await handler(envelope)
            metrics.done.increment()
            note("done", envelope, since: began)
            return .success(payload)
        } catch {
            metrics.failed.increment()
            note("failed: \(error)", envelope, since: began)
            return .failure(report(error, of: envelope))
        }
    }

    /// Leaves a line about what was done for somebody's request, so that a request's way can be followed to its end.
    private func note(_ outcome: String, _ envelope: BusEnvelope, since began: ContinuousClock.Instant) {
        guard let request = envelope.requestID else { return }
        logger.info("\(outcome)", metadata: [
            "method": "\(envelope.method)", "address": "\(address)", "request_id": "\(request)",
            "duration": "\(ContinuousClock.now - began)",
        ])
    }

    /// What the caller learns of a handler's error. An error that is not meant for callers stays in the log.
    private func report(_ error: any Error, of envelope: BusEnvelope) -> BusError {
        switch error {
        case let failure as BusFailure: return .remote(code: failure.code, message: failure.message)
        case BusError.malformed(let reason): return .malformed(reason)
        case let error as BusError: return .remote(code: "unreachable", message: "Another listener gave no answer: \(error)")
        case is CancellationError: return .remote(code: "cancelled", message: "The work was cancelled.")
        default:
            logger.error("a handler failed", metadata: [
                "method": "\(envelope.method)", "address": "\(address)", "error": "\(error)",
                "request_id": "\(envelope.requestID ?? "-")",
            ])
            return .remote(code: "internal", message: "The listener failed unexpectedly; its log says why.")
        }
    }
}

/// The counters of a topic's messages.
struct BusMetrics: Sendable {
    let done, failed, expired, overloaded: Counter

    init(topic: String) {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "bus_messages", dimensions: [("topic", topic), ("outcome", outcome)])
        }
        (done, failed, expired, overloaded) = (counter("done"), counter("failed"), counter("expired"), counter("overloaded"))
    }
}

extension Timestamp {
    /// Sleeps until this moment; false when the task was cancelled before.
    func arrives() async -> Bool {
        do {
            try await Task.sleep(for: max(.zero, self - .now))
            return true
        } catch {
            return false
        }
    }
}
