import CloudCore
import CloudCrypto
import Identity
import KeyManager

/// The key manager's cipher, over key files like those of Identity's credentials. A running program drops no key;
/// `KeyManagerConsole` does, once every secret is encrypted under a later one.
struct KeyManagerCipher: PayloadCipher {
    /// A sealed payload is at most this long: the largest payload, or a private key, with room for the cipher.
    private static let longest = 1 << 20

    let keys: KeyRepository

    func seal(_ payload: [UInt8]) -> String { keys.seal(payload).reveal() }

    func open(_ sealed: String) -> [UInt8]? { keys.open(sealed, longest: Self.longest)?.payload }
}
