internal import COpenSSL
import Synchronization

/// A running digest: bytes go in as they come, the digest comes out at the end. Several may run over one stream in
/// one pass. Safe to use from any task, one at a time.
public final class Digest: Sendable {
    /// The digests OpenStack's services use. MD5 and SHA-1 serve as checksums and fingerprints, never as protection.
    public enum Algorithm: String, Sendable, CaseIterable {
        case md5, sha1, sha256, sha512

        /// The length of the digest in bytes.
        public var byteCount: Int {
            switch self {
            case .md5: 16
            case .sha1: 20
            case .sha256: 32
            case .sha512: 64
            }
        }

        var implementation: OpaquePointer? {
            switch self {
            case .md5: EVP_md5()
            case .sha1: EVP_sha1()
            case .sha256: EVP_sha256()
            case .sha512: EVP_sha512()
            }
        }
    }

    /// What it computes.
    public let algorithm: Algorithm
    private let context: Mutex<Context>

    // Safe to send: the pointer is owned by one digest and used under its mutex only.
    private struct Context: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    /// A digest of nothing yet.
    public init(_ algorithm: Algorithm) {
        self.algorithm = algorithm
        let pointer = EVP_MD_CTX_new()
        precondition(EVP_DigestInit_ex(pointer, algorithm.implementation, nil) == 1, "libcrypto lacks \(algorithm)")
        context = Mutex(Context(pointer: pointer))
    }

    deinit { context.withLock { EVP_MD_CTX_free($0.pointer) } }

    /// Adds bytes.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        context.withLock { _ = EVP_DigestUpdate($0.pointer, bytes.baseAddress, bytes.count) }
    }

    /// Adds bytes.
    public func update(_ bytes: some Sequence<UInt8>) {
        let added: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if added == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The digest of all bytes added since the start or the last call; the digest then starts anew.
    public func finish() -> [UInt8] {
        context.withLock { context in
            var digest = [UInt8](repeating: 0, count: algorithm.byteCount)
            EVP_DigestFinal_ex(context.pointer, &digest, nil)
            EVP_DigestInit_ex(context.pointer, algorithm.implementation, nil)
            return digest
        }
    }

    /// The digest of bytes that are all at hand.
    public static func of(_ bytes: some Sequence<UInt8>, _ algorithm: Algorithm) -> [UInt8] {
        let digest = Digest(algorithm)
        digest.update(bytes)
        return digest.finish()
    }

    /// The digest of a text's UTF-8.
    public static func of(_ text: String, _ algorithm: Algorithm) -> [UInt8] { of(Array(text.utf8), algorithm) }
}
