import CloudCrypto
import Foundation
import VolumeMessages

/// Backups as objects:
///
///     <container>/<backup>/manifest.json     what the backup consists of; written last
///     <container>/<backup>/<number>          the pieces that it has and its parent hasn't
///
/// A manifest names each piece by its SHA-256 and says which backup keeps it, so a restoration reads one manifest, and a piece that
/// is missing or has changed is noticed before it reaches a volume.
public struct PieceBackupStore: BackupStore {
    /// What a backup consists of.
    struct Manifest: Codable, Sendable, Hashable {
        /// A piece that is not zeros.
        struct Piece: Codable, Sendable, Hashable {
            var number: Int64
            /// The SHA-256 of its bytes.
            var digest: String
            /// The backup that keeps it.
            var backupID: String
        }

        /// The format's version.
        var version = 1
        /// The volume's size in bytes.
        var size: Int64
        /// The bytes in a piece; the last may be shorter.
        var chunk: Int64
        var pieces: [Piece]
    }

    private static let manifestName = "manifest.json"

    private let place: any BackupPlace
    private let chunk: Int64

    /// Backups in a place.
    /// - Parameter chunk: the bytes in a piece of a full backup; increments take their parent's.
    public init(in place: any BackupPlace, chunk: Int) { (self.place, self.chunk) = (place, Int64(max(4096, chunk))) }

    /// Writes the pieces, and then what they are.
    public func keep(_ backup: BackupSpecification, _ bytes: any VolumeBytes) async throws -> CreateBackup.Reply {
        let own = try BackupFolder(backup.id, in: backup.container)
        if let manifest = try await manifest(of: own) { return reply(manifest, backup.id) }
        let parent = try await parent(of: backup)
        let length = parent?.chunk ?? chunk
        let known = Dictionary((parent?.pieces ?? []).map { ($0.number, $0) }) { first, _ in first }
        try await place.prepare(own)
        do {
            var manifest = Manifest(size: bytes.size, chunk: length, pieces: [])
            for number in try await numbers(of: bytes, length) {
                try Task.checkCancellation()
                let piece = try await bytes.read(number * length..<min((number + 1) * length, bytes.size))
                guard piece.contains(where: { $0 != 0 }) else { continue }
                let digest = Hexadecimal.text(Digest.of(piece, .sha256))
                let isKnown = known[number]?.digest == digest
                if !isKnown { try await place.write(piece, String(number), of: own) }
                let keeper = isKnown ? known[number]?.backupID : nil
                manifest.pieces.append(.init(number: number, digest: digest, backupID: keeper ?? backup.id))
            }
            try await place.write(Array(JSONEncoder().encode(manifest)), Self.manifestName, of: own)
            return reply(manifest, backup.id)
        } catch {
            // What can't be removed now goes with the next attempt, or with the backup.
            try? await place.removeAll(of: own)
            throw error
        }
    }

    /// Writes a backup's bytes.
    public func restore(_ backup: BackupSpecification, to bytes: any VolumeBytes) async throws {
        guard let manifest = try await manifest(of: try BackupFolder(backup.id, in: backup.container)) else {
            throw VolumeFailure(.backupDamaged, "The backup \(backup.id) is not there, or was not finished.")
        }
        guard manifest.size <= bytes.size else {
            throw VolumeFailure(.unsupported, "The backup needs a volume of \(manifest.size) bytes.")
        }
        var end: Int64 = 0
        for piece in manifest.pieces.sorted(by: { $0.number < $1.number }) {
            try Task.checkCancellation()
            let start = piece.number * manifest.chunk
            if start > end { try await bytes.zero(end..<start) }
            let content = try await content(of: piece, min(manifest.chunk, manifest.size - start), backup)
            try await bytes.write(content[...], at: start)
            end = start + Int64(content.count)
        }
        if end < bytes.size { try await bytes.zero(end..<bytes.size) }
    }

    /// Removes a backup: what it is first, so that nothing takes the rest for a whole one.
    public func remove(_ backup: BackupSpecification) async throws {
        let own = try BackupFolder(backup.id, in: backup.container)
        try await place.remove(Self.manifestName, of: own)
        try await place.removeAll(of: own)
    }

    // MARK: Parts

    private func manifest(of backup: BackupFolder) async throws -> Manifest? {
        guard let bytes = try await place.read(Self.manifestName, of: backup) else { return nil }
        do {
            return try JSONDecoder().decode(Manifest.self, from: Data(bytes))
        } catch {
            throw VolumeFailure(.backupDamaged, "What the backup consists of can't be read.", cause: error)
        }
    }

    private func parent(of backup: BackupSpecification) async throws -> Manifest? {
        guard let id = backup.parentID else { return nil }
        guard let manifest = try await manifest(of: try BackupFolder(id, in: backup.container)) else {
            throw VolumeFailure(.backupDamaged, "The backup \(id), which this one adds to, is not there.")
        }
        return manifest
    }

    /// The numbers of pieces that may be other than zeros.
    private func numbers(of bytes: any VolumeBytes, _ length: Int64) async throws -> [Int64] {
        var numbers: [Int64] = []
        for range in try await bytes.dataRanges() where !range.isEmpty {
            let first = max(range.lowerBound / length, (numbers.last ?? -1) + 1)
            let last = (range.upperBound - 1) / length
            if first <= last { numbers.append(contentsOf: first...last) }
        }
        return numbers
    }

    private func content(of piece: Manifest.Piece, _ count: Int64, _ backup: BackupSpecification) async throws -> [UInt8] {
        let bytes = try await place.read(String(piece.number), of: try BackupFolder(piece.backupID, in: backup.container))
        guard let bytes, bytes.count == count, Hexadecimal.text(Digest.of(bytes, .sha256)) == piece.digest else {
            throw VolumeFailure(.backupDamaged, "Bytes of the backup \(backup.id) are missing or have changed.")
        }
        return bytes
    }

    private func reply(_ manifest: Manifest, _ id: String) -> CreateBackup.Reply {
        let own = manifest.pieces.filter { $0.backupID == id }
        let bytes = own.reduce(Int64(0)) { $0 + min(manifest.chunk, manifest.size - $1.number * manifest.chunk) }
        return CreateBackup.Reply(objectCount: own.count, bytes: bytes)
    }
}
