import NIOCore
import Testing

@testable import Images

/// Chunks of bytes that come in pieces.
@Suite struct ChunkGathererTests {
    private func chunks(_ pieces: [Int], of size: Int) async throws -> (sizes: [Int], bytes: [UInt8], count: Int) {
        var gatherer = ChunkGatherer(size: size)
        var (sizes, bytes, next): ([Int], [UInt8], UInt8) = ([], [], 0)
        for count in pieces {
            let piece = (0..<count).map { next &+ UInt8(truncatingIfNeeded: $0) }
            next = next &+ UInt8(truncatingIfNeeded: count)
            try await gatherer.add(ByteBuffer(bytes: piece)) {
                sizes.append($0.readableBytes)
                bytes += $0.readableBytesView
            }
        }
        try await gatherer.finish {
            sizes.append($0.readableBytes)
            bytes += $0.readableBytesView
        }
        return (sizes, bytes, gatherer.count)
    }

    @Test(arguments: [
        ([3, 3, 3, 3], [4, 4, 4]), ([10], [4, 4, 2]), ([1, 0, 1], [2]), ([4, 4], [4, 4]), ([], []), ([0], []), ([9, 3, 1], [4, 4, 4, 1]),
    ]) func everyChunkButTheLastIsFull(_ pieces: [Int], _ expected: [Int]) async throws {
        let found = try await chunks(pieces, of: 4)
        #expect(found.sizes == expected)
        #expect(found.count == pieces.reduce(0, +))
        #expect(found.bytes == (0..<found.count).map { UInt8(truncatingIfNeeded: $0) })
    }
}
