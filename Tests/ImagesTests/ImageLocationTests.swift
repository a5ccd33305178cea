import CloudAPI
import CloudCore
import ImageStores
import NIOCore
import Testing

@testable import Images

/// A read-only store with a few things in it, at `shelf://` and their names.
struct ShelfStore: ImageStore {
    static let things: [String: [UInt8]] = ["shelf://book": Array(repeating: 1, count: 300), "shelf://pen": [2, 2]]

    var kind: String { "http" }
    var isReadOnly: Bool { true }
    var properties: JSONObject { [:] }

    func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload { throw ImageStoreError.readOnly }
    func open(_ location: String) async throws -> any ImageContent {
        guard let bytes = Self.things[location] else { throw ImageStoreError.missing(location) }
        return ShelfContent(bytes: bytes)
    }
    func remove(_ location: String) async throws { throw ImageStoreError.readOnly }
    func locations(olderThan age: Duration) async throws -> [String] { [] }
    func url(of location: String) -> String { location }
    func location(of url: String) -> String? { url.hasPrefix("shelf://") ? url : nil }
    func usage() async throws -> StoreUsage { StoreUsage(used: 0, capacity: nil) }
}

struct ShelfContent: ImageContent {
    let bytes: [UInt8]
    var size: Int { bytes.count }
    func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        ByteBuffer(bytes: bytes.dropFirst(offset).prefix(count))
    }
}

