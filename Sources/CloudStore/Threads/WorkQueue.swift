import CloudCore
import Dispatch
import Synchronization

/// A bounded queue between tasks, which never wait to put a job in, and dedicated threads, which sleep until there is one.
/// What background work wants stands behind what requests want, but is never left standing: of so many jobs that leave, one
/// is the background's. The thread that fell asleep last is woken first: its caches are the warmest.
final class WorkQueue<Job: Sendable>: Sendable {
    private struct State {
        var urgent = FIFO<Job>()
        var background = FIFO<Job>()
        /// How many urgent jobs went out since one of the background did.
        var passed = 0
        var sleeping: [DispatchSemaphore] = []
        var isClosed = false

        var count: Int { urgent.count + background.count }

        mutating func append(_ job: Job, isBackground: Bool) {
            if isBackground { background.append(job) } else { urgent.append(job) }
        }

        mutating func popFirst() -> Job? {
            if passed >= WorkQueue.urgentShare || urgent.count == 0, let job = background.popFirst() {
                passed = 0
                return job
            }
            passed = background.count == 0 ? 0 : passed + 1
            return urgent.popFirst()
        }
    }

    private let state = Mutex(State())
    private let limit: Int
    /// How many urgent jobs may go before one of the background that waits.
    private static var urgentShare: Int { 8 }

    init(limit: Int) { self.limit = limit }

    /// Puts a job in, behind the others of the current task's kind.
    /// - Throws: `overloaded` when the queue is full, `unavailable` when it is closed.
    func push(_ job: Job) throws(StoreError) {
        let (limit, isBackground) = (limit, Background.isCurrent)
        let outcome: Result<DispatchSemaphore?, StoreError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.unavailable("the database is closed")) }
            guard state.count < limit else { return .failure(.overloaded) }
            state.append(job, isBackground: isBackground)
            return .success(state.sleeping.popLast())
        }
        try outcome.get()?.signal()
    }

    /// The next job, once there is one; nil when the queue is closed and empty. `bell` belongs to the calling thread.
    func pop(sleepingOn bell: DispatchSemaphore) -> Job? {
        while true {
            let (job, isOver): (Job?, Bool) = state.withLock { state in
                if let job = state.popFirst() { return (job, false) }
                if state.isClosed { return (nil, true) }
                state.sleeping.append(bell)
                return (nil, false)
            }
            if job != nil || isOver { return job }
            bell.wait()
        }
    }

    /// The next job, if there is one now.
    /// - Parameter onlyUrgent: whether background work's stays where it is.
    func popWaiting(onlyUrgent: Bool = false) -> Job? {
        state.withLock { onlyUrgent && $0.urgent.count == 0 ? nil : $0.popFirst() }
    }

    /// How many jobs wait.
    var count: Int { state.withLock { $0.count } }

    /// Takes no more jobs; those inside are still handed out.
    func close() {
        let sleeping = state.withLock { state in
            state.isClosed = true
            defer { state.sleeping = [] }
            return state.sleeping
        }
        for bell in sleeping { bell.signal() }
    }
}

/// A queue on an array: constant time at both ends, amortised.
struct FIFO<Element> {
    private var storage: [Element?] = []
    private var head = 0

    var count: Int { storage.count - head }

    mutating func append(_ element: Element) { storage.append(element) }

    mutating func popFirst() -> Element? {
        guard head < storage.count else { return nil }
        defer { compact() }
        defer { head += 1 }
        return storage[head].take()
    }

    private mutating func compact() {
        if head == storage.count {
            storage.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1024, head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
    }
}
