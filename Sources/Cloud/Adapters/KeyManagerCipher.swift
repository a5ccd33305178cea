import CloudCore
import CloudCrypto
import Identity
import KeyManager

/// The key manager's cipher, over key files like those of Identity's credentials. No key is ever dropped, so that every
/// secret opens for as long as it is kept.
struct KeyManagerCipher: PayloadCipher {
    /// A sealed payload is at most this long: the largest payload, or a private key, with room for the cipher.
    private static let longest = 1 << 20

    let keys: KeyRepository

    func seal(_ payload: [UInt8]) -> String { keys.seal(payload).reveal() }

    func open(_ sealed: String) -> [UInt8]? { keys.open(sealed, longest: Self.longest)?.payload }
}
