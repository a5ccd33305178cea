import CloudCore
import Foundation
import NIOCore

/// Files on this host that images' bytes pass through on their way into a store. A file gets its name when it is
/// complete; what a crash cuts off has none and is removed at the next start. Files are named after images: the UUID,
/// and a suffix for what a plugin makes of the first file.
public struct StagingArea: Sendable {
    private let folder: URL

    /// An area over a folder, which is made if it is not there.
    public init(folder: URL) throws {
        self.folder = folder
        let files = FileManager.default
        try files.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for leftover in try files.contentsOfDirectory(atPath: folder.path) where leftover.hasSuffix(Self.unfinished) {
            try UploadFile.removeLeftover(folder.appending(path: leftover).path)
        }
    }

    private static let unfinished = ".part"

    /// One file's name: an image's and what was made of it.
    public struct Name: Sendable, Hashable, Codable {
        /// The image's UUID.
        public let image: String
        /// What a plugin made, such as `raw`; nil for the bytes as they came. Letters and digits.
        public let suffix: String?

        /// A name; nil unless the image is a UUID and the suffix plain.
        public init?(image: String, suffix: String? = nil) {
            guard Identifier.isUUID(image), suffix?.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) ?? true else {
                return nil
            }
            (self.image, self.suffix) = (image, suffix)
        }

        var text: String { suffix.map { "\(image).\($0)" } ?? image }
    }

    /// Where a file is, for programs that work on files.
    public func path(of name: Name) -> String { folder.appending(path: name.text).path }

    /// The size of a file in bytes; nil when there is none.
    public func size(of name: Name) -> Int? {
        var info = stat()
        return stat(path(of: name), &info) == 0 ? Int(info.st_size) : nil
    }

    /// Begins a file, which takes the place of an earlier one when it is finished.
    public func begin(_ name: Name) throws -> StagedFile {
        let part = "\(name.text).\(Identifier.hex())\(Self.unfinished)"
        return try StagedFile(temporary: folder.appending(path: part), final: folder.appending(path: name.text))
    }

    /// Lets a program write a file, which takes the place of an earlier one when it is on disk.
    /// - Parameter write: gets the path of a file that isn't there yet. When it throws, nothing stays behind.
    public func make(_ name: Name, _ write: (_ path: String) async throws -> Void) async throws {
        let temporary = folder.appending(path: "\(name.text).\(Identifier.hex())\(Self.unfinished)").path
        let (folder, final) = (folder.path, path(of: name))
        do {
            try await write(temporary)
            try await BlockingWork.run {
                try Self.flush(temporary, O_RDONLY)
                guard rename(temporary, final) == 0 else { throw ImageStoreError.io(operation: "rename", errno: errno) }
                try Self.flush(folder, O_RDONLY | O_DIRECTORY)
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func flush(_ path: String, _ flags: Int32) throws {
        let descriptor = try Descriptor(opening: path, flags)
        guard fsync(descriptor.number) == 0 else { throw ImageStoreError.io(operation: "fsync", errno: errno) }
    }

    /// Opens a file for reading.
    /// - Throws: `ImageStoreError.missing`.
    public func open(_ name: Name) throws -> any ImageContent {
        try FileImageContent(path: path(of: name), location: name.text)
    }

    /// Removes a file; removing what is not there is success.
    public func remove(_ name: Name) throws {
        guard unlink(path(of: name)) == 0 || errno == ENOENT else {
            throw ImageStoreError.io(operation: "unlink", errno: errno)
        }
    }

    /// Removes everything that an image has here but what is being written, and one file to keep.
    public func removeAll(image: String, except kept: Name? = nil) throws {
        for name in try names() where name.image == image && name != kept { try remove(name) }
    }

    /// The names of the files that were last written so long ago.
    public func names(olderThan age: Duration) throws -> [Name] {
        let limit = Timestamp.now + (.zero - age)
        return try names().filter { name in
            var info = stat()
            guard stat(path(of: name), &info) == 0 else { return false }
            return Timestamp(microseconds: info.st_mtim.tv_sec * 1_000_000 + info.st_mtim.tv_nsec / 1000) <= limit
        }
    }

    /// The names of the files.
    public func names() throws -> [Name] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).compactMap { text in
            guard !text.hasSuffix(Self.unfinished) else { return nil }
            let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
            return Name(image: parts.first ?? "", suffix: parts.count > 1 ? parts[1] : nil)
        }
    }
}

/// A file that is being written.
public final class StagedFile: Sendable {
    private let upload: FileImageUpload
    private let path: String

    init(temporary: URL, final: URL) throws {
        path = final.path
        upload = try FileImageUpload(location: path, temporary: temporary, final: final, expectedSize: nil)
    }

    /// Appends bytes.
    /// - Throws: `ImageStoreError.full`, or what the disk says.
    public func append(_ bytes: ByteBuffer) async throws { try await upload.append(bytes) }

    /// Gives the file its name. Once this returns it is on disk, so a crash later loses nothing.
    /// - Returns: its size in bytes.
    public func finish() async throws -> Int {
        _ = try await upload.commit()
        var info = stat()
        guard stat(path, &info) == 0 else { throw ImageStoreError.io(operation: "stat", errno: errno) }
        return Int(info.st_size)
    }

    /// Forgets the file. Safe after a failed append or finish.
    public func abort() async { await upload.abort() }
}
