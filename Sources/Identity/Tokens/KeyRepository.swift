import CloudCore
import CloudCrypto
import Foundation

/// The Fernet keys in their directory, as Keystone keeps them: files named by numbers. The highest number is the
/// primary key, which seals; 0 is the staged key, which becomes the primary one at the next rotation, so that every
/// controller knows a key before tokens use it; those between still open older tokens.
public final class KeyRepository: Sendable {
    private let directory: URL
    private let maximumActiveKeys: Int
    private let keys: WatchedKeys<Fernet>

    /// Opens the repository, making the directory and a first staged and primary key when there are none.
    /// - Throws: `KeyRepositoryError` naming the file in the way.
    public init(directory: String, maximumActiveKeys: Int) throws {
        let directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.directory = directory
        self.maximumActiveKeys = max(2, maximumActiveKeys)
        try KeyFiles.makeDirectory(directory)
        if try KeyFiles.numbers(in: directory).isEmpty {
            for number in [0, 1] { try Self.create(directory, number) }
        }
        keys = try WatchedKeys([directory]) { try DirectoryTurn.take(directory) { try Self.load(directory) } }
    }

    /// The keys in use.
    var fernet: Fernet { keys.current }

    /// The keys as they are on disk now: what is sealed to be kept must not be under one that is gone already.
    var latest: Fernet { keys.renewed() ?? keys.current }

    /// How often the keys were read, for those who remember what they opened.
    var version: Int { keys.version }

    /// Opens what any of the keys sealed; nil when none did.
    /// - Parameter longest: the length in bytes beyond which a text is not looked at.
    public func open(_ text: String, longest: Int = Fernet.longestToken) -> Fernet.Opened? {
        fernet.open(text, longest: longest) ?? keys.renewed()?.open(text, longest: longest)
    }

    /// Encrypts under the primary key.
    public func seal(_ payload: [UInt8]) -> Secret<String> { latest.seal(payload) }

    /// Makes the staged key the primary one, stages a new one, and deletes the oldest beyond the number to keep.
    /// - Throws: `KeyRepositoryError`.
    public func rotate() throws {
        try DirectoryTurn.take(directory) {
            let numbers = try KeyFiles.numbers(in: directory)
            guard numbers.first == 0, let highest = numbers.last else { throw KeyRepositoryError("\(directory.path): there is no staged key") }
            try KeyFiles.move(Self.file(directory, 0), to: Self.file(directory, highest + 1))
            try Self.create(directory, 0)
            let kept = [0] + (try KeyFiles.numbers(in: directory)).dropFirst().suffix(maximumActiveKeys - 1)
            for number in numbers where !kept.contains(number) { try KeyFiles.remove(Self.file(directory, number)) }
        }
        try reload()
    }

    /// Reads the keys anew, after another process rotated them.
    /// - Throws: `KeyRepositoryError`; the keys in use then stay.
    public func reload() throws { try keys.reload() }

    private static func file(_ directory: URL, _ number: Int) -> URL { directory.appending(path: String(number)) }

    private static func create(_ directory: URL, _ number: Int) throws {
        try KeyFiles.write(Fernet.Key().text.reveal(), to: file(directory, number))
    }

    private static func load(_ directory: URL) throws -> Fernet {
        let keys = try KeyFiles.numbers(in: directory).reversed().map { number in
            let file = file(directory, number)
            guard let key = Fernet.Key(text: try KeyFiles.read(file).trimmed) else {
                throw KeyRepositoryError("\(file.path): this is not a Fernet key")
            }
            return key
        }
        guard !keys.isEmpty else { throw KeyRepositoryError("\(directory.path): there are no keys") }
        return Fernet(keys: keys)
    }
}
