import CloudAPI
import CloudCore
import Dispatch
import Foundation
internal import COpenSSL
import Synchronization

/// A pair of keys in PEM: PKCS #8 and SubjectPublicKeyInfo.
struct KeyPair: Sendable {
    let privateKey: Secret<String>
    let publicKey: String
}

/// Makes asymmetric keys, one after the other on a thread of its own: a large key takes seconds of a processor.
final class KeyForge: Sendable {
    /// How many requests may wait.
    private static let queueLimit = 32

    private let queue = DispatchQueue(label: "key-manager.forge", qos: .utility)
    private let waiting = Mutex(0)

    /// A new RSA pair, the private key encrypted where there is a passphrase; nil when libcrypto fails.
    /// - Throws: `KeyManagerError.overloaded` when too many wait already.
    func makeRSA(bits: Int, passphrase: Secret<String>?) async throws -> KeyPair? {
        let isAccepted = waiting.withLock { count in
            guard count < Self.queueLimit else { return false }
            count += 1
            return true
        }
        guard isAccepted else { throw KeyManagerError.overloaded }
        defer { waiting.withLock { $0 -= 1 } }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Self.rsa(bits: Int32(bits), passphrase: passphrase)) }
        }
    }

    private static func rsa(bits: Int32, passphrase: Secret<String>?) -> KeyPair? {
        let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1,
            EVP_PKEY_generate(context, &made) == 1, let made
        else { return nil }
        defer { EVP_PKEY_free(made) }
        guard let publicKey = text({ PEM_write_bio_PUBKEY($0, made) }), let privateKey = privateText(made, passphrase) else { return nil }
        return KeyPair(privateKey: Secret(privateKey), publicKey: publicKey)
    }

    private static func privateText(_ key: OpaquePointer, _ passphrase: Secret<String>?) -> String? {
        guard let passphrase else { return text { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) } }
        let bytes = passphrase.reveal().utf8.map { CChar(bitPattern: $0) }
        return text { PEM_write_bio_PKCS8PrivateKey($0, key, EVP_aes_256_cbc(), bytes, Int32(bytes.count), nil, nil) }
    }

    /// What a function of libcrypto writes into a file in memory; nil when it fails.
    private static func text(_ write: (OpaquePointer) -> Int32) -> String? {
        guard let file = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(file) }
        guard write(file) == 1 else { return nil }
        var (text, part) = ([UInt8](), [UInt8](repeating: 0, count: 4_096))
        while true {
            let count = BIO_read(file, &part, Int32(part.count))
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += part.prefix(Int(count))
        }
    }
}
