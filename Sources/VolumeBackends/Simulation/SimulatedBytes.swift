import Synchronization
import VolumeMessages

/// The bytes of a simulated volume or snapshot.
struct SimulatedBytes: VolumeBytes {
    let backend: SimulatedBackend
    let volume: String
    /// Nil for the volume itself.
    let snapshot: String?
    let size: Int64

    private static let length = SimulatedChunks.length

    func dataRanges() async throws -> [Range<Int64>] {
        let content = try backend.state.withLock { (state) throws -> SimulatedContent in try self.content(in: state) }
        return content.pieces.keys.sorted().map { $0 * Self.length..<min(($0 + 1) * Self.length, size) }
    }

    func read(_ range: Range<Int64>) async throws -> [UInt8] {
        try await backend.perform(.read, on: volume) { state in
            let content = try content(in: state)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(range.count)
            for part in parts(of: range) {
                if let name = content.pieces[part.piece] {
                    bytes.append(contentsOf: try backend.chunks.bytes(name)[part.within])
                } else {
                    bytes.append(contentsOf: repeatElement(0, count: part.within.count))
                }
            }
            return bytes
        }
    }

    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws {
        try await backend.perform(.write, on: volume) { state in
            var position = bytes.startIndex
            try change(in: &state, offset..<offset + Int64(bytes.count)) { piece, within in
                piece.replaceSubrange(within, with: bytes[position..<position + within.count])
                position += within.count
            }
        }
    }

    func zero(_ range: Range<Int64>) async throws {
        try await backend.perform(.write, on: volume) { state in
            // Pieces that are not there are zeros already.
            let pieces = try content(in: state).pieces
            for part in parts(of: range) where pieces[part.piece] != nil {
                let start = part.piece * Self.length
                try change(in: &state, start + Int64(part.within.lowerBound)..<start + Int64(part.within.upperBound)) { piece, within in
                    piece.replaceSubrange(within, with: repeatElement(0, count: within.count))
                }
            }
        }
    }

    /// Every change is in its file already, as safe as a simulation has to be.
    func flush() async throws {}

    func close() async {}

    // MARK: Parts

    private func content(in state: SimulatedBackend.State) throws -> SimulatedContent {
        let found = snapshot.map { state.volumes[volume]?.snapshots[$0] } ?? state.volumes[volume]?.content
        guard let found else { throw VolumeFailure.notFound(snapshot ?? volume) }
        return found
    }

    private func change(
        in state: inout SimulatedBackend.State, _ range: Range<Int64>, _ body: (inout [UInt8], Range<Int>) -> Void
    ) throws {
        guard snapshot == nil, range.upperBound <= size else {
            throw VolumeFailure(.unsupported, "Nothing can be written there.")
        }
        var replaced: Set<String> = []
        try backend.change(volume, in: &state) { volume in
            for part in parts(of: range) {
                let before = volume.content.pieces[part.piece]
                var bytes = try before.map { try backend.chunks.bytes($0) } ?? [UInt8](repeating: 0, count: Int(Self.length))
                body(&bytes, part.within)
                let after = try backend.chunks.keep(bytes)
                volume.content.pieces[part.piece] = after
                if let before, before != after { replaced.insert(before) }
            }
        }
        try backend.forget(replaced, in: state)
    }

    /// A range by pieces: which one, and where in it.
    private func parts(of range: Range<Int64>) -> [(piece: Int64, within: Range<Int>)] {
        guard !range.isEmpty else { return [] }
        return (range.lowerBound / Self.length...(range.upperBound - 1) / Self.length).map { piece in
            let start = piece * Self.length
            let lower = max(range.lowerBound, start) - start
            return (piece, Int(lower)..<Int(min(range.upperBound, start + Self.length) - start))
        }
    }
}
