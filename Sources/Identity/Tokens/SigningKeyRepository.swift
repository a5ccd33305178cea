import CloudCore
import CloudCrypto
import Foundation
import Logging
import Synchronization

/// The keys of signed tokens in their directory, as Keystone keeps them: `private/private.pem` signs, and any key in
/// `public` verifies. Public keys are named by numbers, the highest belonging to the private one.
public final class SigningKeyRepository: Sendable {
    private struct Keys {
        var signing: ES256.PrivateKey
        var verifying: [ES256.PublicKey]
    }

    private struct State {
        var keys: Keys
        var watch: DirectoryWatch
    }

    private let directory: URL
    private let maximumActiveKeys: Int
    private let state: Mutex<State>
    private let logger = Logger(label: "identity")

    /// Opens the repository, making the directories and a first pair of keys when there is none.
    /// - Throws: `KeyRepositoryError` naming the file in the way.
    public init(directory: String, maximumActiveKeys: Int) throws {
        self.directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.maximumActiveKeys = max(1, maximumActiveKeys)
        let folders = Self.folders(self.directory)
        for folder in folders { try Self.makeFolder(folder) }
        if try Self.numbers(self.directory).isEmpty { try Self.makePair(self.directory) }
        state = Mutex(State(keys: try Self.load(self.directory), watch: DirectoryWatch(folders)))
    }

    /// The repository of a directory that has been made; nil when there is none.
    /// - Throws: `KeyRepositoryError`.
    static func existing(directory: String, maximumActiveKeys: Int) throws -> SigningKeyRepository? {
        guard FileManager.default.fileExists(atPath: directory) else { return nil }
        return try SigningKeyRepository(directory: directory, maximumActiveKeys: maximumActiveKeys)
    }

    /// The key that signs.
    var signing: ES256.PrivateKey {
        state.withLock { state in
            refresh(&state, eagerly: false)
            return state.keys.signing
        }
    }

    /// Whether any of the keys signed a message.
    func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        let known = state.withLock { state in
            refresh(&state, eagerly: false)
            return state.keys.verifying
        }
        if known.contains(where: { $0.isValid(signature, of: message) }) { return true }
        let renewed = state.withLock { state in refresh(&state, eagerly: true) ? state.keys.verifying : [] }
        return renewed.contains { $0.isValid(signature, of: message) }
    }

    /// Makes a new pair, which signs from now on, and deletes the oldest public keys beyond the number to keep.
    /// - Throws: `KeyRepositoryError`.
    public func rotate() throws {
        try DirectoryTurn.take(directory) {
            try Self.makePair(directory)
            for number in try Self.numbers(directory).dropLast(maximumActiveKeys) {
                let file = Self.publicFile(directory, number)
                try Self.attempt(file.path) { try FileManager.default.removeItem(at: file) }
            }
        }
        let keys = try Self.load(directory)
        state.withLock { $0.keys = keys }
    }

    @discardableResult
    private func refresh(_ state: inout State, eagerly: Bool) -> Bool {
        guard state.watch.hasChanged(eagerly: eagerly) else { return false }
        do {
            state.keys = try Self.load(directory)
            return true
        } catch {
            state.watch.forget()
            logger.warning("The signing keys cannot be read; those in memory stay", metadata: ["error": "\(error)"])
            return false
        }
    }
}

/// The files.
extension SigningKeyRepository {
    private static func folders(_ directory: URL) -> [URL] {
        [directory.appending(path: "private"), directory.appending(path: "public")]
    }

    private static func privateFile(_ directory: URL) -> URL { directory.appending(path: "private/private.pem") }

    private static func publicFile(_ directory: URL, _ number: Int) -> URL { directory.appending(path: "public/\(number).pem") }

    private static func makeFolder(_ folder: URL) throws {
        try attempt(folder.path) {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
    }

    /// The public key comes first: whoever signs with the private one can be verified.
    private static func makePair(_ directory: URL) throws {
        let key = try ES256.PrivateKey()
        try write(key.publicKey.pem, to: publicFile(directory, (try numbers(directory).last ?? 0) + 1))
        try write(key.pem.reveal(), to: privateFile(directory))
    }

    private static func write(_ text: String, to file: URL) throws {
        let temporary = file.appendingPathExtension("tmp")
        try attempt(file.path) {
            guard FileManager.default.createFile(
                atPath: temporary.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
            else { throw CocoaError(.fileWriteUnknown) }
            guard rename(temporary.path, file.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        }
    }

    private static func numbers(_ directory: URL) throws -> [Int] {
        let folder = directory.appending(path: "public").path
        return try attempt(folder) { try FileManager.default.contentsOfDirectory(atPath: folder) }
            .compactMap { $0.hasSuffix(".pem") ? Int($0.dropLast(4)) : nil }.filter { $0 > 0 }.sorted()
    }

    /// The newest public key first: it verifies most tokens.
    private static func load(_ directory: URL) throws -> Keys {
        let path = privateFile(directory).path
        guard let signing = ES256.PrivateKey(pem: Secret(try text(path))) else {
            throw KeyRepositoryError("\(path): this is not a private key for ES256")
        }
        let verifying = try numbers(directory).reversed().map { number in
            let path = publicFile(directory, number).path
            guard let key = ES256.PublicKey(pem: try text(path)) else {
                throw KeyRepositoryError("\(path): this is not a public key for ES256")
            }
            return key
        }
        return Keys(signing: signing, verifying: verifying)
    }

    private static func text(_ path: String) throws -> String { try attempt(path) { try String(contentsOfFile: path, encoding: .utf8) } }

    private static func attempt<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw KeyRepositoryError("\(path): \(error.localizedDescription)") }
    }
}
