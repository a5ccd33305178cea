import Foundation
import Logging
import Synchronization

/// Keys read from directories that other processes rotate. A change there is noticed within a second, and at once when
/// something turns up under a key not known yet.
final class WatchedKeys<Keys: Sendable>: Sendable {
    private struct State {
        var keys: Keys
        var watch: DirectoryWatch
        var version = 0
    }

    private let state: Mutex<State>
    private let read: @Sendable () throws -> Keys
    private let logger = Logger(label: "identity")

    /// Reads the keys for the first time.
    /// - Throws: what `read` throws.
    init(_ directories: [URL], _ read: @escaping @Sendable () throws -> Keys) throws {
        self.read = read
        state = Mutex(State(keys: try read(), watch: DirectoryWatch(directories)))
    }

    /// The keys in use.
    var current: Keys {
        state.withLock { state in
            refresh(&state, eagerly: false)
            return state.keys
        }
    }

    /// How often the keys were read: what was found out under another version may not hold any more.
    var version: Int {
        state.withLock { state in
            refresh(&state, eagerly: false)
            return state.version
        }
    }

    /// The keys if they changed since the last look; nil when those in use are all there is.
    func renewed() -> Keys? {
        state.withLock { state in refresh(&state, eagerly: true) ? state.keys : nil }
    }

    /// Reads the keys whether they changed or not.
    /// - Throws: what `read` throws; the keys in use then stay.
    func reload() throws {
        let keys = try read()
        state.withLock { state in
            state.keys = keys
            state.version += 1
        }
    }

    /// Reads the keys if a directory changed; whether it did.
    @discardableResult
    private func refresh(_ state: inout State, eagerly: Bool) -> Bool {
        guard state.watch.hasChanged(eagerly: eagerly) else { return false }
        do {
            state.keys = try read()
            state.version += 1
            return true
        } catch {
            // Most likely another process is in the middle of a rotation.
            state.watch.forget()
            logger.warning("The keys cannot be read; those in memory stay", metadata: ["error": "\(error)"])
            return false
        }
    }
}

/// Key files, named by numbers in a directory nobody else can read.
enum KeyFiles {
    /// - Throws: `KeyRepositoryError`.
    static func makeDirectory(_ directory: URL) throws {
        try attempt(directory) {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
    }

    /// The numbers of the files with an extension, the lowest first.
    /// - Throws: `KeyRepositoryError`.
    static func numbers(in directory: URL, extension suffix: String = "") throws -> [Int] {
        let names = try attempt(directory) { try FileManager.default.contentsOfDirectory(atPath: directory.path) }
        return names.filter { $0.hasSuffix(suffix) }.compactMap { Int($0.dropLast(suffix.count)) }.filter { $0 >= 0 }.sorted()
    }

    /// - Throws: `KeyRepositoryError`.
    static func read(_ file: URL) throws -> String {
        try attempt(file) { try String(contentsOf: file, encoding: .utf8) }
    }

    /// Writes a file under a temporary name and moves it into place, so that nobody ever reads half of one.
    /// - Throws: `KeyRepositoryError`.
    static func write(_ text: String, to file: URL) throws {
        let temporary = file.appendingPathExtension("tmp")
        try attempt(file) {
            guard FileManager.default.createFile(
                atPath: temporary.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
            else { throw CocoaError(.fileWriteUnknown) }
            guard rename(temporary.path, file.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        }
    }

    /// - Throws: `KeyRepositoryError`.
    static func move(_ file: URL, to other: URL) throws {
        try attempt(file) { try FileManager.default.moveItem(at: file, to: other) }
    }

    /// - Throws: `KeyRepositoryError`.
    static func remove(_ file: URL) throws {
        try attempt(file) { try FileManager.default.removeItem(at: file) }
    }

    private static func attempt<Result>(_ file: URL, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw KeyRepositoryError("\(file.path): \(error.localizedDescription)") }
    }
}

/// What keeps the keys from being read or written.
public struct KeyRepositoryError: Error, Sendable, CustomStringConvertible {
    /// The file and what is wrong with it.
    public let description: String

    init(_ description: String) { self.description = description }
}
