import HTTPTypes
import NIOCore
import Synchronization

/// One request's body: enforces its limit and its declared length, and knows whether it was read to its end.
final class RequestBodyReader: Sendable {
    private struct State {
        var received = 0
        var hasEnded: Bool
        var refusal: Refusal?
    }

    private let source: ByteStream
    private let declaredLength: Int?
    private let onFirstRead: @Sendable () -> Void
    private let state: Mutex<State>

    /// A reader.
    /// - Parameters:
    ///   - source: the bytes.
    ///   - headers: the request's headers, which say whether there is a body.
    ///   - onFirstRead: called before the first byte is asked for; where `100 Continue` is sent.
    init(_ source: ByteStream, headers: HTTPFields, onFirstRead: @escaping @Sendable () -> Void = {}) {
        self.source = source
        declaredLength = headers[.contentLength].flatMap { Int($0) }
        self.onFirstRead = onFirstRead
        let isEmpty = (declaredLength ?? 0) == 0 && !headers.contains(.transferEncoding)
        state = Mutex(State(hasEnded: isEmpty))
    }

    /// Whether nothing of the body is left to read.
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    /// Whether so little is left that reading and dropping it is cheaper than a new connection.
    var isWorthDraining: Bool {
        guard let declaredLength else { return hasEnded }
        return hasEnded || declaredLength <= 65_536
    }

    /// Why the body was refused while it was read, whatever became of the error on its way through a handler.
    var refusal: Refusal? { state.withLock { $0.refusal } }

    /// The body as a stream of at most so many bytes.
    func stream(limit: Int) -> ByteStream {
        guard !hasEnded else { return .empty }
        return ByteStream(LimitedBody(reader: self, source: source, limit: limit))
    }

    /// The whole body.
    func collect(limit: Int) async throws -> [UInt8] {
        guard !hasEnded else { return [] }
        if let declaredLength, declaredLength > limit { throw Refusal.bodyTooLarge(limit: limit) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(declaredLength ?? 0, limit))
        for try await chunk in stream(limit: limit) { bytes.append(contentsOf: chunk.readableBytesView) }
        return bytes
    }

    fileprivate func begin(limit: Int) throws {
        if let declaredLength, declaredLength > limit { try refuse(.bodyTooLarge(limit: limit)) }
        onFirstRead()
    }

    fileprivate func received(_ chunk: ByteBuffer, limit: Int) throws {
        let total = state.withLock { state in
            state.received += chunk.readableBytes
            return state.received
        }
        if total > limit { try refuse(.bodyTooLarge(limit: limit)) }
    }

    fileprivate func ended() throws {
        let received = state.withLock { state in
            state.hasEnded = true
            return state.received
        }
        if let declaredLength, received < declaredLength { try refuse(.bodyIncomplete) }
    }

    private func refuse(_ refusal: Refusal) throws {
        state.withLock { $0.refusal = refusal }
        throw refusal
    }
}

/// The body as its reader admits it.
private struct LimitedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let reader: RequestBodyReader
    let source: ByteStream
    let limit: Int

    struct Iterator: AsyncIteratorProtocol {
        let reader: RequestBodyReader
        let limit: Int
        let source: ByteStream
        var iterator: ByteStream.AsyncIterator?

        mutating func next() async throws -> ByteBuffer? {
            if iterator == nil {
                try reader.begin(limit: limit)
                iterator = source.makeAsyncIterator()
            }
            guard let chunk = try await iterator?.next() else {
                try reader.ended()
                return nil
            }
            try reader.received(chunk, limit: limit)
            return chunk
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(reader: reader, limit: limit, source: source) }
}
