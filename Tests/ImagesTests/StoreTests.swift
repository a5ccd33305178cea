import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import ImageStores
import NIOCore
import Synchronization
import Testing

@testable import Images

/// A store elsewhere that only answers, and counts how often it is asked.
final class ElsewhereStore: ImageStore {
    private let asked = Mutex(0)
    let bytes: [UInt8]
    var opens: Int { asked.withLock { $0 } }
    var kind: String { "http" }
    var isReadOnly: Bool { true }
    var properties: JSONObject { [:] }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private struct Content: ImageContent {
        let bytes: [UInt8]
        var size: Int { bytes.count }
        func read(at offset: Int, count: Int) async throws -> ByteBuffer {
            ByteBuffer(bytes: bytes[min(offset, size)..<min(offset + count, size)])
        }
    }

    func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload { throw ImageStoreError.readOnly }
    func open(_ location: String) async throws -> any ImageContent {
        asked.withLock { $0 += 1 }
        return Content(bytes: bytes)
    }
    func remove(_ location: String) async throws { throw ImageStoreError.readOnly }
    func locations(olderThan age: Duration) async throws -> [String] { [] }
    func url(of location: String) -> String { location }
    func location(of url: String) -> String? { url.hasPrefix("http://") ? url : nil }
    func usage() async throws -> StoreUsage { StoreUsage(used: 0, capacity: nil) }
}

/// Several stores: which are there, where bytes go, and where they come from.
@Suite(.timeLimit(.minutes(1))) struct StoreTests {
    private let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private func send(_ gallery: Gallery, _ method: HTTPRequest.Method, _ path: String, token: String = Gallery.admin) async -> TestResponse {
        await gallery.send(method, path, token: token)
    }

    private func upload(_ gallery: Gallery, _ id: String, to store: String, size: String? = nil) async -> TestResponse {
        var headers: HTTPFields = [.contentType: "application/octet-stream", .authToken: Gallery.member, .imageStore: store]
        headers[.imageSize] = size
        return await gallery.server.respond(.put, "/image/v2/images/\(id)/file", headers: headers, body: bytes)
    }

    /// An image with its bytes in the given stores, in this order.
    private func image(_ gallery: Gallery, in stores: [String]) async throws -> String {
        let id = try await gallery.create("x", token: "admin@blue")
        var places: [ImageLocation] = []
        for name in stores {
            guard let store = gallery.images.parts.stores[name], !store.store.isReadOnly else {
                places.append(ImageLocation(store: name, location: "http://elsewhere/\(id)"))
                continue
            }
            let upload = try await store.store.beginUpload(id: id, expectedSize: nil)
            try await upload.append(ByteBuffer(bytes: bytes))
            places.append(ImageLocation(store: store.id, location: try await upload.commit()))
        }
        let (locations, size) = (places, bytes.count)
        try await gallery.images.parts.change(id) { image, _ in
            (image.status, image.locations, image.size) = (.active, locations, size)
        }
        return id
    }

    @Test func storesAreListed() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let plain = await send(gallery, .get, "/info/stores", token: Gallery.member).json["stores"]
            #expect(plain == [
                ["id": "file", "default": "true"], ["id": "archive", "description": "slow and large"],
                ["id": "web", "read-only": "true"],
            ])
            #expect(await send(gallery, .get, "/info/stores/detail", token: Gallery.member).status == .forbidden)
            let detail = await send(gallery, .get, "/info/stores/detail").json["stores"]
            #expect(detail?[1]?["type"] == "file")
            #expect(detail?[1]?["weight"] == 5)
            #expect(detail?[1]?["properties"]?["data_dir"]?.string?.hasSuffix("/archive/data") == true)
            #expect(detail?[2]?["properties"] == [:])
            let created = await gallery.send(.post, "/images", ["name": "x"])
            #expect(created.headers[.imageStoreIDs] == "file,archive,web")
            #expect(created.json["stores"] == nil)
        }
    }

    @Test func anUploadGoesWhereItIsSent() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await upload(gallery, id, to: "nowhere").status == .badRequest)
            #expect(await upload(gallery, id, to: "web").status == .gone)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(await upload(gallery, id, to: "archive").status == .noContent)
            #expect(await gallery.show(id)["stores"] == "archive")
            #expect(try gallery.files() == 0)
            #expect(await gallery.download(id).bytes == bytes)
        }
    }

    @Test(arguments: ["99999", "100001", "-1", "many"]) func anotherSizeThanAnnouncedIsRefused(_ size: String) async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await upload(gallery, id, to: "file", size: size).status == .badRequest)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(try gallery.files() == 0)
            #expect(await upload(gallery, id, to: "file", size: "100000").status == .noContent)
        }
    }

    @Test func bytesCanBeRemovedFromAllStoresButOne() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await image(gallery, in: ["file", "archive"])
            #expect(await gallery.show(id)["stores"] == "archive,file")
            #expect(await send(gallery, .delete, "/stores/archive/\(id)", token: Gallery.member).status == .forbidden)
            #expect(await send(gallery, .delete, "/stores/nowhere/\(id)").status == .conflict)
            #expect(await send(gallery, .delete, "/stores/web/\(id)").status == .notFound)
            #expect(await send(gallery, .delete, "/stores/file/\(Identifier.uuid())").status == .notFound)
            #expect(await send(gallery, .delete, "/stores/file/\(id)").status == .noContent)
            #expect(await gallery.show(id)["stores"] == "archive")
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 0)
            #expect(await gallery.download(id).bytes == bytes)
            #expect(await send(gallery, .delete, "/stores/archive/\(id)").status == .forbidden)
            let queued = try await gallery.create()
            #expect(await send(gallery, .delete, "/stores/file/\(queued)").status == .conflict)
        }
    }

    @Test func downloadsTakeTheHeavierStoreUnlessAnotherIsPreferred() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await image(gallery, in: ["file", "web", "archive"])
            #expect(await gallery.download(id).bytes == bytes)
            #expect(gallery.elsewhere.opens == 0)
            let preferred = await send(gallery, .get, "/images/\(id)/file?prefer=web", token: Gallery.member)
            #expect(preferred.bytes == gallery.elsewhere.bytes)
            #expect(gallery.elsewhere.opens == 1)
            #expect(await send(gallery, .get, "/images/\(id)/file?prefer=nowhere", token: Gallery.member).status == .badRequest)
        }
    }

    @Test func imagesFromElsewhereAreCopiedOnTheWay() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await image(gallery, in: ["web"])
            #expect(await gallery.download(id).bytes == bytes)
            #expect(await gallery.download(id).bytes == bytes)
            #expect(await gallery.download(id, range: "bytes=10-19").bytes == Array(bytes[10..<20]))
            #expect(gallery.elsewhere.opens == 1)
            let cached = await send(gallery, .get, "/cache").json["cached_images"]?[0]
            #expect(cached?["image_id"] == .string(id))
            #expect(cached?["hits"] == 2)
            #expect(cached?["size"] == 100_000)
            #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
            try await gallery.images.reconciler.reconcile()
            #expect(await send(gallery, .get, "/cache").json["cached_images"] == [])
        }
    }

    @Test func administratorsFillAndEmptyTheCache() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await send(gallery, .put, "/cache/\(id)").status == .badRequest)
            _ = await gallery.upload(id, bytes)
            #expect(await send(gallery, .put, "/cache/\(id)", token: Gallery.member).status == .forbidden)
            #expect(await send(gallery, .put, "/cache/\(Identifier.uuid())").status == .notFound)
            #expect(await send(gallery, .get, "/cache", token: Gallery.member).status == .forbidden)
            #expect(await send(gallery, .put, "/cache/\(id)").status == .accepted)
            while await send(gallery, .get, "/cache").json["cached_images"]?.array?.isEmpty != false { await Task.yield() }
            while await send(gallery, .get, "/cache").json["queued_images"]?.array?.isEmpty != true { await Task.yield() }
            #expect(await send(gallery, .post, "/cache/prune").json == ["total_files_pruned": 0, "total_bytes_pruned": 0])
            #expect(await send(gallery, .post, "/cache/clean").status == .ok)
            #expect(await send(gallery, .get, "/cache/nodes/\(id)").status == .conflict)
            #expect(await send(gallery, .delete, "/cache/\(id)").status == .noContent)
            #expect(await send(gallery, .delete, "/cache/\(Identifier.uuid())").status == .notFound)
            #expect(await send(gallery, .get, "/cache").json == ["cached_images": [], "queued_images": []])
        }
    }

    @Test(arguments: [("cache", 204), ("queue", 204), ("", 204), ("all", 400)])
    func theCacheIsClearedByPart(_ target: String, _ status: Int) async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await image(gallery, in: ["web"])
            _ = await gallery.download(id)
            let headers: HTTPFields = [.authToken: Gallery.admin, .imageCacheClearTarget: target]
            #expect(await gallery.server.respond(.delete, "/image/v2/cache", headers: headers).status.code == status)
            let left = await send(gallery, .get, "/cache").json["cached_images"]?.array?.count
            #expect(left == (target == "cache" || target == "" ? 0 : 1))
        }
    }
}

