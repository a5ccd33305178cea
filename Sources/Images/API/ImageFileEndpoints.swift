import CloudAPI
import CloudCore
import CloudStore
import ImageStores
import NIOCore

/// Images' bytes: upload and download, in streams.
struct ImageFileEndpoints: Sendable {
    let images: Images.Parts

    /// How many bytes are handed to the store, or read from it, at once.
    private static let chunk = 1 << 20

    var table: [Endpoint] {
        [
            Endpoint(
                .put, "/v2/images/{image_id}/file", "Upload an image's bytes", access: .ruleOnResource("upload_image"),
                body: .stream(mediaTypes: ["application/octet-stream"], limit: images.options.maximumSize),
                success: .noContent, handler: upload),
            Endpoint(
                .get, "/v2/images/{image_id}/file", "Download an image's bytes", access: .ruleOnResource("download_image"),
                handler: download),
        ]
    }

    // MARK: Upload

    @Sendable private func upload(_ request: APIRequest) async throws -> APIResponse {
        let image = try await images.find(request)
        guard await images.uploads.begin(image.id) else {
            throw ImageError.conflict("Image \(image.id) is being uploaded already.")
        }
        do {
            try await change(image.id, from: .queued) { $0.status = .saving }
            let stored = try await store(request.stream, id: image.id)
            try await finish(image.id, stored)
            await images.uploads.end(image.id)
        } catch {
            await images.uploads.end(image.id)
            throw error
        }
        return .empty()
    }

    /// Changes an image that is in a state.
    /// - Throws: 409 when it is in another, 404 when it is gone.
    private func change(_ id: String, from status: Image.Status, _ change: @escaping @Sendable (inout Image) -> Void) async throws {
        try await images.database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction) else { throw ImageError.notFound(id) }
            guard image.status == status else {
                throw ImageError.conflict("Image status transition from \(image.status.rawValue) to saving is not allowed")
            }
            guard image.diskFormat != nil, image.containerFormat != nil else {
                throw ImageError.badRequest("Properties disk_format, container_format must be set prior to saving data.")
            }
            change(&image)
            image.updatedAt = .now
            try ImageRecords.update(image, in: transaction)
        }
    }

    /// Streams the bytes into the store; after a failure the image waits for its bytes again and no file is left.
    private func store(_ stream: ByteStream, id: String) async throws -> StoredImage {
        let upload = try await images.store.beginUpload(id: id)
        do {
            var pending: [UInt8] = []
            pending.reserveCapacity(Self.chunk + 65536)
            for try await buffer in stream {
                pending.append(contentsOf: buffer.readableBytesView)
                guard pending.count >= Self.chunk else { continue }
                try await upload.write(pending)
                pending.removeAll(keepingCapacity: true)
            }
            if !pending.isEmpty { try await upload.write(pending) }
            return try await upload.commit()
        } catch {
            await upload.abort()
            try await change(id, from: .saving) { $0.status = .queued }
            if case ImageStoreError.full = error { throw ImageError.storeFull }
            throw error
        }
    }

    /// Makes the image active, or, when it was deleted meanwhile, its bytes garbage.
    private func finish(_ id: String, _ stored: StoredImage) async throws {
        let collect = images.collectGarbage
        let isGone = try await images.database.write { transaction -> Bool in
            guard var image = try ImageRecords.find(id, in: transaction), image.status == .saving else {
                try ImageRecords.discard(stored.location, in: transaction)
                transaction.onCommit(collect)
                return true
            }
            (image.status, image.location, image.size) = (.active, stored.location, stored.size)
            (image.md5, image.sha512, image.updatedAt) = (stored.md5, stored.sha512, .now)
            try ImageRecords.update(image, in: transaction)
            return false
        }
        if isGone { throw ImageError.notFound(id) }
    }

    // MARK: Download

    @Sendable private func download(_ request: APIRequest) async throws -> APIResponse {
        let image = try await images.find(request)
        guard image.status != .deactivated || request.token?.isAdmin == true else {
            throw ImageError.forbidden("The requested image has been deactivated. Image data download is forbidden.")
        }
        guard let location = image.location else { return .empty(status: .noContent) }
        let content = try await images.store.open(location)
        var headers: HTTPFields = [.contentType: "application/octet-stream"]
        if let md5 = image.md5 { headers[.contentMD5] = md5 }
        guard let range = try ByteRange.parse(request.head.headerFields[.range], size: content.size) else {
            return APIResponse(
                headers: headers, body: .stream(stream(content, 0..<content.size), length: content.size))
        }
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(content.size)"
        return APIResponse(
            status: .partialContent, headers: headers, body: .stream(stream(content, range), length: range.count))
    }

    private func stream(_ content: any ImageContent, _ range: Range<Int>) -> ByteStream {
        ByteStream(ImageChunks(content: content, range: range, chunk: Self.chunk))
    }
}

/// An image's bytes as chunks, read as they are asked for.
struct ImageChunks: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let content: any ImageContent
    let range: Range<Int>
    let chunk: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        let content: any ImageContent
        var rest: Range<Int>
        let chunk: Int

        mutating func next() async throws -> ByteBuffer? {
            guard !rest.isEmpty else { return nil }
            let bytes = try await content.read(at: rest.lowerBound, count: Swift.min(chunk, rest.count))
            guard !bytes.isEmpty else { return nil }
            rest = (rest.lowerBound + bytes.count)..<rest.upperBound
            return ByteBuffer(bytes: bytes)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content: content, rest: range, chunk: chunk) }
}

/// A `Range` header with one range (RFC 9110 section 14.1.2).
enum ByteRange {
    /// The bytes asked for; nil when the header is absent or of another unit, which means all of them.
    /// - Throws: 416 when no byte is in the range.
    static func parse(_ header: String?, size: Int) throws -> Range<Int>? {
        guard let header, let match = header.wholeMatch(of: /bytes=(\d*)-(\d*)/)?.output else { return nil }
        let (first, last) = (Int(match.1), Int(match.2))
        let range: Range<Int>? = switch (first, last) {
        case (let first?, let last?): first <= last && first < size ? first..<min(last + 1, size) : nil
        case (let first?, nil): first < size ? first..<size : nil
        case (nil, let suffix?): suffix > 0 && size > 0 ? max(0, size - suffix)..<size : nil
        case (nil, nil): nil
        }
        guard let range else {
            throw Fault(
                .rangeNotSatisfiable, "The requested range holds no byte of the image.",
                headers: [.contentRange: "bytes */\(size)"])
        }
        return range
    }
}

extension HTTPField.Name {
    /// Glance sends the MD5 in hexadecimal under this name.
    static let contentMD5 = HTTPField.Name("Content-MD5") ?? .contentLocation
}
