import CloudSettings
import CloudStore
import Foundation
import Identity

/// What `altostack identity` does to a cloud's keys, while it runs or not.
public struct IdentityConsole: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// The console of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// Rotates the keys of tokens. A running program notices within a second.
    /// - Throws: `ProgramError` when there is no cloud, `KeyRepositoryError`.
    public func rotateTokenKeys() async throws { try await inspect { try $0.rotateTokenKeys() } }

    /// Rotates the keys of credentials and encrypts every one anew.
    /// - Throws: `ProgramError` when there is no cloud, `KeyRepositoryError`, `StoreError`.
    public func rotateCredentialKeys() async throws { try await inspect { try await $0.rotateCredentialKeys() } }

    private func inspect(_ body: (Identity) async throws -> Void) async throws {
        guard FileManager.default.fileExists(atPath: directory.tokenKeys) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        let database = try StoreOpening.open(directory, settings)
        do {
            let options = ServiceOptions(settings: settings, directory: directory, simulate: true).identity
            try await body(try Identity(database: database, options: options))
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }
}
