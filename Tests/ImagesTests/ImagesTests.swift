import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import ImageStores
import NIOCore
import Testing

@testable import Images

/// Images' bytes: up, down, and what is left when something fails.
@Suite(.timeLimit(.minutes(1))) struct ImageFileTests {
    private let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func bytesComeBackAsTheyWere() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(await gallery.download(id).status == .noContent)
            #expect(await gallery.upload(id, bytes).status == .noContent)
            let image = await gallery.show(id)
            #expect(image["status"] == "active")
            #expect(image["size"] == 100_000)
            #expect(image["checksum"]?.string?.count == 32)
            #expect(image["os_hash_algo"] == "sha512")
            #expect(image["os_hash_value"]?.string?.count == 128)
            let whole = await gallery.download(id)
            #expect(whole.bytes == bytes)
            #expect(whole.headers[.contentMD5] == image["checksum"]?.string)
            #expect(await gallery.upload(id, bytes).status == .conflict)
        }
    }

    @Test func partsComeBack() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            _ = await gallery.upload(id, bytes)
            let part = await gallery.download(id, range: "bytes=10-19")
            #expect(part.status == .partialContent)
            #expect(part.bytes == Array(bytes[10..<20]))
            #expect(part.headers[.contentRange] == "bytes 10-19/100000")
            #expect(await gallery.download(id, range: "bytes=-5").bytes == Array(bytes.suffix(5)))
            #expect(await gallery.download(id, range: "bytes=99990-").bytes == Array(bytes.suffix(10)))
            #expect(await gallery.download(id, range: "bytes=100000-").status == .rangeNotSatisfiable)
        }
    }

    @Test(arguments: [FragileStore.Failure.write, .commit]) func aFailedUploadLeavesTheImageQueued(_ failure: FragileStore.Failure) async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            gallery.store.failure = failure
            let answer = await gallery.upload(id, bytes)
            #expect(answer.status == (failure == .write ? .contentTooLarge : .internalServerError))
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(try gallery.files() == 0)
            gallery.store.failure = nil
            #expect(await gallery.upload(id, bytes).status == .noContent)
            #expect(await gallery.download(id).bytes == bytes)
        }
    }

    @Test func anUploadThatIsCutOffLeavesNothing() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await gallery.upload(id, bytes, length: bytes.count + 1).status == .badRequest)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(try gallery.files() == 0)
        }
    }

    @Test func anUploadBeyondTheLimitIsRefused() async throws {
        try await Gallery.with({ $0.maximumSize = 1000 }) { gallery in
            let id = try await gallery.create()
            #expect(await gallery.upload(id, bytes).status == .contentTooLarge)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(try gallery.files() == 0)
        }
    }

    @Test func anUploadThatACrashCutOffStartsAnew() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            try await gallery.database.write { try $0.execute("UPDATE images SET status = 'saving' WHERE id = \(id)") }
            #expect(await gallery.upload(id, bytes).status == .conflict)
            try await gallery.images.recover()
            #expect(await gallery.upload(id, bytes).status == .noContent)
        }
    }

    @Test func formatsAreNeededBeforeBytes() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("bare", ["disk_format": nil])
            #expect(await gallery.upload(id, bytes).status == .badRequest)
            #expect(await gallery.show(id)["status"] == "queued")
        }
    }

    @Test func deletedBytesAreCollected() async throws {
        try await Gallery.with { gallery in
            let (first, second) = (try await gallery.create(), try await gallery.create())
            _ = await gallery.upload(first, bytes)
            _ = await gallery.upload(second, bytes)
            let lost = try await gallery.store.beginUpload(id: first, expectedSize: nil)
            try await lost.append(ByteBuffer(bytes: [1]))
            _ = try await lost.commit()
            #expect(await gallery.send(.delete, "/images/\(first)").status == .noContent)
            #expect(await gallery.send(.get, "/images/\(first)").status == .notFound)
            #expect(try gallery.files() == 3)
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 1)
            #expect(await gallery.download(second).bytes == bytes)
        }
    }
}

