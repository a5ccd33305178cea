import CloudCore
import CloudCrypto
import Foundation
import Logging
import Synchronization

/// The Fernet keys in their directory, as Keystone keeps them: files named by numbers. The highest number is the
/// primary key, which seals; 0 is the staged key, which becomes the primary one at the next rotation, so that every
/// controller knows a key before tokens use it; those between still open older tokens. What another process does to
/// the files is noticed within a second, and at once when something was sealed under a key not known yet.
public final class KeyRepository: Sendable {
    private struct State {
        var keys: Fernet
        var watch: DirectoryWatch
    }

    private let directory: URL
    private let maximumActiveKeys: Int
    private let state: Mutex<State>
    private let logger = Logger(label: "identity")

    /// Opens the repository, making the directory and a first staged and primary key when there are none.
    /// - Throws: `KeyRepositoryError` naming the file in the way.
    public init(directory: String, maximumActiveKeys: Int) throws {
        self.directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.maximumActiveKeys = max(2, maximumActiveKeys)
        try Self.prepare(self.directory)
        state = Mutex(State(keys: try Self.load(self.directory), watch: DirectoryWatch([self.directory])))
    }

    /// The keys in use.
    var fernet: Fernet {
        state.withLock { state in
            refresh(&state, eagerly: false)
            return state.keys
        }
    }

    /// Opens what any of the keys sealed; nil when none did.
    func open(_ text: String) -> Fernet.Opened? {
        if let opened = fernet.open(text) { return opened }
        let renewed = state.withLock { state in refresh(&state, eagerly: true) ? state.keys : nil }
        return renewed?.open(text)
    }

    /// Reads the keys if the directory changed; whether it did.
    @discardableResult
    private func refresh(_ state: inout State, eagerly: Bool) -> Bool {
        guard state.watch.hasChanged(eagerly: eagerly) else { return false }
        do {
            state.keys = try Self.load(directory)
            return true
        } catch {
            // Most likely another process is in the middle of a rotation.
            state.watch.forget()
            logger.warning("The keys cannot be read; those in memory stay", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Makes the staged key the primary one, stages a new one, and deletes the oldest beyond the number to keep.
    /// - Throws: `KeyRepositoryError`.
    public func rotate() throws {
        try DirectoryTurn.take(directory) {
            let numbers = try Self.numbers(directory)
            guard numbers.first == 0, let highest = numbers.last else { throw KeyRepositoryError("\(directory.path): there is no staged key") }
            try Self.attempt("\(directory.path)/0") {
                try FileManager.default.moveItem(at: Self.file(directory, 0), to: Self.file(directory, highest + 1))
            }
            try Self.create(directory, 0)
            let kept = [0] + (try Self.numbers(directory)).dropFirst().suffix(maximumActiveKeys - 1)
            for number in numbers where !kept.contains(number) {
                try Self.attempt("\(directory.path)/\(number)") { try FileManager.default.removeItem(at: Self.file(directory, number)) }
            }
        }
        try reload()
    }

    /// Reads the keys anew, after another process rotated them.
    /// - Throws: `KeyRepositoryError`; the keys in use then stay.
    public func reload() throws {
        let keys = try Self.load(directory)
        state.withLock { $0.keys = keys }
    }

    private static func file(_ directory: URL, _ number: Int) -> URL { directory.appending(path: String(number)) }

    private static func prepare(_ directory: URL) throws {
        try attempt(directory.path) {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        guard try numbers(directory).isEmpty else { return }
        try create(directory, 0)
        try create(directory, 1)
    }

    /// Writes a new key under a temporary name and moves it into place, so that nobody ever reads half of one.
    private static func create(_ directory: URL, _ number: Int) throws {
        let temporary = directory.appending(path: "\(number).tmp")
        try attempt(temporary.path) {
            try? FileManager.default.removeItem(at: temporary)
            let text = Data(Fernet.Key().text.reveal().utf8)
            guard FileManager.default.createFile(atPath: temporary.path, contents: text, attributes: [.posixPermissions: 0o600])
            else { throw CocoaError(.fileWriteUnknown) }
            try FileManager.default.moveItem(at: temporary, to: file(directory, number))
        }
    }

    private static func numbers(_ directory: URL) throws -> [Int] {
        try attempt(directory.path) { try FileManager.default.contentsOfDirectory(atPath: directory.path) }
            .compactMap { Int($0) }.filter { $0 >= 0 }.sorted()
    }

    private static func load(_ directory: URL) throws -> Fernet {
        let keys = try numbers(directory).reversed().map { number in
            let path = file(directory, number)
            let text = try attempt(path.path) { try String(contentsOf: path, encoding: .utf8) }
            guard let key = Fernet.Key(text: text.trimmed) else { throw KeyRepositoryError("\(path.path): this is not a Fernet key") }
            return key
        }
        guard !keys.isEmpty else { throw KeyRepositoryError("\(directory.path): there are no keys") }
        return Fernet(keys: keys)
    }

    private static func attempt<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw KeyRepositoryError("\(path): \(error.localizedDescription)") }
    }
}

/// What keeps the token keys from being read or written.
public struct KeyRepositoryError: Error, Sendable, CustomStringConvertible {
    /// The file and what is wrong with it.
    public let description: String

    init(_ description: String) { self.description = description }
}
