import CLinux
import Foundation
import NIOCore
import Synchronization

/// An upload into a file.
final class FileImageUpload: ImageUpload {
    private let location: String
    private let temporary: URL
    private let final: URL
    private let descriptor: Descriptor
    /// How many bytes are in the file; the lane that appends is the only one to change it.
    private let length = Counter()

    /// After how many bytes the disk is told to begin writing, so that the last flush finds little left to do.
    private static let writeBackInterval = 8 << 20

    /// - Throws: `ImageStoreError.full` when there is no room for the expected size.
    init(location: String, temporary: URL, final: URL, expectedSize: Int?) throws {
        (self.location, self.temporary, self.final) = (location, temporary, final)
        descriptor = try UploadFile.make(temporary.path)
        guard let expectedSize, expectedSize > 0 else { return }
        do {
            try reserve(expectedSize)
        } catch {
            unlink(temporary.path)
            throw error
        }
    }

    /// Room on the disk, taken beforehand: a full disk shows before the bytes travel. Not every file system can.
    private func reserve(_ size: Int) throws {
        guard altostack_reserve(descriptor.number, size) != 0 else { return }
        if errno == ENOSPC || errno == EDQUOT || errno == EFBIG { throw ImageStoreError.full }
    }

    func append(_ bytes: ByteBuffer) async throws {
        let (descriptor, length) = (descriptor, length)
        try await BlockingWork.run {
            try bytes.withUnsafeReadableBytes { try Self.writeAll($0, to: descriptor.number) }
            let before = length.value
            length.add(bytes.readableBytes)
            let (flushed, reached) = (before / Self.writeBackInterval, length.value / Self.writeBackInterval)
            guard reached > flushed else { return }
            // A hint only: what it can't begin, the flush at the end does.
            _ = altostack_begin_write_back(
                descriptor.number, flushed * Self.writeBackInterval, (reached - flushed) * Self.writeBackInterval)
        }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == ENOSPC || errno == EDQUOT || errno == EFBIG {
                throw ImageStoreError.full
            } else if errno != EINTR {
                throw ImageStoreError.io(operation: "write", errno: errno)
            }
        }
    }

    func commit() async throws -> String {
        let (descriptor, temporary, final, length) = (descriptor, temporary, final, length.value)
        try await BlockingWork.run {
            // Gives back what was reserved beyond the last byte.
            guard ftruncate(descriptor.number, length) == 0 else { throw ImageStoreError.io(operation: "truncate", errno: errno) }
            guard fsync(descriptor.number) == 0 else { throw ImageStoreError.io(operation: "fsync", errno: errno) }
            guard rename(temporary.path, final.path) == 0 else { throw ImageStoreError.io(operation: "rename", errno: errno) }
            let folder = try Descriptor(opening: final.deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY)
            guard fsync(folder.number) == 0 else { throw ImageStoreError.io(operation: "fsync", errno: errno) }
        }
        return location
    }

    func abort() async {
        // A commit that failed at its last flush has renamed the file already.
        unlink(temporary.path)
        unlink(final.path)
    }
}
