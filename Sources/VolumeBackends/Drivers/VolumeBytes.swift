import VolumeMessages

/// A volume's or snapshot's bytes, opened: for copies between back ends, backups and images. Whoever opens it closes it.
public protocol VolumeBytes: Sendable {
    /// How many there are.
    var size: Int64 { get }

    /// Where there may be other bytes than zeros, from first to last, without overlaps.
    func dataRanges() async throws -> [Range<Int64>]

    /// The bytes of a range, which lies within the size.
    func read(_ range: Range<Int64>) async throws -> [UInt8]

    /// Writes bytes at a place; they end within the size.
    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws

    /// Makes a range read as zeros.
    func zero(_ range: Range<Int64>) async throws

    /// Returns once everything that was written outlives a loss of power.
    func flush() async throws

    /// Lets go of it.
    func close() async
}

extension VolumeBytes {
    /// Hands its bytes to `write` in order, piece by piece; what is known to be zeros is left out.
    func forEachPiece(of length: Int64 = 4 << 20, _ write: (ArraySlice<UInt8>, Int64) async throws -> Void) async throws {
        for range in try await dataRanges() {
            var offset = range.lowerBound
            while offset < range.upperBound {
                try Task.checkCancellation()
                let end = min(offset + length, range.upperBound)
                try await write(try await read(offset..<end)[...], offset)
                offset = end
            }
        }
    }

    /// Makes these the same bytes as another's, with zeros behind them.
    /// - Throws: `VolumeFailure` with `unsupported` for more bytes than there is room for.
    func overwrite(with source: any VolumeBytes) async throws {
        guard source.size <= size else { throw VolumeFailure(.unsupported, "The volume has no room for \(source.size) bytes.") }
        var end: Int64 = 0
        try await source.forEachPiece { bytes, offset in
            if offset > end { try await zero(end..<offset) }
            try await write(bytes, at: offset)
            end = offset + Int64(bytes.count)
        }
        if end < size { try await zero(end..<size) }
        try await flush()
    }

    /// Writes all of another's bytes here, where all reads as zeros.
    func fill(from source: any VolumeBytes) async throws {
        try await source.forEachPiece { bytes, offset in
            if bytes.contains(where: { $0 != 0 }) { try await write(bytes, at: offset) }
        }
        try await flush()
    }
}

/// Where a storage host gets images from.
public protocol VolumeImageSource: Sendable {
    /// Hands an image's bytes to `write` from first to last, in chunks of whatever size.
    /// - Throws: when there is no such image, or it can't be read; what `write` throws.
    func read(_ imageID: String, write: @Sendable (ArraySlice<UInt8>) async throws -> Void) async throws
}

/// Where a storage host sends images that it makes of volumes.
public protocol VolumeImageSink: Sendable {
    /// Stores bytes as the data of an image that is queued, and makes it active.
    /// - Parameters:
    ///   - imageID: the image.
    ///   - format: the bytes' format.
    ///   - size: how many bytes there are.
    ///   - read: the next chunk, of whatever size; nil at the end. What it throws ends the upload, and the image stays queued.
    func store(
        _ imageID: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws
}
