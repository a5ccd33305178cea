import CloudAPI
import CloudCore
import Dispatch
import Foundation
internal import COpenSSL
import Synchronization

/// A pair of keys as PKCS #8 and SubjectPublicKeyInfo, in the encoding that upstream gives them: DER for DSA, else PEM.
struct KeyPair: Sendable {
    let privateKey: Secret<[UInt8]>
    let publicKey: [UInt8]
}

/// What kind of pair is made.
enum PairKind: Sendable, Hashable {
    case rsa(bits: Int)
    case dsa(bits: Int)
    /// A curve of NIST's: P-256, P-384 or P-521.
    case curve(String)
}

/// Makes asymmetric keys, one after the other on a thread of its own: a large key takes seconds of a processor.
final class KeyForge: Sendable {
    /// How many requests may wait.
    private static let queueLimit = 32

    private let queue = DispatchQueue(label: "key-manager.forge", qos: .utility)
    private let waiting = Mutex(0)

    /// A new pair, the private key encrypted where there is a passphrase; nil when libcrypto fails.
    /// - Throws: `KeyManagerError.overloaded` when too many wait already.
    func make(_ kind: PairKind, passphrase: Secret<String>?) async throws -> KeyPair? {
        let isAccepted = waiting.withLock { count in
            guard count < Self.queueLimit else { return false }
            count += 1
            return true
        }
        guard isAccepted else { throw KeyManagerError.overloaded }
        defer { waiting.withLock { $0 -= 1 } }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Self.pair(kind, passphrase)) }
        }
    }

    private static func pair(_ kind: PairKind, _ passphrase: Secret<String>?) -> KeyPair? {
        guard let made = key(kind) else { return nil }
        defer { EVP_PKEY_free(made) }
        let isPEM = if case .dsa = kind { false } else { true }
        let publicKey = bytes { isPEM ? PEM_write_bio_PUBKEY($0, made) : i2d_PUBKEY_bio($0, made) }
        guard let publicKey, let privateKey = privateBytes(made, isPEM: isPEM, passphrase) else { return nil }
        return KeyPair(privateKey: Secret(privateKey), publicKey: publicKey)
    }

    private static func key(_ kind: PairKind) -> OpaquePointer? {
        switch kind {
        case .rsa(let bits):
            return generate(EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)) {
                EVP_PKEY_keygen_init($0) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits($0, Int32(bits)) == 1
            }
        case .curve(let name):
            return generate(EVP_PKEY_CTX_new_from_name(nil, "EC", nil)) {
                EVP_PKEY_keygen_init($0) == 1 && EVP_PKEY_CTX_set_group_name($0, name) == 1
            }
        case .dsa(let bits):
            // FIPS 186-4, 4.2: the subgroup's length goes with the modulus's.
            let parameters = generate(EVP_PKEY_CTX_new_from_name(nil, "DSA", nil)) {
                EVP_PKEY_paramgen_init($0) == 1 && EVP_PKEY_CTX_set_dsa_paramgen_bits($0, Int32(bits)) == 1
                    && EVP_PKEY_CTX_set_dsa_paramgen_q_bits($0, bits < 2048 ? 160 : 256) == 1
            }
            guard let parameters else { return nil }
            defer { EVP_PKEY_free(parameters) }
            return generate(EVP_PKEY_CTX_new_from_pkey(nil, parameters, nil)) { EVP_PKEY_keygen_init($0) == 1 }
        }
    }

    /// Sets a context up, lets it generate, and frees it.
    private static func generate(_ context: OpaquePointer?, _ prepare: (OpaquePointer) -> Bool) -> OpaquePointer? {
        guard let context else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        guard prepare(context), EVP_PKEY_generate(context, &made) == 1 else { return nil }
        return made
    }

    private static func privateBytes(_ key: OpaquePointer, isPEM: Bool, _ passphrase: Secret<String>?) -> [UInt8]? {
        let write = isPEM ? PEM_write_bio_PKCS8PrivateKey : i2d_PKCS8PrivateKey_bio
        guard let passphrase else { return bytes { write($0, key, nil, nil, 0, nil, nil) } }
        let phrase = passphrase.reveal().utf8.map { CChar(bitPattern: $0) }
        return bytes { write($0, key, EVP_aes_256_cbc(), phrase, Int32(phrase.count), nil, nil) }
    }

    /// What a function of libcrypto writes into a file in memory; nil when it fails.
    private static func bytes(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
        guard let file = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(file) }
        guard write(file) == 1 else { return nil }
        var (bytes, part) = ([UInt8](), [UInt8](repeating: 0, count: 4_096))
        while true {
            let count = BIO_read(file, &part, Int32(part.count))
            guard count > 0 else { return bytes }
            bytes += part.prefix(Int(count))
        }
    }
}
