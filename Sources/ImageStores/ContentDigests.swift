import CloudCrypto
import NIOCore

/// The digests of bytes that lie in a store.
public struct ContentDigests: Sendable, Hashable {
    /// The MD5, in hexadecimal.
    public let md5: String
    /// The digest by the algorithm that was asked for, in hexadecimal.
    public let hash: String

    /// Reads the bytes once, for both digests.
    /// - Parameter chunk: how many bytes are read at once.
    /// - Throws: what the store says; `ImageStoreError.unavailable` when there are fewer bytes than there should be.
    public init(of content: any ImageContent, algorithm: Digest.Algorithm, chunk: Int) async throws {
        let (checksum, digest) = (Digest(.md5), Digest(algorithm))
        var offset = 0
        while offset < content.size {
            try Task.checkCancellation()
            let bytes = try await content.read(at: offset, count: chunk)
            guard bytes.readableBytes > 0 else { throw ImageStoreError.unavailable("the image ended before its size") }
            offset += bytes.readableBytes
            try await BlockingWork.run {
                bytes.withUnsafeReadableBytes {
                    checksum.update($0)
                    digest.update($0)
                }
            }
        }
        (md5, hash) = (checksum.finish().hexadecimal, digest.finish().hexadecimal)
    }
}
