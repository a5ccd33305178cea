import CloudCore
import CloudCrypto
import Foundation
import NIOCore
import Synchronization

/// Copies of images' bytes on this host's disk, under the images' ids, up to a number of bytes; the least recently used
/// go first. An image's bytes never change, so a copy never gets old; its owner removes it with the image.
public final class ImageCache: Sendable {
    /// One copy.
    public struct Entry: Sendable, Hashable {
        /// The image's id.
        public let imageID: String
        /// How many bytes it has.
        public let size: Int
        /// How often it was used since the program's start.
        public internal(set) var hits: Int
        /// When it was last used.
        public internal(set) var lastAccessed: Timestamp
        /// When it was made.
        public let lastModified: Timestamp
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Images whose copies are being made, with the bytes they will take.
        var incomplete: [String: Int] = [:]
    }

    /// How many bytes are kept at most.
    public let limit: Int
    private let folder: URL
    private let incoming: URL
    private let state: Mutex<State>

    /// A cache in a folder, which is made if it is not there. What an earlier run kept is taken over.
    public init(folder: URL, limit: Int) throws {
        (self.folder, self.limit) = (folder.appending(path: "data"), limit)
        incoming = folder.appending(path: "incoming")
        let files = FileManager.default
        try? files.removeItem(at: incoming)
        for part in [self.folder, incoming] {
            try files.createDirectory(at: part, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        }
        var found = State()
        for name in try files.contentsOfDirectory(atPath: self.folder.path) where Identifier.isUUID(name) {
            found.entries[name] = Self.entry(name, at: self.folder.appending(path: name).path)
        }
        state = Mutex(found)
    }

    private static func entry(_ id: String, at path: String) -> Entry? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Entry(
            imageID: id, size: Int(status.st_size), hits: 0, lastAccessed: moment(status.st_atim), lastModified: moment(status.st_mtim))
    }

    private static func moment(_ time: timespec) -> Timestamp {
        Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
    }

    private static func time(_ moment: Timestamp) -> timespec {
        timespec(tv_sec: moment.microseconds / 1_000_000, tv_nsec: moment.microseconds % 1_000_000 * 1000)
    }

    private func path(_ id: String) -> String { folder.appending(path: id).path }

    // MARK: Use

    /// The copy of an image, which counts as a use; nil when there is none.
    /// - Parameters:
    ///   - size: the image's size, if it is known; a copy of another size is none.
    ///   - moment: when the image was made: a copy that is older is of another image that had the id before.
    public func open(_ id: String, size: Int? = nil, since moment: Timestamp) -> (any ImageContent)? {
        let path = path(id)
        let used: Entry? = state.withLock { state in
            guard var entry = state.entries[id], entry.lastModified >= moment, size == nil || size == entry.size else { return nil }
            (entry.hits, entry.lastAccessed) = (entry.hits + 1, .now)
            state.entries[id] = entry
            return entry
        }
        guard let entry = used else { return nil }
        guard let content = try? FileImageContent(path: path, location: id) else {
            // Somebody else removed the file: it is no copy any more.
            state.withLock { $0.entries[id] = nil }
            return nil
        }
        // The disk keeps the order of use for the program's next run; not every file system does so by itself.
        utimensat(AT_FDCWD, path, [Self.time(.now), Self.time(entry.lastModified)], 0)
        return content
    }

    /// Whether there is a copy.
    public func holds(_ id: String) -> Bool { state.withLock { $0.entries[id] != nil } }

    /// The copies, the most recently used first.
    public var entries: [Entry] {
        state.withLock { $0.entries.values.sorted { ($1.lastAccessed, $0.imageID) < ($0.lastAccessed, $1.imageID) } }
    }

    // MARK: Filling

