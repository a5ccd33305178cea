import Foundation
import Glibc
import Synchronization

/// A failed operation on a file.
struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, with the path.
    var operation: String
    /// The error number.
    var code: Int32

    /// Whether the disk, or the user's share of it, is full.
    var isFull: Bool { code == ENOSPC || code == EDQUOT }
    var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

/// File operations that block, with errors that keep their number.
enum FileSystem {
    /// Makes a folder with those above it; an existing one is success.
    static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw FileError(operation: "mkdir \(path)", code: errno)
        }
        try makeDirectory(String(path[..<slash]), mode: mode)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError(operation: "mkdir \(path)", code: errno) }
    }

    /// The names in a folder; none when there is no such folder.
    static func names(in directory: String) throws -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw FileError(operation: "opendir \(directory)", code: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether there is something at a path.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A file's size in bytes.
    static func size(of path: String) throws -> Int { Int(try status(of: path).st_size) }

    /// When a file was last changed, or marked as used.
    static func modificationDate(of path: String) throws -> Date {
        Date(timeIntervalSince1970: Double(try status(of: path).st_mtim.tv_sec))
    }

    private static func status(of path: String) throws -> stat {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(operation: "stat \(path)", code: errno) }
        return status
    }

    /// The first bytes of a file.
    static func prefix(of path: String, count: Int) throws -> [UInt8] {
        try bytes(of: path, from: 0, count: count)
    }

    /// The last bytes of a file.
    static func suffix(of path: String, count: Int) throws -> [UInt8] {
        try bytes(of: path, from: max(0, try size(of: path) - count), count: count)
    }

    /// Bytes of a file from a place on, as many as there are.
    static func bytes(of path: String, from offset: Int, count: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(path)", code: errno) }
        defer { close(descriptor) }
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
                if result < 0 { failure = errno }
                if result <= 0 { return }
                filled += result
            }
        }
        if let failure { throw FileError(operation: "read \(path)", code: failure) }
        return bytes
    }

    /// Deletes a file; that there is none is success.
    static func removeFile(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(operation: "unlink \(path)", code: errno) }
    }

    /// Deletes a folder with all that is in it; that there is none is success.
    static func removeDirectory(_ path: String) throws {
        for name in try names(in: path) {
            let inner = path + "/" + name
            var status = stat()
            guard lstat(inner, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { try removeDirectory(inner) } else { try removeFile(inner) }
        }
        guard rmdir(path) == 0 || errno == ENOENT else { throw FileError(operation: "rmdir \(path)", code: errno) }
    }

    /// Renames a file into place.
    static func rename(_ path: String, to target: String) throws {
        guard Glibc.rename(path, target) == 0 else { throw FileError(operation: "rename \(path)", code: errno) }
    }

    /// Makes a complete file appear under its name, read-only, and lasting: its bytes before its name.
    static func publish(_ part: String, as path: String) throws {
        let descriptor = open(part, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(part)", code: errno) }
        defer { close(descriptor) }
        guard fchmod(descriptor, 0o444) == 0, fsync(descriptor) == 0 else {
            throw FileError(operation: "fsync \(part)", code: errno)
        }
        try rename(part, to: path)
    }

    /// Writes a small file in one step: readers see the old content or the new.
    static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Writes a file in one step: readers see the old content or the new.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
        let part = path + ".\(UUID().uuidString).part"
        do {
            let file = try NewFile(part, mode: mode)
            defer { file.close() }
            try file.write(bytes[...])
            try rename(part, to: path)
        } catch {
            unlink(part)
            throw error
        }
    }

    /// What is taken of the file system that holds a path, in bytes.
    static func used(at path: String) throws -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw FileError(operation: "statvfs \(path)", code: errno) }
        return Int(status.f_blocks - status.f_bfree) * Int(status.f_frsize)
    }

    /// A piece of a file that has data: from `offset` on or, when a hole begins there, from the hole's end on.
    /// - Returns: where the bytes begin; no bytes at the file's end.
    static func data(of path: String, from offset: Int, count: Int) throws -> (offset: Int, bytes: [UInt8]) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(path)", code: errno) }
        defer { close(descriptor) }
        let seekData: Int32 = 3
        let start = lseek(descriptor, off_t(offset), seekData)
        if start < 0 {
            // Nothing but a hole up to the end, or the end itself.
            guard errno == ENXIO else { throw FileError(operation: "seek \(path)", code: errno) }
            return (offset, [])
        }
        return (Int(start), try bytes(of: path, from: Int(start), count: count))
    }

    /// The size of the file system that holds a path, in bytes.
    static func capacity(at path: String) throws -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw FileError(operation: "statvfs \(path)", code: errno) }
        return Int(status.f_blocks) * Int(status.f_frsize)
    }
}

/// A file that is being written for the first time.
final class NewFile: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Creates it; an existing one is an error.
    init(_ path: String, mode: mode_t = 0o600) throws {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError(operation: "create \(path)", code: errno) }
        self.descriptor = Mutex(descriptor)
    }

    deinit { close() }

    /// Appends bytes.
    func write(_ bytes: ArraySlice<UInt8>) throws {
        let failure = descriptor.withLock { descriptor -> Int32? in
            bytes.withUnsafeBytes { buffer in
                var written = 0
                while written < buffer.count {
                    let result = Glibc.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
                    if result < 0, errno == EINTR { continue }
                    if result < 0 { return errno }
                    written += result
                }
                return nil
            }
        }
        if let failure { throw FileError(operation: "write \(path)", code: failure) }
    }

    /// Writes bytes at a place, which may lie beyond the end.
    func write(_ bytes: [UInt8], at offset: Int) throws {
        let failure = descriptor.withLock { descriptor -> Int32? in
            bytes.withUnsafeBytes { buffer in
                var written = 0
                while written < buffer.count {
                    let result = pwrite(
                        descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written, off_t(offset + written))
                    if result < 0, errno == EINTR { continue }
                    if result < 0 { return errno }
                    written += result
                }
                return nil
            }
        }
        if let failure { throw FileError(operation: "write \(path)", code: failure) }
    }

    /// Gives it this size; what was not written is a hole.
    func resize(_ size: Int) throws {
        guard descriptor.withLock({ ftruncate($0, off_t(size)) }) == 0 else { throw FileError(operation: "truncate \(path)", code: errno) }
    }

    /// Closes it; what is closed already stays closed.
    func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }
}
