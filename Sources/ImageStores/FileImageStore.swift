import CloudCore
import CloudCrypto
import Foundation

/// Images as files in one folder. An upload is written beside it and renamed into place when it is complete and on
/// disk, so that a crash leaves either the whole image or nothing but a leftover that the next start removes.
public final class FileImageStore: ImageStore {
    /// The store's name as users see it.
    public let name: String
    private let folder: URL
    private let incoming: URL

    /// A store over a folder, which is made if it is not there. Leftovers of uploads that a crash cut off are removed.
    public init(name: String = "file", folder: URL) throws {
        (self.name, self.folder) = (name, folder.appending(path: "data"))
        incoming = folder.appending(path: "incoming")
        let files = FileManager.default
        try files.createDirectory(at: self.folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        try files.createDirectory(at: incoming, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        for leftover in try files.contentsOfDirectory(at: incoming, includingPropertiesForKeys: nil) {
            try files.removeItem(at: leftover)
        }
    }

    /// The file of a location. Locations are UUIDs, so that no text of a user becomes a path.
    private func file(_ location: String) throws -> URL {
        guard Identifier.isUUID(location) else { throw ImageStoreError.missing(location) }
        return folder.appending(path: location)
    }

    /// An upload into a file beside the store.
    public func beginUpload(id: String) async throws -> any ImageUpload {
        let location = Identifier.uuid()
        return try FileImageUpload(
            location: location, temporary: incoming.appending(path: location), final: try file(location))
    }

    /// The file behind a location.
    public func open(_ location: String) async throws -> any ImageContent {
        try FileImageContent(path: try file(location).path, location: location)
    }

    /// Unlinks the file behind a location.
    public func remove(_ location: String) async throws {
        let path = try file(location).path
        guard unlink(path) == 0 || errno == ENOENT else { throw ImageStoreError.io(operation: "unlink", errno: errno) }
    }

    /// The names of the store's files.
    public func locations() async throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
    }

    /// The file behind a location, for hosts that share this machine's disk.
    /// - Throws: `ImageStoreError.missing`.
    public func path(of location: String) throws -> String {
        let path = try file(location).path
        guard FileManager.default.fileExists(atPath: path) else { throw ImageStoreError.missing(location) }
        return path
    }
}

/// A file descriptor that is closed with its owner.
final class Descriptor: Sendable {
    let number: Int32

    init(opening path: String, _ flags: Int32, mode: mode_t = 0) throws {
        number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw ImageStoreError.io(operation: "open", errno: errno) }
    }

    deinit { close(number) }
}

/// Runs blocking file work off the threads that serve requests.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "image-store", attributes: .concurrent)

    static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try work() }) }
        }
    }
}

/// An upload into a file. The two digests and the disk take each chunk at the same time.
final class FileImageUpload: ImageUpload {
    private let location: String
    private let temporary: URL
    private let final: URL
    private let descriptor: Descriptor
    private let md5 = Digest(.md5)
    private let sha512 = Digest(.sha512)

    init(location: String, temporary: URL, final: URL) throws {
        (self.location, self.temporary, self.final) = (location, temporary, final)
        descriptor = try Descriptor(opening: temporary.path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
    }

    func write(_ bytes: [UInt8]) async throws {
        let (descriptor, md5, sha512) = (descriptor, md5, sha512)
        async let stored: Void = BlockingWork.run { try Self.writeAll(bytes, to: descriptor.number) }
        async let weak: Void = BlockingWork.run { md5.update(bytes) }
        async let strong: Void = BlockingWork.run { sha512.update(bytes) }
        _ = try await (stored, weak, strong)
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = UnsafeRawBufferPointer(buffer)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno == ENOSPC || errno == EDQUOT {
                    throw ImageStoreError.full
                } else if errno != EINTR {
                    throw ImageStoreError.io(operation: "write", errno: errno)
                }
            }
        }
    }

    func commit() async throws -> StoredImage {
        let (descriptor, temporary, final) = (descriptor, temporary, final)
        let size = try await BlockingWork.run {
            guard fsync(descriptor.number) == 0 else { throw ImageStoreError.io(operation: "fsync", errno: errno) }
            guard rename(temporary.path, final.path) == 0 else { throw ImageStoreError.io(operation: "rename", errno: errno) }
            let folder = try Descriptor(opening: final.deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY)
            guard fsync(folder.number) == 0 else { throw ImageStoreError.io(operation: "fsync", errno: errno) }
            return Int(lseek(descriptor.number, 0, SEEK_END))
        }
        return StoredImage(
            location: location, size: size, md5: md5.finish().hexadecimal, sha512: sha512.finish().hexadecimal)
    }

    func abort() async {
        unlink(temporary.path)
    }
}

/// An open file. It stays readable when the image is removed meanwhile.
final class FileImageContent: ImageContent {
    let size: Int
    private let descriptor: Descriptor

    init(path: String, location: String) throws {
        do {
            descriptor = try Descriptor(opening: path, O_RDONLY)
        } catch ImageStoreError.io(_, ENOENT) {
            throw ImageStoreError.missing(location)
        }
        size = Int(lseek(descriptor.number, 0, SEEK_END))
    }

    func read(at offset: Int, count: Int) async throws -> [UInt8] {
        let descriptor = descriptor
        return try await BlockingWork.run {
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                let read = pread(descriptor.number, buffer.baseAddress, count, offset)
                (filled, failure) = (max(0, read), read < 0 ? errno : 0)
            }
            guard failure == 0 else { throw ImageStoreError.io(operation: "read", errno: failure) }
            return bytes
        }
    }
}
