import Foundation
import Glibc
import Synchronization

/// A file that is written from its first byte to its last.
final class ScratchFile: Sendable {
    private let path: String
    private let descriptor: Int32
    private let position = Mutex(Int64(0))

    /// Makes it; an existing one is an error.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "create \(path)", code: errno) }
    }

    deinit { close(descriptor) }

    /// Adds bytes.
    func append(_ bytes: ArraySlice<UInt8>) throws {
        let offset = position.withLock { position in
            defer { position += Int64(bytes.count) }
            return position
        }
        try Files.write(bytes, at: offset, to: descriptor, path)
    }
}
