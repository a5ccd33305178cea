import NIOCore
import Synchronization

/// A fetch whose body is handed over piece by piece when its reader asks; between two pieces nothing is read from the
/// network. The connection ends when nobody refers to the download any more.
final class WebDownload: Sendable {
    private enum Part: Sendable {
        case head(WebAnswer)
        case bytes(ByteBuffer)
    }

    /// The answer's head.
    let answer: WebAnswer
    private let parts: Handoff<Part>
    private let task: Task<Void, Never>

    private init(_ answer: WebAnswer, _ parts: Handoff<Part>, _ task: Task<Void, Never>) {
        (self.answer, self.parts, self.task) = (answer, parts, task)
    }

    deinit {
        parts.close()
        task.cancel()
    }

    /// Sends the request and waits for the answer's head.
    /// - Throws: `WebRefusal`, `WebError`.
    static func begin(_ client: WebClient, _ url: String, headers: [String: String]) async throws -> WebDownload {
        let parts = Handoff<Part>()
        let task = Task {
            do {
                try await client.send("GET", url, headers: headers) { answer, body in
                    try await parts.give(.head(answer))
                    while let bytes = try await body.next() { try await parts.give(.bytes(bytes)) }
                }
                parts.end(nil)
            } catch {
                parts.end(error)
            }
        }
        guard case .head(let answer)? = try await parts.take() else { throw WebError.ended }
        return WebDownload(answer, parts, task)
    }

    /// The next bytes; nil at the end.
    func next() async throws -> ByteBuffer? {
        guard case .bytes(let bytes)? = try await parts.take() else { return nil }
        return bytes
    }
}

/// Hands values from one task to another, one at a time: the giver waits until its value is taken.
final class Handoff<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case offered(Value, CheckedContinuation<Void, any Error>)
        case awaited(CheckedContinuation<Value?, any Error>)
        /// Nothing comes any more, for this reason if there is one.
        case ended((any Error)?)
    }

    private let state = Mutex(State.idle)

    /// Waits until the value is taken.
    /// - Throws: `CancellationError` when nobody will take it.
    func give(_ value: Value) async throws {
        try await withCheckedThrowingContinuation { (giver: CheckedContinuation<Void, any Error>) in
            let act: @Sendable () -> Void = state.withLock { state in
                switch state {
                case .awaited(let taker):
                    state = .idle
                    return {
                        taker.resume(returning: value)
                        giver.resume()
                    }
                case .idle:
                    state = .offered(value, giver)
                    return {}
                case .offered, .ended: return { giver.resume(throwing: CancellationError()) }
                }
            }
            act()
        }
    }

    /// The next value; nil at the end.
    /// - Throws: what the giver ended with.
    func take() async throws -> Value? {
        try await withCheckedThrowingContinuation { (taker: CheckedContinuation<Value?, any Error>) in
            let act: @Sendable () -> Void = state.withLock { state in
                switch state {
                case .offered(let value, let giver):
                    state = .idle
                    return {
                        giver.resume()
                        taker.resume(returning: value)
                    }
                case .idle:
                    state = .awaited(taker)
                    return {}
                case .ended(let error):
                    return { if let error { taker.resume(throwing: error) } else { taker.resume(returning: nil) } }
                case .awaited: return { taker.resume(throwing: CancellationError()) }
                }
            }
            act()
        }
    }

    /// Says that nothing comes any more.
    func end(_ error: (any Error)?) {
        let taker: CheckedContinuation<Value?, any Error>? = state.withLock { state in
            defer { state = .ended(error) }
            if case .awaited(let taker) = state { return taker }
            return nil
        }
        if let error { taker?.resume(throwing: error) } else { taker?.resume(returning: nil) }
    }

    /// Says that nothing is taken any more.
    func close() {
        let giver: CheckedContinuation<Void, any Error>? = state.withLock { state in
            defer { state = .ended(CancellationError()) }
            if case .offered(_, let giver) = state { return giver }
            return nil
        }
        giver?.resume(throwing: CancellationError())
    }
}
