internal import COpenSSL

/// An RSA key as libcrypto makes it, freed with its last owner.
// Safe to send: the key is never changed after it was made, and libcrypto reads keys from any number of threads.
final class RSAKey: @unchecked Sendable {
    let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// A new key; nil when libcrypto fails.
    static func make(bits: Int32 = 2048) -> RSAKey? {
        let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1,
            EVP_PKEY_generate(context, &made) == 1, let made
        else { return nil }
        return RSAKey(made)
    }

    /// The private key in PKCS #1's PEM form, as OpenSSH and everybody else reads it.
    var privatePEM: String? {
        CryptoMemory.text { PEM_write_bio_PrivateKey_traditional($0, pointer, nil, nil, 0, nil, nil) }
    }

    /// The public key in OpenSSH's form (RFC 4253 section 6.6).
    var sshPublicKey: [UInt8]? {
        guard let exponent = number("e"), let modulus = number("n") else { return nil }
        var writer = SSHWriter()
        writer.string(Array("ssh-rsa".utf8))
        writer.number(exponent)
        writer.number(modulus)
        return writer.bytes
    }

    /// One of the key's numbers, its most significant byte first.
    private func number(_ name: String) -> [UInt8]? {
        var found: OpaquePointer?
        guard EVP_PKEY_get_bn_param(pointer, name, &found) == 1, let found else { return nil }
        defer { BN_clear_free(found) }
        var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(found) + 7) / 8)
        return BN_bn2bin(found, &bytes) == bytes.count ? bytes : nil
    }
}

/// Writes the values of SSH's wire format (RFC 4251 section 5).
struct SSHWriter {
    private(set) var bytes: [UInt8] = []

    mutating func string(_ value: [UInt8]) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value.count >> shift)) }
        bytes += value
    }

    /// A positive number; a zero goes before a first byte whose highest bit would make it negative.
    mutating func number(_ value: [UInt8]) {
        let digits = Array(value.drop { $0 == 0 })
        string((digits.first ?? 0) >= 0x80 ? [0] + digits : digits)
    }
}

/// Texts that go into and out of libcrypto's files in memory.
enum CryptoMemory {
    /// What is read from a text.
    static func read<Result>(_ text: String, _ body: (OpaquePointer) -> Result?) -> Result? {
        Array(text.utf8).withUnsafeBytes { bytes in
            // The file reads the text where it lies, so it must not outlive this closure.
            guard let file = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(file) }
            return body(file)
        }
    }

    /// The text that is written; nil when writing fails.
    static func text(_ body: (OpaquePointer) -> Int32) -> String? {
        guard let file = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(file) }
        guard body(file) == 1 else { return nil }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = BIO_read(file, &part, Int32(part.count))
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += part.prefix(Int(count))
        }
    }

    /// The bytes of an encoding that libcrypto allocates; nil when it fails.
    static func bytes(_ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>) -> Int32) -> [UInt8]? {
        var start: UnsafeMutablePointer<UInt8>?
        let count = encode(&start)
        guard count > 0, let start else { return nil }
        defer { CRYPTO_free(start, "", 0) }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }
}
