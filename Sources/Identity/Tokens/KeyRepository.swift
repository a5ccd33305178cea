import CloudCore
import CloudCrypto
import Foundation
import Synchronization

/// The Fernet keys in their directory, as Keystone keeps them: files named by numbers. The highest number is the
/// primary key, which seals; 0 is the staged key, which becomes the primary one at the next rotation, so that every
/// controller knows a key before tokens use it; those between still open older tokens.
public final class KeyRepository: Sendable {
    private let directory: URL
    private let maximumActiveKeys: Int
    private let current: Mutex<Fernet>

    /// Opens the repository, making the directory and a first staged and primary key when there are none.
    /// - Throws: `KeyRepositoryError` naming the file in the way.
    public init(directory: String, maximumActiveKeys: Int) throws {
        self.directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.maximumActiveKeys = max(2, maximumActiveKeys)
        try Self.prepare(self.directory)
        current = Mutex(try Self.load(self.directory))
    }

    /// The keys in use.
    var fernet: Fernet { current.withLock { $0 } }

    /// Makes the staged key the primary one, stages a new one, and deletes the oldest beyond the number to keep.
    /// - Throws: `KeyRepositoryError`.
    public func rotate() throws {
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
        try reload()
    }

    /// Reads the keys anew, after another process rotated them.
    /// - Throws: `KeyRepositoryError`; the keys in use then stay.
    public func reload() throws {
        let keys = try Self.load(directory)
        current.withLock { $0 = keys }
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
