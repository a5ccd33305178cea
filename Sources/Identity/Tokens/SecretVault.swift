import CloudCore
import CloudCrypto

/// Encrypts what the database keeps for use in clear: credentials' contents and OAuth secrets. Its keys are not those
/// of tokens, since what they seal lives for as long as nobody deletes it.
struct SecretVault: Sendable {
    /// A sealed content is at most this long: the longest body there is, with room for the cipher.
    private static let longest = 1 << 20

    let keys: KeyRepository

    /// Seals under the primary key.
    func seal(_ secret: Secret<String>) -> String { keys.latest.seal(Array(secret.reveal().utf8)).reveal() }

    /// Opens what any of the keys sealed.
    /// - Throws: `VaultError` when none did.
    func open(_ sealed: String) throws -> Secret<String> {
        guard let opened = keys.open(sealed, longest: Self.longest) else { throw VaultError() }
        return Secret(String(decoding: opened.payload, as: UTF8.self))
    }
}

/// A secret in the database that no key opens: the key files are not those it was sealed under.
struct VaultError: Error, CustomStringConvertible {
    var description: String { "a secret in the database opens with none of the credential keys" }
}
