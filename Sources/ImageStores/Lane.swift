import NIOCore
import Synchronization

/// Work on chunks in their order, on a task of its own, at most some chunks behind its one sender.
final class Lane: Sendable {
    private struct State {
        var pending = 0
        var waiting: CheckedContinuation<Void, any Error>?
        var failure: (any Error)?
        var isCancelled = false
    }

    private let state = Mutex(State())
    private let depth: Int
    private let work: @Sendable (ByteBuffer) async throws -> Void
    private let input: AsyncStream<ByteBuffer>.Continuation
    private let chunks: AsyncStream<ByteBuffer>
    private let done = Mutex<Task<Void, Never>?>(nil)

    init(depth: Int, _ work: @escaping @Sendable (ByteBuffer) async throws -> Void) {
        (self.depth, self.work) = (depth, work)
        (chunks, input) = AsyncStream.makeStream()
        done.withLock { $0 = Task { await self.run() } }
    }

    private func run() async {
        for await chunk in chunks {
            guard state.withLock({ $0.failure == nil && !$0.isCancelled }) else { continue }
            do {
                try await work(chunk)
                let waiting = state.withLock { state in
                    state.pending -= 1
                    return state.pending < depth ? state.waiting.take() : nil
                }
                waiting?.resume()
            } catch {
                let waiting = state.withLock { state in
                    state.failure = error
                    return state.waiting.take()
                }
                waiting?.resume(throwing: error)
            }
        }
    }

    /// Hands over a chunk; returns when fewer than `depth` wait.
    /// - Throws: what the work threw on an earlier chunk.
    func send(_ chunk: ByteBuffer) async throws {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.pending += 1
        }
        input.yield(chunk)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let outcome: Result<Void, any Error>? = state.withLock { state in
                if let failure = state.failure { return .failure(failure) }
                guard state.pending >= depth else { return .success(()) }
                state.waiting = continuation
                return nil
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }

    /// Waits until every chunk is done.
    /// - Throws: what the work threw.
    func finish() async throws {
        input.finish()
        await done.withLock { $0 }?.value
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Drops the chunks that wait, and waits for the one under way.
    func cancel() async {
        state.withLock { $0.isCancelled = true }
        input.finish()
        await done.withLock { $0 }?.value
    }
}

/// A number that several tasks may add to.
final class Counter: Sendable {
    private let sum = Atomic(0)
    var value: Int { sum.load(ordering: .relaxed) }
    func add(_ number: Int) { sum.add(number, ordering: .relaxed) }
}

extension Optional {
    /// Takes the value out and leaves nothing.
    mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
