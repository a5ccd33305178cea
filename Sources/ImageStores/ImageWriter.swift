import CloudCrypto
import NIOCore

/// What a committed upload came to.
public struct StoredImage: Sendable, Hashable {
    /// Where the bytes are, within their store.
    public let location: String
    /// How many there are.
    public let size: Int
    /// Their MD5, in hexadecimal: Glance's `checksum`.
    public let md5: String
    /// Their digest by the algorithm that was asked for, in hexadecimal: Glance's `os_hash_value`.
    public let hash: String
    /// What the inspection found.
    public let verdict: UploadVerdict
}

/// Streams one image into a store. The store, the two digests and the inspection take the bytes at the same time, each
/// at its own pace in a lane of its own; the sender waits for the slowest, a few chunks behind. So an upload takes
/// as long as the slowest of them and a bounded amount of memory.
public final class ImageWriter: Sendable {
    private let upload: any ImageUpload
    private let md5 = Digest(.md5)
    private let hash: Digest
    private let inspector: (any UploadInspector)?
    private let lanes: [Lane]
    private let size: Counter

    /// A writer.
    /// - Parameters:
    ///   - upload: where the bytes go.
    ///   - algorithm: the digest beside MD5.
    ///   - inspector: what looks at the bytes, if anything does.
    ///   - depth: how many chunks the slowest lane may be behind.
    public init(upload: any ImageUpload, algorithm: Digest.Algorithm, inspector: (any UploadInspector)?, depth: Int = 4) {
        (self.upload, self.inspector, hash, size) = (upload, inspector, Digest(algorithm), Counter())
        var lanes = [
            Lane(depth: depth) { try await upload.append($0) },
            Self.lane(for: md5, depth: depth), Self.lane(for: hash, depth: depth),
        ]
        if let inspector {
            lanes.append(Lane(depth: depth) { bytes in try await BlockingWork.run { try inspector.inspect(bytes) } })
        }
        self.lanes = lanes
    }

    private static func lane(for digest: Digest, depth: Int) -> Lane {
        Lane(depth: depth) { bytes in
            try await BlockingWork.run { bytes.withUnsafeReadableBytes { digest.update($0) } }
        }
    }

    /// Takes the next bytes; a megabyte at once is a good measure. One call at a time.
    /// - Throws: what the store throws, or `UploadRefusal`; the upload should then be aborted.
    public func append(_ bytes: ByteBuffer) async throws {
        size.add(bytes.readableBytes)
        for lane in lanes { try await lane.send(bytes) }
    }

    /// Waits for every lane, hears the verdict, and publishes the bytes.
    /// - Parameters:
    ///   - checksum: the MD5 that the bytes must have, if it is known.
    ///   - expectedHash: the other digest that the bytes must have, if it is known.
    /// - Throws: what the store throws, or `UploadRefusal`; the upload should then be aborted.
    public func finish(checksum: String? = nil, hash expectedHash: String? = nil) async throws -> StoredImage {
        for lane in lanes { try await lane.finish() }
        let verdict = try inspector?.finish() ?? UploadVerdict()
        let (md5, hash) = (md5.finish().hexadecimal, hash.finish().hexadecimal)
        guard checksum == nil || checksum == md5, expectedHash == nil || expectedHash == hash else {
            throw UploadRefusal("The bytes do not have the checksum that they should have.")
        }
        return StoredImage(location: try await upload.commit(), size: size.value, md5: md5, hash: hash, verdict: verdict)
    }

    /// Forgets the upload once no lane touches it any more.
    public func abort() async {
        for lane in lanes { await lane.cancel() }
        await upload.abort()
    }
}
