import CloudCrypto
import Foundation
import Synchronization
import VolumeMessages

/// Pieces of volumes by the SHA-256 of their bytes: each is kept once, in memory or, given a folder, in a file. What is read is
/// checked against its name, so a byte that went astray is never taken for a volume's. Guarded by the back end's lock.
final class SimulatedChunks: Sendable {
    /// The bytes in a piece.
    static let length: Int64 = 1 << 20

    private let folder: String?
    private let memory = Mutex<[String: [UInt8]]>([:])

    init(folder: String?) { self.folder = folder }

    /// Makes the folder, and deletes what no volume holds.
    func start(keeping used: Set<String>) throws {
        guard let folder else { return }
        try Files.makeDirectory(folder)
        for name in try Files.names(in: folder) where !used.contains(name) { try Files.remove(folder + "/" + name) }
    }

    /// Keeps bytes; nil for zeros, which need no keeping.
    func keep(_ bytes: [UInt8]) throws -> String? {
        guard bytes.contains(where: { $0 != 0 }) else { return nil }
        let name = Hexadecimal.text(Digest.of(bytes, .sha256))
        guard let folder else {
            memory.withLock { $0[name] = bytes }
            return name
        }
        let path = folder + "/" + name
        if !Files.exists(path) { try Files.replace(path, with: bytes) }
        return name
    }

    /// The bytes of a piece.
    /// - Throws: `VolumeFailure` when they are gone or others.
    func bytes(_ name: String) throws -> [UInt8] {
        let bytes = try folder.map { try Files.contents(of: $0 + "/" + name) } ?? memory.withLock { $0[name] }
        guard let bytes, Hexadecimal.text(Digest.of(bytes, .sha256)) == name else {
            throw VolumeFailure(.backendError, "The simulated back end has lost bytes of a volume.")
        }
        return bytes
    }

    /// Forgets what is in the first set and not in the second.
    func forget(_ names: Set<String>, except used: Set<String>) throws {
        for name in names.subtracting(used) {
            if let folder { try Files.remove(folder + "/" + name) } else { memory.withLock { $0[name] = nil } }
        }
    }
}

/// Bytes as hexadecimal digits.
enum Hexadecimal {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
