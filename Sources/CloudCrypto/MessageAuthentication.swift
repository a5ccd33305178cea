internal import COpenSSL

/// Keyed message authentication (HMAC, RFC 2104).
public enum MessageAuthentication {
    /// The code of a message under a key.
    public static func code(_ algorithm: Digest.Algorithm, key: some Collection<UInt8>, message: some Collection<UInt8>) -> [UInt8] {
        let (key, message) = (Array(key), Array(message))
        var code = [UInt8](repeating: 0, count: algorithm.byteCount)
        HMAC(algorithm.implementation, key, Int32(key.count), message, message.count, &code, nil)
        return code
    }

    /// Whether a code is that of a message under a key, in a time that does not tell where the two differ.
    public static func isValid(
        _ code: some Collection<UInt8>, _ algorithm: Digest.Algorithm, key: some Collection<UInt8>,
        message: some Collection<UInt8>
    ) -> Bool {
        ConstantTime.equal(Array(code), self.code(algorithm, key: key, message: message))
    }
}

/// Comparisons whose duration depends on the lengths alone.
public enum ConstantTime {
    /// Whether two byte strings are equal.
    public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Whether two texts are equal, byte by byte.
    public static func equal(_ left: String, _ right: String) -> Bool { equal(Array(left.utf8), Array(right.utf8)) }
}

/// Bytes nobody can guess.
public enum RandomBytes {
    /// As many bytes from the system's cryptographic generator.
    public static func make(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "The system's random generator failed")
        return bytes
    }
}
