import ImageStores
import NIOCore

/// An image's bytes as chunks. While one is on its way the next is read: one chunk ahead, however slow the reader is.
struct ImageChunks: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let content: any ImageContent
    let range: Range<Int>
    let chunk: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        let content: any ImageContent
        var rest: Range<Int>
        let chunk: Int
        var ahead: Task<ByteBuffer, any Error>?

        mutating func next() async throws -> ByteBuffer? {
            guard !rest.isEmpty else { return nil }
            let bytes = try await (ahead ?? fetch(from: rest.lowerBound)).value
            // An image that is shorter than it was: the answer breaks off, which its length tells the client.
            guard bytes.readableBytes > 0 else { throw ImageStoreError.unavailable("the image ended before its size") }
            rest = (rest.lowerBound + bytes.readableBytes)..<rest.upperBound
            ahead = rest.isEmpty ? nil : fetch(from: rest.lowerBound)
            return bytes
        }

        private func fetch(from offset: Int) -> Task<ByteBuffer, any Error> {
            let (content, count) = (content, Swift.min(chunk, rest.upperBound - offset))
            return Task { try await content.read(at: offset, count: count) }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content: content, rest: range, chunk: chunk) }
}
