import NIOCore

/// Gathers the small pieces in which bytes come into chunks that are worth a store's or a disk's while. Every chunk but
/// the last has the full size.
struct ChunkGatherer: Sendable {
    private let size: Int
    private var pending = ByteBuffer()
    /// How many bytes came.
    private(set) var count = 0

    /// - Parameter size: how many bytes a chunk has.
    init(size: Int = Images.Parts.chunk) { self.size = size }

    /// Takes the next piece, and hands over every chunk that it completes.
    mutating func add(_ piece: ByteBuffer, give: (ByteBuffer) async throws -> Void) async throws {
        count += piece.readableBytes
        var piece = piece
        while piece.readableBytes > 0 {
            if pending.readableBytes == 0 { pending = ByteBufferAllocator().buffer(capacity: size) }
            if var part = piece.readSlice(length: min(piece.readableBytes, size - pending.readableBytes)) {
                pending.writeBuffer(&part)
            }
            guard pending.readableBytes == size else { continue }
            try await give(take())
        }
    }

    /// Hands over what is left.
    mutating func finish(give: (ByteBuffer) async throws -> Void) async throws {
        guard pending.readableBytes > 0 else { return }
        try await give(take())
    }

    private mutating func take() -> ByteBuffer {
        defer { pending = ByteBuffer() }
        return pending
    }
}
