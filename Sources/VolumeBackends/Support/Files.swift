import CLinux
import Foundation
import Glibc

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

/// Blocking work, off the threads that serve requests.
enum Blocking {
    private static let queue = DispatchQueue(label: "altostack.volumes", attributes: .concurrent)

    /// Runs a job on a thread that may block. A cancelled caller waits for it all the same, so that what it does next doesn't
    /// meet the job's effects half-way.
    static func run<Value: Sendable>(_ job: @escaping @Sendable () throws -> Value) async throws -> Value {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try job() }) }
        }
    }
}

/// File operations that block, with errors that keep their number.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Makes a folder with those above it.
    static func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
        } catch {
            throw FileError(operation: "mkdir \(path)", code: code(of: error))
        }
    }

    /// The names in a folder, sorted; none when there is no such folder.
    static func names(in directory: String) throws -> [String] {
        guard exists(directory) else { return [] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        } catch {
            throw FileError(operation: "read \(directory)", code: code(of: error))
        }
    }

    private static func code(of error: any Error) -> Int32 {
        let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        return Int32(truncatingIfNeeded: inner?.code ?? Int(EIO))
    }

    /// When a file was last written to, in seconds and nanoseconds.
    static func lastWrite(to path: String) throws -> [Int] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(operation: "stat \(path)", code: errno) }
        return [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }

    /// A file's size, and the bytes that it takes on the disk.
    static func sizes(of path: String) throws -> (length: Int64, allocated: Int64) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(operation: "stat \(path)", code: errno) }
        return (Int64(status.st_size), Int64(status.st_blocks) * 512)
    }

    /// Deletes a file; that there is none is success.
    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(operation: "unlink \(path)", code: errno) }
    }

    /// Deletes a folder with all that is in it; that there is none is success.
    static func removeDirectory(_ path: String) throws {
        guard exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw FileError(operation: "remove \(path)", code: code(of: error))
        }
    }

    /// Renames a file or folder, lastingly.
    static func rename(_ path: String, to target: String) throws {
        guard Glibc.rename(path, target) == 0 else { throw FileError(operation: "rename \(path)", code: errno) }
        try synchronise(folder(of: target))
        if folder(of: path) != folder(of: target) { try synchronise(folder(of: path)) }
    }

    /// The folder that a path lies in.
    static func folder(of path: String) -> String { (path as NSString).deletingLastPathComponent }

    /// Returns once a file's bytes, or a folder's names, are on the disk.
    static func synchronise(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(path)", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(operation: "fsync \(path)", code: errno) }
    }

    /// Makes a complete file appear under its name, lastingly: its bytes before its name.
    static func publish(_ part: String, as path: String) throws {
        try synchronise(part)
        try rename(part, to: path)
    }

    /// Writes a small file in one step, lastingly: readers see the old content or the new.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let part = path + ".\(UUID().uuidString).part"
        let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "create \(part)", code: errno) }
        defer { close(descriptor) }
        do {
            try write(bytes[...], at: 0, to: descriptor, part)
            guard fsync(descriptor) == 0 else { throw FileError(operation: "fsync \(part)", code: errno) }
            try rename(part, to: path)
        } catch {
            unlink(part)
            throw error
        }
    }

    /// Writes a small file in one step, for readers and for a program that goes on after a crash, but not lastingly: the disk is not
    /// waited for.
    static func replace(_ path: String, with bytes: [UInt8]) throws {
        let part = path + ".\(UUID().uuidString).part"
        let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "create \(part)", code: errno) }
        defer { close(descriptor) }
        do {
            try write(bytes[...], at: 0, to: descriptor, part)
            guard Glibc.rename(part, path) == 0 else { throw FileError(operation: "rename \(part)", code: errno) }
        } catch {
            unlink(part)
            throw error
        }
    }

    /// Writes bytes at a place of an open file.
    static func write(_ bytes: ArraySlice<UInt8>, at offset: Int64, to descriptor: Int32, _ path: String) throws {
        try bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let result = pwrite(
                    descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written, off_t(offset) + off_t(written))
                if result < 0, errno == EINTR { continue }
                guard result >= 0 else { throw FileError(operation: "write \(path)", code: errno) }
                written += result
            }
        }
    }

    /// Bytes of an open file, as many as there are.
    static func read(_ count: Int, at offset: Int64, from descriptor: Int32, _ path: String) throws -> [UInt8] {
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset) + off_t(filled))
                if result < 0, errno == EINTR { continue }
                if result < 0 { failure = errno }
                if result <= 0 { return }
                filled += result
            }
        }
        if let failure { throw FileError(operation: "read \(path)", code: failure) }
        return bytes
    }

    /// The whole of a small file; nil when there is none.
    static func contents(of path: String) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileError(operation: "open \(path)", code: errno)
        }
        defer { close(descriptor) }
        return try read(Int(try sizes(of: path).length), at: 0, from: descriptor, path)
    }

    /// The size of the file system that holds a path, and what is free of it for us, in bytes.
    static func room(at path: String) throws -> (total: Int64, free: Int64) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw FileError(operation: "statvfs \(path)", code: errno) }
        return (Int64(status.f_blocks) * Int64(status.f_frsize), Int64(status.f_bavail) * Int64(status.f_frsize))
    }
}
