import CloudCrypto
import Synchronization

/// The SHA-512 of what passes by.
final class SnapshotDigest: Sendable {
    private let digest = Digest(.sha512)

    /// Takes bytes in.
    func update(_ bytes: ArraySlice<UInt8>) { digest.update(bytes) }

    /// The sum in hexadecimal digits; to be asked for once, at the end.
    var text: String { digest.finish().map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined() }
}
