import VolumeMessages

/// The bytes of a snapshot that is there as long as they are open.
final class RBDBytes: VolumeBytes {
    private let bytes: any VolumeBytes
    private let end: @Sendable () async -> Void

    init(_ bytes: any VolumeBytes, end: @escaping @Sendable () async -> Void) { (self.bytes, self.end) = (bytes, end) }

    var size: Int64 { bytes.size }
    func dataRanges() async throws -> [Range<Int64>] { try await bytes.dataRanges() }
    func read(_ range: Range<Int64>) async throws -> [UInt8] { try await bytes.read(range) }
    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws { try await self.bytes.write(bytes, at: offset) }
    func zero(_ range: Range<Int64>) async throws { try await bytes.zero(range) }
    func flush() async throws { try await bytes.flush() }

    /// Lets go of the bytes, and then of the snapshot.
    func close() async {
        await bytes.close()
        await end()
    }
}
