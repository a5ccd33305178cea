import CloudAPI
import CloudStore
import Compute
import ComputeAgent
import ImageStores
import Images

/// Images as compute asks for them.
struct ComputeImagesAdapter: ComputeImages {
    let images: Images

    func image(_ id: String, for token: TokenContext) async throws -> ServerImage? {
        try await images.summary(id, for: token).map(Self.image)
    }

    func ownImage(_ id: String) async throws -> ServerImage? { try await images.summary(id).map(Self.image) }

    private static func image(_ image: ImageSummary) -> ServerImage {
        ServerImage(
            id: image.id, name: image.name, status: image.status, diskFormat: image.diskFormat ?? "raw",
            minDiskGiB: image.minimumDiskGiB, minMemoryMiB: image.minimumMemoryMiB, sizeBytes: image.size ?? 0,
            checksum: image.sha512, properties: image.properties)
    }
}

/// Images' bytes as hosts on this machine read them.
struct LocalImageSource: ImageSource {
    let images: Images
    private static let chunk = 1 << 20

    func read(_ imageID: String, write: @Sendable (ArraySlice<UInt8>) async throws -> Void) async throws {
        guard let content = try await images.content(imageID) else { throw ImageStoreError.missing(imageID) }
        var offset = 0
        while offset < content.size {
            let bytes = try await content.bytes(at: offset, count: Self.chunk)
            guard !bytes.isEmpty else { throw ImageStoreError.missing(imageID) }
            try await write(bytes[...])
            offset += bytes.count
        }
    }
}
