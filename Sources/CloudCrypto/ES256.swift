import CloudCore
internal import COpenSSL

/// Signatures with ECDSA on the curve P-256 over SHA-256: `ES256` of RFC 7518 section 3.4, whose signatures are the
/// two numbers side by side, 32 bytes each.
public enum ES256 {
    private static let numberSize = 32

    /// The key that signs.
    public struct PrivateKey: Sendable {
        private let key: Key

        /// A new key.
        /// - Throws: `CryptoError.unavailable` when libcrypto cannot make one.
        public init() throws {
            let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
            defer { EVP_PKEY_CTX_free(context) }
            var made: OpaquePointer?
            guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_group_name(context, "P-256") == 1,
                EVP_PKEY_generate(context, &made) == 1, let made
            else { throw CryptoError.unavailable("P-256") }
            key = Key(made)
        }

        /// A key from a PEM file's text; nil for anything else.
        public init?(pem: Secret<String>) {
            guard let read = Memory.read(pem.reveal(), { PEM_read_bio_PrivateKey($0, nil, nil, nil) }), ES256.isOnCurve(read)
            else { return nil }
            key = Key(read)
        }

        /// The PEM file's text.
        public var pem: Secret<String> {
            Secret(Memory.write { PEM_write_bio_PrivateKey($0, key.pointer, nil, nil, 0, nil, nil) })
        }

        /// The key that verifies.
        public var publicKey: PublicKey { PublicKey(key: key) }

        /// The signature of a message; nil when libcrypto fails.
        public func sign(_ message: [UInt8]) -> [UInt8]? {
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            var signature = [UInt8](repeating: 0, count: 128)
            var count = signature.count
            guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key.pointer) == 1,
                EVP_DigestSign(context, &signature, &count, message, message.count) == 1
            else { return nil }
            return ES256.sideBySide(Array(signature.prefix(count)))
        }
    }

    /// The key that verifies.
    public struct PublicKey: Sendable {
        private let key: Key

        fileprivate init(key: Key) { self.key = key }

        /// A key from a PEM file's text; nil for anything else.
        public init?(pem: String) {
            guard let read = Memory.read(pem, { PEM_read_bio_PUBKEY($0, nil, nil, nil) }), ES256.isOnCurve(read) else { return nil }
            key = Key(read)
        }

        /// The PEM file's text.
        public var pem: String { Memory.write { PEM_write_bio_PUBKEY($0, key.pointer) } }

        /// Whether a signature is that of a message.
        public func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
            guard let encoded = ES256.encoded(signature) else { return false }
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key.pointer) == 1
                && EVP_DigestVerify(context, encoded, encoded.count, message, message.count) == 1
        }
    }

    /// Another curve or kind of key would sign, but not as the name says.
    private static func isOnCurve(_ key: OpaquePointer) -> Bool {
        if EVP_PKEY_get_base_id(key) == EVP_PKEY_EC, EVP_PKEY_get_bits(key) == 256 { return true }
        EVP_PKEY_free(key)
        return false
    }

    /// libcrypto's form of a signature, DER, as JOSE's.
    private static func sideBySide(_ encoded: [UInt8]) -> [UInt8]? {
        encoded.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            guard let signature = d2i_ECDSA_SIG(nil, &start, buffer.count) else { return nil }
            defer { ECDSA_SIG_free(signature) }
            var numbers = [UInt8](repeating: 0, count: 2 * numberSize)
            let size = Int32(numberSize)
            let written = numbers.withUnsafeMutableBufferPointer { target -> Bool in
                guard let first = target.baseAddress else { return false }
                return BN_bn2binpad(ECDSA_SIG_get0_r(signature), first, size) == size
                    && BN_bn2binpad(ECDSA_SIG_get0_s(signature), first + numberSize, size) == size
            }
            return written ? numbers : nil
        }
    }

    /// JOSE's form of a signature as libcrypto's.
    private static func encoded(_ signature: [UInt8]) -> [UInt8]? {
        guard signature.count == 2 * numberSize, let both = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(both) }
        let r = BN_bin2bn(Array(signature.prefix(numberSize)), Int32(numberSize), nil)
        let s = BN_bin2bn(Array(signature.suffix(numberSize)), Int32(numberSize), nil)
        guard r != nil, s != nil, ECDSA_SIG_set0(both, r, s) == 1 else {
            BN_free(r)
            BN_free(s)
            return nil
        }
        var start: UnsafeMutablePointer<UInt8>?
        let count = i2d_ECDSA_SIG(both, &start)
        guard count > 0, let start else { return nil }
        defer { CRYPTO_free(start, "", 0) }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }
}

/// libcrypto's key, freed with its last owner.
// Safe to send: the key is never changed after it was made, and libcrypto reads keys from any number of threads.
private final class Key: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}

/// libcrypto's files in memory.
private enum Memory {
    static func read(_ text: String, _ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        Array(text.utf8).withUnsafeBytes { bytes in
            // The file reads the text where it lies, so it must not outlive this closure.
            guard let file = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(file) }
            return body(file)
        }
    }

    static func write(_ body: (OpaquePointer) -> Int32) -> String {
        guard let file = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(file) }
        guard body(file) == 1 else { return "" }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = BIO_read(file, &part, Int32(part.count))
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += part.prefix(Int(count))
        }
    }
}
