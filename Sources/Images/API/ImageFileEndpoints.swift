import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import ImageStores

/// Images' bytes: upload and download, in streams.
struct ImageFileEndpoints: Sendable {
    let images: Images.Parts

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
        let store = try store(request)
        let size = try size(request)
        let allowance = try await images.enforce(.size, adding: size, request)
        try await images.receive(request.stream, of: image, into: store, size: size, allowance)
        return .empty()
    }

    /// The store that the client names, or the default.
    private func store(_ request: APIRequest) throws -> NamedStore {
        guard let id = request.head.headerFields[.imageStore] else { return images.stores.defaultStore }
        guard let store = images.stores[id] else { throw ImageError.badRequest("There is no store \(id).") }
        return store
    }

    /// The size that the client announces beside or instead of `Content-Length`, which the server checks itself.
    private func size(_ request: APIRequest) throws -> Int? {
        guard let text = request.head.headerFields[.imageSize] else { return request.announcedLength }
        guard let size = Int(text), size >= 0 else {
            throw ImageError.badRequest("Invalid or missing image size in request headers.")
        }
        guard size <= images.options.maximumSize else { throw Refusal.bodyTooLarge(limit: images.options.maximumSize) }
        return size
    }

    // MARK: Download

    @Sendable private func download(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await images.see(request)
        let image = seen.image
        guard image.status != .deactivated || request.isImageAdmin else {
            throw ImageError.forbidden("The requested image has been deactivated. Image data download is forbidden.")
        }
        try request.authorize(images.target(seen, request))
        let preferred = try preferredStores(request, seen)
        guard let content = try await open(image, preferred) else { return .empty(status: .noContent) }
        var headers: HTTPFields = [.contentType: "application/octet-stream"]
        if let md5 = image.md5 { headers[.contentMD5] = md5 }
        guard let range = try ByteRange.requested(by: request.head.headerFields, size: content.size) else {
            return APIResponse(headers: headers, body: .stream(stream(content, 0..<content.size), length: content.size))
        }
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(content.size)"
        return APIResponse(
            status: .partialContent, headers: headers, body: .stream(stream(content, range), length: range.count))
    }

    /// The stores of `?prefer=`, which have a rule of their own.
    private func preferredStores(_ request: APIRequest, _ seen: SeenImage) throws -> [String] {
        let ids = (request.query["prefer"] ?? "").split(separator: ",").map {
            String($0.filter { !$0.isWhitespace })
        }.filter { !$0.isEmpty }
        guard !ids.isEmpty else { return [] }
        try request.require("download_from_store", images.target(seen, request))
        for id in ids where images.stores[id] == nil { throw ImageError.badRequest("Store '\(id)' is not configured.") }
        return ids
    }

    /// The image's bytes; nil where there are none, or none any more.
    private func open(_ image: Image, _ preferred: [String]) async throws -> (any ImageContent)? {
        do {
            return try await images.open(image, preferred: preferred)
        } catch ImageStoreError.missing {
            return nil
        } catch {
            throw ImageError.ofStore(error)
        }
    }

    private func stream(_ content: any ImageContent, _ range: Range<Int>) -> ByteStream {
        ByteStream(ImageChunks(content: content, range: range, chunk: Images.Parts.chunk))
    }
}

extension APIRequest {
    /// How many bytes the client says it sends; nil when it doesn't.
    var announcedLength: Int? { head.headerFields[.contentLength].flatMap { Int($0) } }
}
