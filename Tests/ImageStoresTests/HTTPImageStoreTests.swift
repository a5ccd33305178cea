import CloudCore
import ImageStores
import NIOCore
import NIOHTTP1
import Testing

/// The store of images on other web servers.
@Suite(.timeLimit(.minutes(1))) struct HTTPImageStoreTests {
    private static let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    private func withStore(_ body: (HTTPImageStore, TestWeb) async throws -> Void) async throws {
        let length = [("Content-Length", String(Self.body.count))]
        let web = try await TestWeb([
            "/image": .init(headers: length, body: Self.body),
            "/short": .init(headers: length, body: Array(Self.body.prefix(500)), breaks: true),
            "/unsized": .init(headers: [("Transfer-Encoding", "chunked")], body: Self.body),
            "/made": .init(headers: [("Transfer-Encoding", "chunked")], headHeaders: length, body: Self.body),
            "/broken": .init(status: .internalServerError, headers: [("Content-Length", "0")]),
        ])
        var filter = WebFilter()
        (filter.allowsPrivate, filter.allowedPorts) = (true, [])
        try await body(HTTPImageStore(client: WebClient(filter: filter)), web)
        try await web.stop()
    }

    @Test func bytesComeAsTheyAreRead() async throws {
        try await withStore { store, web in
            let content = try await store.open(web.url + "/image")
            #expect(content.size == Self.body.count)
            var bytes: [UInt8] = []
            while bytes.count < content.size { bytes += try await content.bytes(at: bytes.count, count: 7000) }
            #expect(bytes == Self.body)
            #expect(web.requests.count == 1)
            let beyond = try await content.bytes(at: content.size, count: 10)
            #expect(beyond == [])
        }
    }

    @Test func aReadElsewhereAsksForTheRest() async throws {
        try await withStore { store, web in
            let content = try await store.open(web.url + "/image")
            #expect(try await content.bytes(at: 50_000, count: 5) == Array(Self.body[50_000..<50_005]))
            #expect(try await content.bytes(at: 50_005, count: 5) == Array(Self.body[50_005..<50_010]))
            #expect(web.requests.map { $0.headers.first(name: "Range") } == [nil, "bytes=50000-"])
        }
    }

    /// A server that makes its answer as it goes tells the size when it is asked for that alone.
    @Test func theSizeMayHaveToBeAskedFor() async throws {
        try await withStore { store, web in
            let content = try await store.open(web.url + "/made")
            #expect(content.size == Self.body.count)
            #expect(try await content.bytes(at: 0, count: Self.body.count) == Self.body)
            #expect(web.requests.map(\.method) == [.GET, .HEAD, .GET])
        }
    }

    @Test func whatCannotBeHadIsSaid() async throws {
        try await withStore { store, web in
            await #expect(throws: ImageStoreError.missing(web.url + "/none")) { try await store.open(web.url + "/none") }
            for path in ["/broken", "/unsized"] {
                let error = await #expect(throws: ImageStoreError.self) { try await store.open(web.url + path) }
                guard case .unavailable = error else { throw try #require(error) }
            }
            let content = try await store.open(web.url + "/short")
            let error = await #expect(throws: ImageStoreError.self) { _ = try await content.bytes(at: 0, count: 1000) }
            guard case .unavailable = error else { throw try #require(error) }
        }
    }

    @Test func nothingCanBePutThere() async throws {
        try await withStore { store, web in
            #expect(store.isReadOnly)
            let kept = try await store.locations()
            #expect(kept == [])
            await #expect(throws: ImageStoreError.readOnly) { try await store.beginUpload(id: Identifier.uuid(), expectedSize: nil) }
            await #expect(throws: ImageStoreError.readOnly) { try await store.remove(web.url + "/image") }
            #expect(store.location(of: web.url + "/image") == web.url + "/image")
            #expect(store.location(of: "file:///etc/passwd") == nil)
        }
    }

    /// With the filter as it is by default, nothing in the cloud's own surroundings is asked.
    @Test func itsOwnSurroundingsAreOutOfReach() async throws {
        try await withStore { _, web in
            let store = HTTPImageStore(client: WebClient(filter: WebFilter()))
            for url in [web.url + "/image", "http://127.0.0.1/image", "http://169.254.169.254/latest"] {
                #expect(store.location(of: url) == nil)
                await #expect(throws: ImageStoreError.missing(url)) { try await store.open(url) }
            }
            #expect(web.requests.isEmpty)
        }
    }
}
