import CloudSettings
import CloudStore
import Foundation
import Identity
import KeyManager

/// What `altostack key-manager` does to the keys that secrets are encrypted under, while the cloud runs or not.
public struct KeyManagerConsole: Sendable {
    /// The staged key, the first, and the one before it: a running program may seal under that until it notices a rotation.
    private static let keptKeys = 3

    private let directory: DataDirectory
    private let settings: Settings

    /// The console of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// Makes a new key the first, encrypts every secret anew under it, and drops keys that none needs any more.
    /// - Returns: how many secrets there are.
    /// - Throws: `ProgramError` when there is no cloud, or a secret that no key opens; nothing is dropped then.
    public func rotateKeys() async throws -> Int {
        guard FileManager.default.fileExists(atPath: directory.secretKeys) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        let database = try StoreOpening.open(directory, settings)
        do {
            let keys = try KeyRepository(directory: directory.secretKeys, maximumActiveKeys: Self.keptKeys)
            let manager = KeyManager(database: database, cipher: KeyManagerCipher(keys: keys))
            // Before the rotation too: what a key seals that is about to be dropped has to be under a later one.
            try await sealAnew(manager)
            try keys.rotate()
            let count = try await sealAnew(manager)
            await database.close()
            return count
        } catch {
            await database.close()
            throw error
        }
    }

    @discardableResult
    private func sealAnew(_ manager: KeyManager) async throws -> Int {
        let (sealed, unreadable) = try await manager.sealAnew()
        guard unreadable == 0 else {
            throw ProgramError("\(unreadable) secrets can't be opened with the keys in \(directory.secretKeys): no key is dropped")
        }
        return sealed
    }
}
