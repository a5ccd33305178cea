import CloudCore
import Foundation
import NIOCore

/// Images as files in one folder. An upload is written beside it and renamed into place when it is complete and on
/// disk, so that a crash leaves either the whole image or nothing but a leftover that the next start removes.
public final class FileImageStore: ImageStore {
    private let folder: URL
    private let incoming: URL

    /// `file`.
    public var kind: String { "file" }
    /// Files can be written.
    public var isReadOnly: Bool { false }
    /// Where the files are (glance_store's filesystem driver).
    public var properties: JSONObject {
        ["data_dir": .string(folder.path), "chunk_size": 65536, "thin_provisioning": false]
    }

    /// A store over a folder, which is made if it is not there. Leftovers of uploads that a crash cut off are removed;
    /// other processes' uploads into the same folder go on.
    public init(folder: URL) throws {
        self.folder = folder.appending(path: "data")
        incoming = folder.appending(path: "incoming")
        let files = FileManager.default
        try files.createDirectory(at: self.folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        try files.createDirectory(at: incoming, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        for leftover in try files.contentsOfDirectory(at: incoming, includingPropertiesForKeys: nil) {
            try UploadFile.removeLeftover(leftover.path)
        }
    }

    /// The file of a location. Locations are UUIDs, so that no text of a user becomes a path.
    private func file(_ location: String) throws -> URL {
        guard Identifier.isUUID(location) else { throw ImageStoreError.missing(location) }
        return folder.appending(path: location)
    }

    /// An upload into a file beside the store.
    public func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload {
        let location = Identifier.uuid()
        let (temporary, final) = (incoming.appending(path: location), try file(location))
        return try await BlockingWork.run {
            try FileImageUpload(location: location, temporary: temporary, final: final, expectedSize: expectedSize)
        }
    }

    /// The file behind a location.
    public func open(_ location: String) async throws -> any ImageContent {
        try FileImageContent(path: try file(location).path, location: location)
    }

    /// Unlinks the file behind a location.
    public func remove(_ location: String) async throws {
        let path = try file(location).path
        // Unlinking a large file can take the file system a while.
        try await BlockingWork.run {
            guard unlink(path) == 0 || errno == ENOENT else { throw ImageStoreError.io(operation: "unlink", errno: errno) }
        }
    }

    /// The names of the store's files. One is as old as its last renaming, which is what commits it.
    public func locations(olderThan age: Duration) async throws -> [String] {
        let (folder, limit) = (folder.path, Timestamp.now + (.zero - age))
        return try await BlockingWork.run {
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { name in
                var info = stat()
                guard age > .zero else { return true }
                guard stat("\(folder)/\(name)", &info) == 0 else { return false }
                return Timestamp(microseconds: info.st_ctim.tv_sec * 1_000_000 + info.st_ctim.tv_nsec / 1000) <= limit
            }
        }
    }

    /// `file://` and the path.
    public func url(of location: String) -> String { "file://\(folder.path)/\(location)" }

    /// The file's name, for files of this store.
    public func location(of url: String) -> String? {
        let prefix = "file://\(folder.path)/"
        guard url.hasPrefix(prefix) else { return nil }
        let name = String(url.dropFirst(prefix.count))
        return Identifier.isUUID(name) ? name : nil
    }

    /// What the files take, and what they and the free part of the disk come to.
    public func usage() async throws -> StoreUsage {
        let folder = folder.path
        return try await BlockingWork.run {
            var used = 0
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                var status = stat()
                if stat("\(folder)/\(name)", &status) == 0 { used += Int(status.st_size) }
            }
            var disk = statvfs()
            guard statvfs(folder, &disk) == 0 else { return StoreUsage(used: used, capacity: nil) }
            return StoreUsage(used: used, capacity: used + Int(disk.f_bavail) * Int(disk.f_frsize))
        }
    }

    /// The file behind a location, for hosts that share this machine's disk.
    /// - Throws: `ImageStoreError.missing`.
    public func path(of location: String) throws -> String {
        let path = try file(location).path
        guard FileManager.default.fileExists(atPath: path) else { throw ImageStoreError.missing(location) }
        return path
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
        posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        guard offset < size else { return ByteBuffer() }
        let (descriptor, count) = (descriptor, min(count, size - offset))
        return try await BlockingWork.run {
            var bytes = ByteBuffer()
            try bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { buffer in
                let read = pread(descriptor.number, buffer.baseAddress, count, offset)
                guard read >= 0 else { throw ImageStoreError.io(operation: "read", errno: errno) }
                return read
            }
            return bytes
        }
    }
}
