import CloudCore

/// The standing of one listener: what runs, what waits, who waits for it, and what was answered lately. Pure: it
/// decides and returns what is to be done; a transport's listener does it. Every transport uses it, so that
/// bounds, deadlines and repeats mean the same on each.
struct BusWorkQueue {
    typealias Answer = Result<[UInt8], BusError>
    typealias Waiter = @Sendable (Answer) -> Void

    /// One run of a handler.
    struct RunID: Hashable, Sendable {
        fileprivate let number: Int
    }

    /// What the listener has to do now, outside of any lock.
    enum Action {
        /// Hand an answer to those who wait for it.
        case answer([Waiter], Answer)
        /// Run the handler, and report `finish`; ask `expire` at the deadline.
        case start(RunID, BusEnvelope)
        /// End what watches or carries out a run.
        case stop(@Sendable () -> Void)
        /// Nothing is left to do.
        case idle
    }

    /// What a run's watch does when its deadline comes.
    enum Expiry: Equatable {
        /// Cancel the handler.
        case cancel
        /// Someone else waits for the same work, until then.
        case wait(until: Timestamp)
        /// The run ended before.
        case over
    }

    private struct Work {
        let envelope: BusEnvelope
        var deadline: Timestamp
        var waiters: [Waiter]
        var isCancelled = false
        var stop: (@Sendable () -> Void)?
    }

    /// How many repeats may wait for the same work.
    static let maximumWaiters = 64

    private let address: BusAddress
    private let concurrency: Int
    private let queueLimit: Int
    private var running: [RunID: Work] = [:]
    private var waiting: [Work] = []
    private var underway: [BusWorkKey: RunID] = [:]
    private var memory: AnswerMemory
    private var lastRun = 0
    private var isAccepting = true
    /// Whether the listener was told to give up what still ran.
    private(set) var isAborted = false

    init(address: BusAddress, concurrency: Int, queueLimit: Int, memory: AnswerMemory = AnswerMemory()) {
        precondition(concurrency > 0 && queueLimit >= 0, "a listener handles at least one message at a time")
        (self.address, self.concurrency, self.queueLimit) = (address, concurrency, queueLimit)
        self.memory = memory
    }

    /// Whether nothing runs and nothing waits.
    var isIdle: Bool { running.isEmpty && waiting.isEmpty }
    /// How many messages run and wait.
    var load: Int { running.count + waiting.count }
    /// Whether a message would start at once.
    var isFree: Bool { isAccepting && running.count < concurrency }

    /// Takes a message, with who waits for its answer if anybody does.
    /// - Throws: `.overloaded` and `.closed`; the message was not taken then.
    mutating func offer(
        _ envelope: BusEnvelope, waiter: Waiter? = nil, now: Timestamp
    ) throws(BusError) -> [Action] {
        guard isAccepting else { throw .closed }
        if let key = BusWorkKey(envelope) {
            if let payload = memory.answer(key, now: now) { return waiter.map { [.answer([$0], .success(payload))] } ?? [] }
            if try join(envelope, key: key, waiter: waiter) { return [] }
        }
        let work = Work(envelope: envelope, deadline: envelope.deadline, waiters: waiter.map { [$0] } ?? [])
        if running.count < concurrency { return [start(work)] }
        var actions: [Action] = []
        if waiting.count >= queueLimit { actions = dropExpired(now: now) }
        guard waiting.count < queueLimit else { throw .overloaded(address) }
        waiting.append(work)
        return actions
    }

    /// Adds a repeat to the work it repeats, which then has until the later of the two deadlines.
    private mutating func join(_ envelope: BusEnvelope, key: BusWorkKey, waiter: Waiter?) throws(BusError) -> Bool {
        func add(to work: inout Work) throws(BusError) {
            guard let waiter else { return work.deadline = max(work.deadline, envelope.deadline) }
            guard work.waiters.count < Self.maximumWaiters else { throw .overloaded(address) }
            work.waiters.append(waiter)
            work.deadline = max(work.deadline, envelope.deadline)
        }
        if let run = underway[key], var work = running[run] {
            try add(to: &work)
            running[run] = work
            return true
        }
        guard let position = waiting.firstIndex(where: { BusWorkKey($0.envelope) == key }) else { return false }
        try add(to: &waiting[position])
        return true
    }

    private mutating func start(_ work: Work) -> Action {
        lastRun += 1
        let run = RunID(number: lastRun)
        running[run] = work
        if let key = BusWorkKey(work.envelope) { underway[key] = run }
        var envelope = work.envelope
        envelope.deadline = work.deadline
        return .start(run, envelope)
    }

    /// Says how a run can be stopped; false when it has ended, and the caller has to stop it.
    mutating func attach(_ run: RunID, stop: @escaping @Sendable () -> Void) -> Bool {
        guard !isAborted, running[run] != nil else { return false }
        running[run]?.stop = stop
        return true
    }

    /// A run's deadline has come.
    mutating func expire(_ run: RunID, now: Timestamp) -> Expiry {
        guard let work = running[run] else { return .over }
        guard work.deadline <= now else { return .wait(until: work.deadline) }
        running[run]?.isCancelled = true
        return .cancel
    }

    /// A run has ended. Only successes are remembered: after a failure, a repeat is another attempt.
    mutating func finish(_ run: RunID, _ answer: Answer, now: Timestamp) -> [Action] {
        guard var work = running.removeValue(forKey: run) else { return [] }
        var actions: [Action] = work.stop.map { [.stop($0)] } ?? []
        let key = BusWorkKey(work.envelope)
        if let key { underway[key] = nil }
        switch answer {
        case .success(let payload):
            if let key { memory.remember(payload, for: key, now: now) }
            actions.append(.answer(work.waiters, answer))
        case .failure where work.isCancelled && work.deadline > now && !isAborted:
            // A repeat with a later deadline joined while the handler was being cancelled: it deserves its own try.
            (work.isCancelled, work.stop) = (false, nil)
            waiting.insert(work, at: 0)
        case .failure:
            actions.append(.answer(work.waiters, work.isCancelled ? .failure(.deadlineExceeded) : answer))
        }
        actions += startWaiting(now: now)
        if isIdle { actions.append(.idle) }
        return actions
    }

    private mutating func startWaiting(now: Timestamp) -> [Action] {
        var actions = dropExpired(now: now)
        while running.count < concurrency, !waiting.isEmpty { actions.append(start(waiting.removeFirst())) }
        return actions
    }

    /// Work whose senders have all given up by now is not begun.
    private mutating func dropExpired(now: Timestamp) -> [Action] {
        let expired = waiting.filter { $0.deadline <= now }
        guard !expired.isEmpty else { return [] }
        waiting.removeAll { $0.deadline <= now }
        return expired.map { .answer($0.waiters, .failure(.deadlineExceeded)) }
    }

    /// Takes nothing further; what was taken goes on.
    mutating func close() { isAccepting = false }

    /// Gives up everything: handlers are cancelled, and whoever waits is told that the bus is closed.
    mutating func abort() -> [Action] {
        (isAccepting, isAborted) = (false, true)
        var actions: [Action] = []
        for (run, work) in running {
            if let stop = work.stop { actions.append(.stop(stop)) }
            actions.append(.answer(work.waiters, .failure(.closed)))
            running[run]?.waiters = []
        }
        actions += waiting.map { .answer($0.waiters, .failure(.closed)) }
        waiting = []
        return actions + [.idle]
    }
}
