import NetworkMessages
import Synchronization

/// Tells those who wait which changes the data plane has taken.
final class TopologyProgress: Sendable {
    private struct Waiter {
        let continuation: AsyncStream<[TopologyKey: String]>.Continuation
    }

    private let waiters = Mutex<(next: Int, open: [Int: Waiter])>((0, [:]))

    /// The marks that are applied from now on, a batch at a time, newest kept when the reader is slow.
    func applied() -> AsyncStream<[TopologyKey: String]> {
        let (stream, continuation) = AsyncStream.makeStream(of: [TopologyKey: String].self, bufferingPolicy: .bufferingNewest(64))
        let id = waiters.withLock { state in
            state.next += 1
            state.open[state.next] = Waiter(continuation: continuation)
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.waiters.withLock { _ = $0.open.removeValue(forKey: id) }
        }
        return stream
    }

    /// Announces a batch that the data plane has taken.
    func announce(_ changes: [TopologyChangeRecords.Pending]) {
        let marks = Dictionary(uniqueKeysWithValues: changes.map { ($0.key, $0.mark) })
        let open = waiters.withLock { Array($0.open.values) }
        for waiter in open { waiter.continuation.yield(marks) }
    }
}