/// What happens to bytes while others look at them or let go of them.
@Suite(.timeLimit(.minutes(1))) struct ConcurrentDataTests {
    private let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func aDownloadOutlivesTheImage() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            _ = await gallery.upload(id, bytes)
            let content = try #require(try await gallery.images.content(id))
            var chunks = ImageChunks(content: content, range: 0..<content.size, chunk: 1 << 20).makeAsyncIterator()
            var received = Array(try #require(try await chunks.next()).readableBytesView)
            #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 0)
            while let chunk = try await chunks.next() { received += chunk.readableBytesView }
            #expect(received == bytes)
        }
    }

    @Test func anImageDeletedWhileItIsUploadedLeavesNothing() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            let image = try #require(try await gallery.database.read { try ImageRecords.find(id, in: $0) })
            let stream = ByteStream(bytes)
            await #expect(throws: ImageError.self) {
                try await gallery.images.parts.ingest(stream, of: image, into: gallery.images.parts.stores.defaultStore) { stored in
                    #expect(try gallery.files() == 1)
                    #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
                    throw ImageError.gone(stored.location)
                }
            }
            #expect(try gallery.files() == 0)
            #expect(await gallery.images.parts.uploads.isEmpty)
        }
    }

    @Test func oneUploadAtATime() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            async let first = gallery.upload(id, bytes)
            async let second = gallery.upload(id, bytes)
            let statuses = await [first.status, second.status]
            #expect(statuses.filter { $0 == .noContent }.count == 1)
            #expect(statuses.filter { $0 == .conflict }.count == 1)
            #expect(await gallery.show(id)["status"] == "active")
            #expect(try gallery.files() == 1)
        }
    }

    @Test(arguments: [("bytes=a-b", 416), ("bytes=5-2", 416), ("octets=1-2", 416), ("bytes=1-2,4-5", 400), ("bytes=-0", 416), ("bytes=0-", 206)])
    func rangesAreReadAsGlanceReadsThem(_ range: String, _ status: Int) async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            _ = await gallery.upload(id, bytes)
            #expect(await gallery.download(id, range: range).status.code == status)
        }
    }
}
