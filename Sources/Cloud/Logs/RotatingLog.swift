import CloudTelemetry
import Foundation
import Synchronization

/// The log in the data folder: `log/altostack.log` and its predecessors `.1`, `.2` …, the youngest first.
///
/// Whoever finds nobody writing writes for all who come meanwhile, so that no task waits for another's write. What the disk
/// does not take is lost: logging must not stop the cloud.
final class RotatingLog: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
    }

    /// How many bytes may wait; lines beyond are lost.
    private static let pendingLimit = 4 << 20

    private let state = Mutex(State())
    private let file: Mutex<RotatingFile>

    /// Goes on with the log in a folder, which is made if it is not there.
    init(folder: String, files: Int, fileSize: Int) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        file = Mutex(try RotatingFile(path: folder + "/" + LogFiles.name, files: files, limit: fileSize))
    }

    func append(_ line: String) {
        let isMine = state.withLock { state in
            guard state.pending.count < Self.pendingLimit else { return false }
            state.pending.append(contentsOf: line.utf8)
            state.pending.append(UInt8(ascii: "\n"))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard isMine else { return }
        while let bytes = take() { file.withLock { $0.write(bytes) } }
    }

    private func take() -> [UInt8]? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { state.pending = [] }
            return state.pending
        }
    }
}

/// A file that makes room for its successor when it is full.
struct RotatingFile: ~Copyable, Sendable {
    private let path: String
    private let files: Int
    private let limit: Int
    private var descriptor: Int32
    private var size: Int

    /// - Parameters:
    ///   - files: how many files there are at most, this one included.
    ///   - limit: a file's size in bytes from which on the next one begins.
    init(path: String, files: Int, limit: Int) throws {
        (self.path, self.files, self.limit) = (path, max(1, files), limit)
        descriptor = Self.open(path)
        guard descriptor >= 0 else { throw ProgramError("cannot write \(path): \(String(cString: strerror(errno)))") }
        size = Int(lseek(descriptor, 0, SEEK_END))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func open(_ path: String) -> Int32 { Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }

    mutating func write(_ bytes: [UInt8]) {
        if size > 0, size + bytes.count > limit { rotate() }
        var rest = bytes[...]
        while !rest.isEmpty, descriptor >= 0 {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            size += count
            rest = rest.dropFirst(count)
        }
    }

    private mutating func rotate() {
        if files == 1 {
            unlink(path)
        } else {
            unlink("\(path).\(files - 1)")
            for number in stride(from: files - 2, through: 1, by: -1) { rename("\(path).\(number)", "\(path).\(number + 1)") }
            rename(path, path + ".1")
        }
        close(descriptor)
        descriptor = Self.open(path)
        size = 0
    }
}

/// The log's files.
enum LogFiles {
    /// The youngest file's name.
    static let name = "altostack.log"

    /// The files of a folder, the oldest first.
    static func inOrder(_ folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let numbered = names.compactMap { file -> (Int, String)? in
            if file == name { return (0, file) }
            guard file.hasPrefix(name + "."), let number = Int(file.dropFirst(name.count + 1)) else { return nil }
            return (number, file)
        }
        return numbered.sorted { $0.0 > $1.0 }.map { folder + "/" + $0.1 }
    }

    /// The lines of a folder's log that hold a text, the oldest first.
    /// - Parameter last: only so many of the youngest files are searched; nil for all.
    static func lines(in folder: String, holding text: String, last: Int? = nil) -> [String] {
        let files = inOrder(folder)
        return files.suffix(last ?? files.count).flatMap { lines(of: $0, holding: text) }
    }

    private static func lines(of path: String, holding text: String) -> [String] {
        guard let data = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe), !text.isEmpty else { return [] }
        let wanted = Data(text.utf8), newline = UInt8(ascii: "\n")
        var found: [String] = [], position = data.startIndex
        while let hit = data.range(of: wanted, in: position..<data.endIndex) {
            let first = data[..<hit.lowerBound].lastIndex(of: newline).map { $0 + 1 } ?? data.startIndex
            let end = data[hit.lowerBound...].firstIndex(of: newline) ?? data.endIndex
            found.append(String(decoding: data[first..<end], as: UTF8.self))
            position = min(end + 1, data.endIndex)
        }
        return found
    }
}
