import CloudCore
import CloudCrypto
import Foundation

/// The keys of signed tokens in their directory, as Keystone keeps them: `private/private.pem` signs, and any key in
/// `public` verifies. Public keys are named by numbers, the highest belonging to the private one.
public final class SigningKeyRepository: Sendable {
    private struct Pair: Sendable {
        var signing: ES256.PrivateKey
        var verifying: [ES256.PublicKey]
    }

    private let directory: URL
    private let maximumActiveKeys: Int
    private let keys: WatchedKeys<Pair>

    /// Opens the repository, making the directories and a first pair of keys when there is none.
    /// - Throws: `KeyRepositoryError` naming the file in the way.
    public init(directory: String, maximumActiveKeys: Int) throws {
        let directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.directory = directory
        self.maximumActiveKeys = max(1, maximumActiveKeys)
        let folders = [directory.appending(path: "private"), Self.publicFolder(directory)]
        for folder in folders { try KeyFiles.makeDirectory(folder) }
        if try Self.numbers(directory).isEmpty { try Self.makePair(directory) }
        keys = try WatchedKeys(folders) { try DirectoryTurn.take(directory) { try Self.load(directory) } }
    }

    /// The repository of a directory that has been made; nil when there is none.
    /// - Throws: `KeyRepositoryError`.
    static func existing(directory: String, maximumActiveKeys: Int) throws -> SigningKeyRepository? {
        guard FileManager.default.fileExists(atPath: directory) else { return nil }
        return try SigningKeyRepository(directory: directory, maximumActiveKeys: maximumActiveKeys)
    }

    /// The key that signs.
    var signing: ES256.PrivateKey { keys.current.signing }

    /// How often the keys were read, for those who remember what they verified.
    var version: Int { keys.version }

    /// Whether any of the keys signed a message.
    func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        if keys.current.verifying.contains(where: { $0.isValid(signature, of: message) }) { return true }
        return keys.renewed()?.verifying.contains { $0.isValid(signature, of: message) } ?? false
    }

    /// Makes a new pair, which signs from now on, and deletes the oldest public keys beyond the number to keep.
    /// - Throws: `KeyRepositoryError`.
    public func rotate() throws {
        try DirectoryTurn.take(directory) {
            try Self.makePair(directory)
            for number in try Self.numbers(directory).dropLast(maximumActiveKeys) {
                try KeyFiles.remove(Self.publicFile(directory, number))
            }
        }
        try keys.reload()
    }
}

/// The files.
extension SigningKeyRepository {
    private static func privateFile(_ directory: URL) -> URL { directory.appending(path: "private/private.pem") }

    private static func publicFolder(_ directory: URL) -> URL { directory.appending(path: "public") }

    private static func publicFile(_ directory: URL, _ number: Int) -> URL { directory.appending(path: "public/\(number).pem") }

    private static func numbers(_ directory: URL) throws -> [Int] {
        try KeyFiles.numbers(in: publicFolder(directory), extension: ".pem").filter { $0 > 0 }
    }

    /// The public key comes first: whoever signs with the private one can be verified.
    private static func makePair(_ directory: URL) throws {
        let key = try ES256.PrivateKey()
        try KeyFiles.write(key.publicKey.pem, to: publicFile(directory, (try numbers(directory).last ?? 0) + 1))
        try KeyFiles.write(key.pem.reveal(), to: privateFile(directory))
    }

    /// The newest public key first: it verifies most tokens.
    private static func load(_ directory: URL) throws -> Pair {
        let file = privateFile(directory)
        guard let signing = ES256.PrivateKey(pem: Secret(try KeyFiles.read(file))) else {
            throw KeyRepositoryError("\(file.path): this is not a private key for ES256")
        }
        let verifying = try numbers(directory).reversed().map { number in
            let file = publicFile(directory, number)
            guard let key = ES256.PublicKey(pem: try KeyFiles.read(file)) else {
                throw KeyRepositoryError("\(file.path): this is not a public key for ES256")
            }
            return key
        }
        return Pair(signing: signing, verifying: verifying)
    }
}