/// Where images' bytes are, as clients say and see it.
@Suite(.timeLimit(.minutes(1))) struct ImageLocationTests {
    private static let book: JSON = ["url": "shelf://book", "metadata": ["shelf": "top"]]
    private static let pen: JSON = ["url": "shelf://pen", "metadata": [:]]

    private func shown(_ options: inout ImageOptions) { (options.showsLocations, options.showsDirectURL) = (true, true) }

    private func add(_ gallery: Gallery, _ id: String, _ location: JSON, at position: String = "-") async -> TestResponse {
        await gallery.patch(id, [["op": "add", "path": .string("/locations/\(position)"), "value": location]])
    }

    @Test func aLocationMakesAnImageActive() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            #expect(await gallery.show(id)["locations"] == [])
            let image = await add(gallery, id, Self.book).json
            #expect(image["status"] == "active")
            #expect(image["size"] == 300)
            #expect(image["locations"] == [["url": "shelf://book", "metadata": ["shelf": "top", "store": "web"]]])
            #expect(image["direct_url"] == "shelf://book")
            #expect(image["stores"] == "web")
            #expect(image["os_hash_value"] == .null)
            #expect(await gallery.download(id).bytes.count == 300)
            #expect(await add(gallery, id, Self.book).status == .badRequest)
            let both = await add(gallery, id, Self.pen, at: "0").json
            #expect(both["locations"]?.array?.compactMap { $0["url"]?.string } == ["shelf://pen", "shelf://book"])
        }
    }

    @Test(arguments: ["gopher://there", "file:///etc/passwd", "shelf://nothing", "file"])
    func whatIsNoPlaceIsRefused(_ url: String) async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id, ["url": .string(url), "metadata": [:]]).status == .badRequest)
            #expect(await add(gallery, id, ["url": .string(url)]).status == .badRequest)
            #expect(await gallery.show(id)["status"] == "queued")
        }
    }

    @Test func noneCanNameAnotherImagesFile() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create("secret", token: "member@red")
            _ = await gallery.upload(id, [1, 2, 3], token: "member@red")
            let secret = await gallery.send(.get, "/images/\(id)", token: "member@red").json["direct_url"] ?? .null
            let thief = try await gallery.create("thief")
            #expect(await add(gallery, thief, ["url": secret, "metadata": [:]]).status == .badRequest)
        }
    }

    @Test func locationsChangeOnlyInWhatIsNoted() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            _ = await add(gallery, id, Self.book)
            _ = await add(gallery, id, Self.pen)
            func replace(_ value: JSON) async -> TestResponse {
                await gallery.patch(id, [["op": "replace", "path": "/locations", "value": value]])
            }
            #expect(await replace(await gallery.show(id)["locations"] ?? .null).status == .ok)
            let noted: JSON = [Self.pen, ["url": "shelf://book", "metadata": ["shelf": "low"]]]
            #expect(await replace(noted).json["locations"]?[1]?["metadata"] == ["shelf": "low", "store": "web"])
            #expect(await replace([Self.book]).status == .badRequest)
            #expect(await replace([Self.book, Self.book]).status == .badRequest)
            #expect(await replace([]).status == .forbidden)
            #expect(await gallery.show(id)["locations"]?.array?.count == 2)
        }
    }

    @Test func locationsAreRemovedByAdministrators() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            _ = await add(gallery, id, Self.book)
            _ = await add(gallery, id, Self.pen)
            func remove(_ position: String, _ token: String) async -> Int {
                await gallery.patch(id, [["op": "remove", "path": .string("/locations/\(position)")]], token: token).status.code
            }
            #expect(await remove("0", Gallery.member) == 403)
            #expect(await remove("2", Gallery.admin) == 400)
            #expect(await remove("x", Gallery.admin) == 400)
            #expect(await remove("0", Gallery.admin) == 200)
            #expect(await remove("0", Gallery.admin) == 403)
            #expect(await gallery.show(id)["locations"]?[0]?["url"] == "shelf://pen")
        }
    }

    @Test func whatIsSaidOfBytesMustAgree() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            let hash = String(repeating: "deadbeef", count: 16)
            func place(_ url: String, _ checksum: String, _ algorithm: String, _ value: String) -> JSON {
                [
                    "url": .string(url), "metadata": [:],
                    "validation_data": [
                        "checksum": .string(checksum), "os_hash_algo": .string(algorithm), "os_hash_value": .string(value),
                    ],
                ]
            }
            let (ones, twos) = (String(repeating: "1", count: 32), String(repeating: "2", count: 32))
            #expect(await add(gallery, id, place("shelf://book", ones, "sha256", hash)).status == .conflict)
            #expect(await add(gallery, id, place("shelf://book", ones, "sha512", "dead")).status == .conflict)
            let image = await add(gallery, id, place("shelf://book", ones, "sha512", hash)).json
            #expect(image["checksum"] == .string(ones))
            #expect(image["os_hash_value"] == .string(hash))
            #expect(image["locations"]?[0]?["validation_data"] == nil)
            #expect(await add(gallery, id, place("shelf://pen", twos, "sha512", hash)).status == .conflict)
            #expect(await add(gallery, id, place("shelf://pen", ones, "sha512", hash)).status == .ok)
        }
    }

    @Test func hiddenLocationsCannotBeChanged() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id, Self.book).status == .forbidden)
            #expect(await gallery.show(id)["locations"] == nil)
            #expect(await gallery.show(id)["direct_url"] == nil)
        }
    }

    @Test func otherServicesListLocations() async throws {
        try await Gallery.with(shown) { gallery in
            let id = try await gallery.create()
            _ = await add(gallery, id, Self.book)
            let path = "/images/\(id)/locations"
            #expect(await gallery.send(.get, path).status == .forbidden)
            #expect(await gallery.send(.get, path, token: "member@red").status == .notFound)
            #expect(await gallery.send(.get, path, token: Gallery.admin).json[0]?["url"] == "shelf://book")
        }
    }

    @Test func anImageHasOnlySoManyLocations() async throws {
        try await Gallery.with({ ($0.showsLocations, $0.limits.locations) = (true, 1) }) { gallery in
            let id = try await gallery.create()
            _ = await add(gallery, id, Self.book)
            #expect(await add(gallery, id, Self.pen).status == .contentTooLarge)
        }
    }
}