/// Bytes that no image refers to, in a store that several processes may have.
@Suite(.timeLimit(.minutes(1))) struct OrphanTests {
    private func setStatus(_ status: Image.Status, of id: String, in gallery: Gallery) async throws {
        try await gallery.database.write { try $0.execute("UPDATE images SET status = \(status) WHERE id = \(id)") }
    }

    @Test func bytesThatMayBeRecordedYetAreKept() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            // As another process does it: the image is on its way, its bytes are in the store and not yet in the database.
            try await setStatus(.saving, of: id, in: gallery)
            let upload = try await gallery.store.beginUpload(id: id, expectedSize: nil)
            try await upload.append(ByteBuffer(bytes: [1]))
            _ = try await upload.commit()
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 1)
            try await setStatus(.queued, of: id, in: gallery)
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 0)
        }
    }
}

/// Descriptions: who sees and changes what.
@Suite(.timeLimit(.minutes(1))) struct ImageDescriptionTests {
    @Test func versionsAndSchemas() async throws {
        try await Gallery.with { gallery in
            let answer = await gallery.server.respond(.get, "/image/")
            #expect(answer.status == .multipleChoices)
            #expect(answer.json["versions"]?[0]?["status"] == "CURRENT")
            #expect(await gallery.server.respond(.get, "/image/versions").status == .ok)
            #expect(await gallery.send(.get, "/schemas/image").json["properties"]?["disk_format"] != nil)
            #expect(await gallery.send(.get, "/schemas/images").json["name"] == "images")
        }
    }

    @Test func aNewImageHasItsDefaults() async throws {
        try await Gallery.with { gallery in
            let answer = await gallery.send(.post, "/images", ["name": "x", "os_distro": "debian", "tags": ["b", "a", "b"]])
            #expect(answer.status == .created)
            let id = answer.json["id"]?.string ?? ""
            #expect(answer.headers[.location]?.hasSuffix("/image/v2/images/\(id)") == true)
            #expect(answer.json["visibility"] == "shared")
            #expect(answer.json["owner"] == "blue")
            #expect(answer.json["os_distro"] == "debian")
            #expect(answer.json["tags"] == ["a", "b"])
            #expect(answer.json["file"] == .string("/v2/images/\(id)/file"))
            let again: JSON = ["id": .string(id), "name": "y"]
            #expect(await gallery.send(.post, "/images", again).status == .conflict)
            #expect(await gallery.send(.post, "/images", ["disk_format": "paper"]).status == .badRequest)
            #expect(await gallery.send(.post, "/images", ["status": "active"]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", ["owner": "red"]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", ["visibility": "public"]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", token: "reader@blue", ["name": "z"]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", token: Gallery.admin, ["visibility": "public"]).status == .created)
        }
    }

    @Test(arguments: [
        ("private", 404, 404), ("shared", 404, 404), ("community", 200, 403), ("public", 200, 403),
    ]) func othersSeeWhatIsOpen(_ visibility: String, _ read: Int, _ write: Int) async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("x", token: "admin@blue", ["visibility": .string(visibility)])
            _ = await gallery.upload(id, [1, 2, 3])
            let other = "member@red"
            #expect(await gallery.send(.get, "/images/\(id)", token: other).status.code == read)
            #expect(await gallery.download(id, token: other).status.code == read)
            #expect(await gallery.patch(id, [["op": "replace", "path": "/name", "value": "mine"]], token: other).status.code == write)
            #expect(await gallery.send(.delete, "/images/\(id)", token: other).status.code == write)
            #expect(await gallery.upload(id, [1], token: other).status.code == write)
            let listed = await gallery.send(.get, "/images", token: other).json["images"]?.array?.count
            #expect(listed == (visibility == "public" ? 1 : 0))
            #expect(await gallery.send(.get, "/images/\(id)", token: "reader@blue").status == .ok)
            #expect(await gallery.send(.delete, "/images/\(id)", token: "reader@blue").status == .forbidden)
            #expect(await gallery.send(.get, "/images/\(id)", token: nil).status == .unauthorized)
            #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
        }
    }

    @Test func patchesFollowTheRules() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("x", ["os_distro": "debian"])
            func patch(_ operation: String, _ path: String, _ value: JSON? = nil) async -> TestResponse {
                var members: JSONObject = ["op": .string(operation), "path": .string(path)]
                members["value"] = value
                return await gallery.patch(id, .array([.object(members)]))
            }
            #expect(await patch("replace", "/name", "new").json["name"] == "new")
            #expect(await patch("add", "/hw_disk_bus", "scsi").json["hw_disk_bus"] == "scsi")
            #expect(await patch("replace", "/os_distro", "alpine").json["os_distro"] == "alpine")
            #expect(await patch("remove", "/os_distro").json["os_distro"] == nil)
            #expect(await patch("remove", "/os_distro").status == .conflict)
            #expect(await patch("replace", "/nothing", "x").status == .conflict)
            #expect(await patch("replace", "/status", "active").status == .forbidden)
            #expect(await patch("remove", "/name").status == .forbidden)
            #expect(await patch("replace", "/min_ram", "lots").status == .badRequest)
            #expect(await patch("add", "/a/b", "x").status == .badRequest)
            #expect(await patch("replace", "/visibility", "public").status == .forbidden)
            #expect(await patch("replace", "/tags", ["one"]).json["tags"] == ["one"])
            #expect(await patch("replace", "/protected", true).status == .ok)
            #expect(await gallery.send(.delete, "/images/\(id)").status == .forbidden)
            #expect(await gallery.send(.patch, "/images/\(id)", [["op": "replace", "path": "/name", "value": "y"]]).status == .unsupportedMediaType)
            _ = await gallery.upload(id, [1])
            #expect(await patch("replace", "/disk_format", "raw").status == .forbidden)
            #expect(await gallery.patch(id, "no list").status == .badRequest)
        }
    }

    @Test func listsAreFilteredSortedAndPaged() async throws {
        try await Gallery.with { gallery in
            for name in ["beta", "alpha", "gamma"] { _ = try await gallery.create(name, ["tags": [.string("t-" + name)]]) }
            _ = try await gallery.create("hidden", ["os_hidden": true])
            func names(_ query: String) async -> [String] {
                await gallery.send(.get, "/images" + query).json["images"]?.array?.compactMap { $0["name"]?.string } ?? []
            }
            #expect(await names("") == ["gamma", "alpha", "beta"])
            #expect(await names("?sort=name:asc") == ["alpha", "beta", "gamma"])
            #expect(await names("?sort_key=name&sort_dir=desc") == ["gamma", "beta", "alpha"])
            #expect(await names("?name=alpha") == ["alpha"])
            #expect(await names("?tag=t-beta") == ["beta"])
            #expect(await names("?os_hidden=true") == ["hidden"])
            #expect(await names("?status=active") == [])
            let first = await gallery.send(.get, "/images?limit=2&sort=name:asc").json
            #expect(first["images"]?.array?.count == 2)
            let next = try #require(first["next"]?.string)
            let second = await gallery.server.respond(.get, "/image" + next, token: Gallery.member).json
            #expect(second["images"]?[0]?["name"] == "gamma")
            #expect(second["next"] == nil)
            #expect(await gallery.send(.get, "/images?sort=color").status == .badRequest)
            #expect(await gallery.send(.get, "/images?limit=-1").status == .badRequest)
            #expect(await gallery.send(.get, "/images?marker=none").status == .badRequest)
            #expect(await gallery.send(.get, "/images?visibility=odd").status == .badRequest)
        }
    }
}
