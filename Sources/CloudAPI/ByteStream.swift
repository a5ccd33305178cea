import CloudCore
import NIOCore

/// The bytes of a request or response body as they come. The reader sets the pace: nothing is fetched before it asks,
/// so a body of any size passes in constant memory. It can be read once.
public struct ByteStream: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    /// Whatever the source throws.
    public typealias Failure = any Error

    private let begin: @Sendable () -> AsyncIterator

    /// Reads one chunk after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let pull: () async throws -> ByteBuffer?

        init(_ pull: @escaping () async throws -> ByteBuffer?) { self.pull = pull }

        public mutating func next() async throws -> ByteBuffer? { try await pull() }
    }

    /// The bytes of any asynchronous sequence.
    public init<Source: AsyncSequence & Sendable>(_ source: Source) where Source.Element == ByteBuffer {
        begin = {
            var iterator = source.makeAsyncIterator()
            return AsyncIterator { try await iterator.next() }
        }
    }

    /// The bytes that a closure hands out chunk by chunk until it returns nil.
    public init(unfolding pull: @escaping @Sendable () async throws -> ByteBuffer?) {
        begin = { AsyncIterator(pull) }
    }

    /// Bytes that are in memory already.
    public init(_ bytes: some Sequence<UInt8>) {
        let buffer = ByteBuffer(bytes: bytes)
        begin = {
            var rest: ByteBuffer? = buffer.readableBytes > 0 ? buffer : nil
            return AsyncIterator { defer { rest = nil }; return rest }
        }
    }

    /// No bytes.
    public static let empty = ByteStream([])

    /// Begins to read; a body can be read once.
    public func makeAsyncIterator() -> AsyncIterator { begin() }

    /// Gathers the whole body.
    /// - Throws: `Refusal.bodyTooLarge` once it is longer than the limit in bytes, and what the source throws.
    public func collect(upTo limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in self {
            guard bytes.count + chunk.readableBytes <= limit else { throw Refusal.bodyTooLarge(limit: limit) }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }
}