    /// Content that makes a copy of itself while it is read from its beginning to its end. What is read otherwise, or
    /// does not match the checksum, makes none.
    /// - Returns: the content as it is when it is too large, or a copy is there or being made.
    public func copying(_ content: any ImageContent, of id: String, md5: String?) async -> any ImageContent {
        guard Identifier.isUUID(id), content.size > 0, content.size <= limit, reserve(id, content.size) else { return content }
        do {
            let upload = try FileImageUpload(
                location: id, temporary: incoming.appending(path: Identifier.uuid()), final: URL(filePath: path(id)),
                expectedSize: content.size)
            return CopyingContent(base: content, writer: ImageWriter(upload: upload, algorithm: .md5, inspector: nil), md5: md5) {
                [weak self] isDone in self?.finished(id, content.size, isDone)
            }
        } catch {
            finished(id, content.size, false)
            return content
        }
    }

    private func reserve(_ id: String, _ size: Int) -> Bool {
        state.withLock { state in
            guard state.entries[id] == nil, state.incomplete[id] == nil else { return false }
            state.incomplete[id] = size
            return true
        }
    }

    private func finished(_ id: String, _ size: Int, _ isDone: Bool) {
        state.withLock { state in
            // An image that was removed meanwhile has no reservation any more, and leaves no copy.
            let isWanted = state.incomplete.removeValue(forKey: id) != nil
            guard isDone else { return }
            guard isWanted else {
                unlink(path(id))
                return
            }
            state.entries[id] = Entry(imageID: id, size: size, hits: 0, lastAccessed: .now, lastModified: .now)
        }
        if isDone { prune() }
    }

    // MARK: Removing

    /// Removes the copy of an image, or the one that is being made.
    /// - Returns: whether there was one.
    @discardableResult public func remove(_ id: String) -> Bool {
        state.withLock { state in
            state.incomplete[id] = nil
            guard state.entries.removeValue(forKey: id) != nil else { return false }
            unlink(path(id))
            return true
        }
    }

    /// Removes every copy.
    public func removeAll() { for entry in entries { remove(entry.imageID) } }

    /// Removes the least recently used copies until the others fit.
    /// - Returns: how many were removed, and their bytes.
    @discardableResult public func prune() -> (files: Int, bytes: Int) {
        state.withLock { state in
            var (total, files, bytes) = (state.entries.values.reduce(0) { $0 + $1.size }, 0, 0)
            for entry in state.entries.values.sorted(by: { $0.lastAccessed < $1.lastAccessed }) where total > limit {
                state.entries[entry.imageID] = nil
                unlink(path(entry.imageID))
                (total, files, bytes) = (total - entry.size, files + 1, bytes + entry.size)
            }
            return (files, bytes)
        }
    }

    /// Forgets copies whose files are gone or have another size, and removes files that are no copies.
    public func clean() throws {
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
        state.withLock { state in
            for (id, entry) in state.entries where Self.entry(id, at: path(id))?.size != entry.size {
                state.entries[id] = nil
                unlink(path(id))
            }
            for name in names where state.entries[name] == nil && state.incomplete[name] == nil { unlink(path(name)) }
        }
    }
}

/// Content that is copied while it is read.
private actor CopyingContent: ImageContent {
    nonisolated let size: Int
    private let base: any ImageContent
    private let md5: String?
    private let done: @Sendable (Bool) -> Void
    private var writer: ImageWriter?
    private var copied = 0

    init(base: any ImageContent, writer: ImageWriter, md5: String?, done: @escaping @Sendable (Bool) -> Void) {
        (self.base, self.writer, self.md5, self.done, size) = (base, writer, md5, done, base.size)
    }

    deinit {
        guard let writer else { return }
        let done = done
        Task {
            await writer.abort()
            done(false)
        }
    }

    func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        let bytes = try await base.read(at: offset, count: count)
        guard let writer else { return bytes }
        do {
            guard offset == copied else { throw CancellationError() }
            copied += bytes.readableBytes
            try await writer.append(bytes)
            if copied == size { try await commit(writer) }
        } catch {
            // The reader gets its bytes whatever becomes of the copy.
            self.writer = nil
            await writer.abort()
            done(false)
        }
        return bytes
    }

    private func commit(_ writer: ImageWriter) async throws {
        _ = try await writer.finish(checksum: md5)
        self.writer = nil
        done(true)
    }
}
