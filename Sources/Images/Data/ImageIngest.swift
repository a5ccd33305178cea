import CloudAPI
import CloudCore
import ImageStores
import NIOCore

extension Images.Parts {
    /// How many bytes are handed to a store, or read from it, at once.
    static let chunk = 1 << 20

    /// Streams an image's bytes into a store, in one pass: stored, digested and inspected at once. While this runs the
    /// image is in the registry of uploads, which keeps the reconciler from taking its bytes for orphans.
    /// - Parameters:
    ///   - expectedSize: the size in bytes where it is known; bytes of another size are refused.
    ///   - record: takes the result into the database. When it throws, the bytes are removed again.
    /// - Throws: 409 when the image's bytes are being taken already, 413, 415, 400, 410 or 503 with the reason, and what
    ///   the stream or `record` throws. Nothing is left in the store then.
    func ingest(
        _ stream: ByteStream, of image: Image, into store: NamedStore, expectedSize: Int? = nil,
        record: @Sendable (StoredImage) async throws -> Void
    ) async throws {
        guard await uploads.begin(image.id) else {
            throw ImageError.conflict("Image \(image.id) is being uploaded already.")
        }
        do {
            let stored = try await write(stream, of: image, into: store, expectedSize: expectedSize)
            do {
                try await record(stored)
            } catch {
                try await store.store.remove(stored.location)
                throw error
            }
            await uploads.end(image.id)
        } catch {
            await uploads.end(image.id)
            throw ImageError.ofStore(error)
        }
    }

    private func write(
        _ stream: ByteStream, of image: Image, into store: NamedStore, expectedSize: Int?
    ) async throws -> StoredImage {
        let writer = ImageWriter(
            upload: try await store.store.beginUpload(id: image.id, expectedSize: expectedSize),
            algorithm: options.hashAlgorithm, inspector: ContentInspector(image: image, rules: options.inspection))
        do {
            let size = try await fill(writer, from: stream, limit: expectedSize)
            if let expectedSize, size != expectedSize {
                throw ImageError.badRequest("\(size) bytes came where \(expectedSize) were announced.")
            }
            return try await writer.finish()
        } catch {
            await writer.abort()
            throw error
        }
    }

    private func fill(_ writer: ImageWriter, from stream: ByteStream, limit: Int?) async throws -> Int {
        var chunks = ChunkGatherer()
        for try await piece in stream {
            if let limit, chunks.count + piece.readableBytes > limit {
                throw ImageError.badRequest("More than the announced \(limit) bytes came.")
            }
            try await chunks.add(piece) { try await writer.append($0) }
        }
        try await chunks.finish { try await writer.append($0) }
        return chunks.count
    }

    /// Opens an image's bytes: the copy on this host if there is one, else those of a store. Bytes from elsewhere are
    /// copied while they are read.
    /// - Parameter preferred: ids of stores to look at first, as in `?prefer=`; the copy is no store.
    /// - Returns: nil when the image has none.
    /// - Throws: what the last store says when none of them can give the bytes.
    func open(_ image: Image, preferred: [String] = []) async throws -> (any ImageContent)? {
        guard let cache = cache?.cache, preferred.isEmpty, !image.locations.isEmpty else {
            return try await openStored(image, preferred: preferred)
        }
        if let copy = cache.open(image.id, size: image.size, since: image.createdAt) { return copy }
        guard let content = try await openStored(image) else { return nil }
        let isRemote = image.stores.contains { stores[$0]?.store.isReadOnly == true }
        return isRemote ? await cache.copying(content, of: image.id, md5: image.md5) : content
    }

    /// Opens an image's bytes, from the store that is preferred of those that hold them.
    /// - Parameter preferred: ids of stores to look at first, as in `?prefer=`.
    /// - Returns: nil when the image has none.
    /// - Throws: what the last store says when none of them can give the bytes.
    func openStored(_ image: Image, preferred: [String] = []) async throws -> (any ImageContent)? {
        var failure: (any Error)?
        for place in ordered(image.locations.filter { $0.status == .active }, preferred) {
            guard let store = stores[place.store]?.store else {
                failure = ImageStoreError.unavailable("store \(place.store) is not configured")
                continue
            }
            do {
                return try await store.open(place.location)
            } catch let error as ImageStoreError {
                failure = error
            }
        }
        if let failure { throw failure }
        return nil
    }

    /// Preferred stores first, in the order they are named; the others by weight. Equals keep their order.
    private func ordered(_ places: [ImageLocation], _ preferred: [String]) -> [ImageLocation] {
        let keyed = places.enumerated().map { position, place in
            let rank = preferred.firstIndex(of: place.store) ?? preferred.count
            return (key: (rank, -(stores[place.store]?.weight ?? 0), position), place: place)
        }
        return keyed.sorted { $0.key < $1.key }.map(\.place)
    }
}

extension ImageError {
    /// What an error of a store or of an inspection is to the client; any other error as it is.
    static func ofStore(_ error: any Error) -> any Error {
        switch error {
        case ImageStoreError.full: ImageError.storeFull
        case ImageStoreError.readOnly: ImageError.gone("Images can't be added to this store.")
        case ImageStoreError.unavailable: ImageError.unavailable("The image store can't be reached at the moment.")
        case let refusal as UploadRefusal: ImageError.unsupported(refusal.reason)
        default: error
        }
    }
}
