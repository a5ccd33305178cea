import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import ImageStores

/// An image's bytes on their way from a client, or from a host that has made them.
extension Images.Parts {
    /// Takes the bytes of a queued image and makes it active. When it fails the image waits for its bytes again.
    /// - Parameters:
    ///   - size: how many bytes come, where that is known.
    ///   - format: what the bytes are; nil for what the image says.
    ///   - allowance: what the owner's project may have.
    /// - Throws: what `ingest` throws; 409 when the image is not queued, 410 when it is deleted meanwhile.
    func receive(
        _ stream: ByteStream, of image: Image, into store: NamedStore, size: Int?, format: String? = nil,
        _ allowance: ImageAllowance?
    ) async throws {
        let image = try await beginUpload(image.id, format: format, allowance)
        do {
            try await ingest(stream, of: image, into: store, expectedSize: size) { stored in
                try await finishUpload(image.id, ImageLocation(store: store.id, location: stored.location), stored)
            }
        } catch {
            try await restoreQueued(image.id)
            throw error
        }
    }

    /// Takes the image from queued to saving, which one client at a time can do.
    /// - Throws: 409 when it is in another state, 400 when it lacks its formats, 404 when it is gone, 413 when the project
    ///   has too many images on their way with it.
    private func beginUpload(_ id: String, format: String?, _ allowance: ImageAllowance?) async throws -> Image {
        let host = options.imports.hostName
        return try await database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction) else { throw ImageError.notFound(id) }
            guard image.status == .queued else {
                throw ImageError.conflict("Image status transition from \(image.status.rawValue) to saving is not allowed")
            }
            if let format { image.diskFormat = format }
            guard image.diskFormat != nil, image.containerFormat != nil else {
                throw ImageError.badRequest("Properties disk_format, container_format must be set prior to saving data.")
            }
            (image.status, image.updatedAt, image.properties[ImportMark.stageHost]) = (.saving, .now, host)
            try ImageRecords.update(image, in: transaction)
            try allowance?.check(.uploading, in: transaction)
            return image
        }
    }

    /// Lets the image wait for its bytes again, unless it was deleted meanwhile.
    private func restoreQueued(_ id: String) async throws {
        try await database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction), image.status == .saving else { return }
            (image.status, image.updatedAt, image.properties[ImportMark.stageHost]) = (.queued, .now, nil)
            try ImageRecords.update(image, in: transaction)
        }
    }

    /// Makes the image active.
    /// - Throws: 410 when it was deleted meanwhile; its bytes are then removed again.
    private func finishUpload(_ id: String, _ place: ImageLocation, _ stored: StoredImage) async throws {
        let algorithm = options.hashAlgorithm.rawValue
        try await database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction), image.status == .saving else {
                throw ImageError.gone("Image \(id) was deleted while it was uploaded.")
            }
            (image.status, image.locations, image.size) = (.active, [place], stored.size)
            (image.md5, image.hashAlgorithm, image.hash) = (stored.md5, algorithm, stored.hash)
            (image.virtualSize, image.updatedAt) = (stored.verdict.virtualSize ?? image.virtualSize, .now)
            image.properties[ImportMark.stageHost] = nil
            try ImageRecords.update(image, in: transaction)
        }
    }
}
