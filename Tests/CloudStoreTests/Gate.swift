import Dispatch
import Synchronization

/// Holds a database's thread inside a body until it is opened, and tells when the thread has arrived.
final class Gate: Sendable {
    private let opened = DispatchSemaphore(value: 0)
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation

    init() { (arrivals, arrival) = AsyncStream.makeStream() }

    /// Called by the body: reports the arrival and waits.
    func pass() {
        arrival.yield()
        opened.wait()
    }

    /// Returns once a body has arrived.
    func untilReached() async {
        for await _ in arrivals { return }
    }

    /// Lets one body through.
    func open() { opened.signal() }
}

/// A list that several threads add to.
final class Journal<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])

    var entries: [Entry] { state.withLock { $0 } }

    func add(_ entry: Entry) { state.withLock { $0.append(entry) } }
}
