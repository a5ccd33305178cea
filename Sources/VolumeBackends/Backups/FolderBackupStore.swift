import CloudCore
import CloudCrypto
import Foundation
import VolumeMessages

/// Backups as files of a folder, which may be an NFS export:
///
///     DIR/<container>/<backup>/manifest.json     what the backup consists of; written last
///     DIR/<container>/<backup>/<number>          the pieces that it has and its parent hasn't
///
/// A manifest names each piece by its SHA-256 and says which backup keeps it, so a restoration reads one manifest, and a piece that
/// is missing or has changed is noticed before it reaches a volume.
public struct FolderBackupStore: BackupStore {
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

    private let folder: String
    private let chunk: Int64

    /// Backups in a folder.
    /// - Parameter chunk: the bytes in a piece of a full backup; increments take their parent's.
    public init(folder: String, chunk: Int) { (self.folder, self.chunk) = (folder, Int64(max(4096, chunk))) }

    /// Writes the pieces, and then what they are.
    public func keep(_ backup: BackupSpecification, _ bytes: any VolumeBytes) async throws -> CreateBackup.Reply {
        let place = try place(of: backup.id, in: backup.container)
        if let manifest = try await manifest(at: place) { return reply(manifest, backup.id) }
        let parent = try await parent(of: backup)
        let length = parent?.chunk ?? chunk
        let known = Dictionary((parent?.pieces ?? []).map { ($0.number, $0) }) { first, _ in first }
        try await Blocking.run {
            try Files.removeDirectory(place)
            try Files.makeDirectory(place)
        }
        do {
            var manifest = Manifest(size: bytes.size, chunk: length, pieces: [])
            for number in try await numbers(of: bytes, length) {
                try Task.checkCancellation()
                let piece = try await bytes.read(number * length..<min((number + 1) * length, bytes.size))
                guard piece.contains(where: { $0 != 0 }) else { continue }
                let digest = Hexadecimal.text(Digest.of(piece, .sha256))
                let isKnown = known[number]?.digest == digest
                if !isKnown { try await write(piece, to: place + "/\(number)") }
                let keeper = isKnown ? known[number]?.backupID : nil
                manifest.pieces.append(.init(number: number, digest: digest, backupID: keeper ?? backup.id))
            }
            let finished = manifest
            try await Blocking.run { try Files.write(Array(JSONEncoder().encode(finished)), to: place + "/manifest.json") }
            return reply(manifest, backup.id)
        } catch {
            try? Files.removeDirectory(place)
            throw error
        }
    }

    /// Writes a backup's bytes.
    public func restore(_ backup: BackupSpecification, to bytes: any VolumeBytes) async throws {
        guard let manifest = try await manifest(at: try place(of: backup.id, in: backup.container)) else {
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
        let place = try place(of: backup.id, in: backup.container)
        try await Blocking.run {
            try Files.remove(place + "/manifest.json")
            try Files.removeDirectory(place)
        }
    }

    // MARK: Parts

    /// Containers are named by users; nothing but one folder's name gets into a path.
    private func place(of id: String, in container: String?) throws -> String {
        let container = container.flatMap { $0.isEmpty ? nil : $0 } ?? "volumebackups"
        let parts = container.split(separator: "/", omittingEmptySubsequences: true)
        guard Identifier.isUUID(id), container.utf8.count <= 255, !container.contains("\0"),
            !parts.isEmpty, parts.allSatisfy({ $0 != "." && $0 != ".." })
        else { throw VolumeFailure(.unsupported, "\(container) can't be the name of a backup's container.") }
        return ([folder] + parts.map(String.init) + [id.lowercased()]).joined(separator: "/")
    }

    private func manifest(at place: String) async throws -> Manifest? {
        try await Blocking.run {
            guard let bytes = try Files.contents(of: place + "/manifest.json") else { return nil }
            do {
                return try JSONDecoder().decode(Manifest.self, from: Data(bytes))
            } catch {
                throw VolumeFailure(.backupDamaged, "What the backup consists of can't be read.", cause: error)
            }
        }
    }

    private func parent(of backup: BackupSpecification) async throws -> Manifest? {
        guard let id = backup.parentID else { return nil }
        guard let manifest = try await manifest(at: try place(of: id, in: backup.container)) else {
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

    private func write(_ piece: [UInt8], to path: String) async throws {
        try await Blocking.run { [folder] in
            // Refused before it is written: a full folder must not stop everything else that lies there.
            guard try Files.room(at: folder).free > Int64(piece.count) + (16 << 20) else {
                throw VolumeFailure(.full, "There is no room for the backup.")
            }
            try Files.write(piece, to: path)
        }
    }

    private func content(of piece: Manifest.Piece, _ count: Int64, _ backup: BackupSpecification) async throws -> [UInt8] {
        let path = try place(of: piece.backupID, in: backup.container) + "/\(piece.number)"
        let bytes = try await Blocking.run { try Files.contents(of: path) }
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
