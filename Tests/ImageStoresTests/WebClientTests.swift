@testable import ImageStores
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

/// A web server on a loopback port that answers from a table.
final class TestWeb: Sendable {
    struct Page: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: [(String, String)] = []
        /// The headers of an answer without a body; nil for the same.
        var headHeaders: [(String, String)]?
        var body: [UInt8] = []
        /// Whether the connection breaks after the body.
        var breaks = false
        /// Whether it is closed below TLS then, without a goodbye.
        var isCut = false
        /// HTTP 1.0 tells the end of a body by the connection's.
        var version = HTTPVersion.http1_1
    }

    let port: Int
    private let channel: any Channel
    private let heard: Heard

    /// What was asked for.
    final class Heard: Sendable {
        private let heads = Mutex<[HTTPRequestHead]>([])
        private let received = Mutex<[UInt8]>([])
        func note(_ head: HTTPRequestHead) { heads.withLock { $0.append(head) } }
        func note(_ body: ByteBuffer) { received.withLock { $0.append(contentsOf: body.readableBytesView) } }
        var all: [HTTPRequestHead] { heads.withLock { $0 } }
        var bytes: [UInt8] { received.withLock { $0 } }
    }

    init(_ pages: [String: Page], tls: TLSContext? = nil) async throws {
        let heard = Heard()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(tls, to: .client)) }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answerer(pages, heard))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.heard = heard
        port = channel.localAddress?.port ?? 0
    }

    var requests: [HTTPRequestHead] { heard.all }
    /// The bytes of all bodies that came, one after the other.
    var received: [UInt8] { heard.bytes }
    var url: String { "http://127.0.0.1:\(port)" }
    func stop() async throws { try await channel.close() }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let pages: [String: Page]
        private let heard: Heard

        init(_ pages: [String: Page], _ heard: Heard) { (self.pages, self.heard) = (pages, heard) }

        private var request: HTTPRequestHead?

        /// Answers when all of the request is there.
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                request = head
                return heard.note(head)
            case .body(let bytes): return heard.note(bytes)
            case .end: break
            }
            guard let request else { return }
            let page = pages[request.uri] ?? Page(status: .notFound)
            let headers = request.method == .HEAD ? page.headHeaders ?? page.headers : page.headers
            let head = HTTPResponseHead(version: page.version, status: page.status, headers: HTTPHeaders(headers))
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: page.body)))), promise: nil) }
            let last = page.breaks ? context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))) : context.writeAndFlush(wrapOutboundOut(.end(nil)))
            let channel = context.channel
            last.whenComplete { _ in
                let below = page.isCut ? try? channel.pipeline.syncOperations.context(handlerType: TLSHandler.self) : nil
                if let below { below.close(promise: nil) } else { channel.close(promise: nil) }
            }
        }
    }
}

/// Names with addresses of our choosing.
struct TestResolver: WebResolver {
    let names: [String: [String]]
    func addresses(of host: String) async throws -> [InternetAddress] { (names[host] ?? []).compactMap { InternetAddress($0) } }
}

/// Fetching over real sockets.
@Suite(.timeLimit(.minutes(1))) struct WebClientTests {
    private static let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    private func client(
        private isPrivate: Bool = true, _ names: [String: [String]] = [:], _ adjust: (inout WebClient) -> Void = { _ in }
    ) -> WebClient {
        var filter = WebFilter()
        (filter.allowsPrivate, filter.allowedPorts) = (isPrivate, [])
        var client = WebClient(filter: filter, resolver: TestResolver(names: names))
        adjust(&client)
        return client
    }

    private func fetch(_ client: WebClient, _ url: String, headers: [String: String] = [:]) async throws -> (Int, [UInt8]) {
        try await client.send("GET", url, headers: headers) { answer, body in
            (answer.status, try await body.collect(upTo: 1 << 20))
        }
    }

    private func with(_ pages: [String: TestWeb.Page], _ body: (TestWeb) async throws -> Void) async throws {
        let web = try await TestWeb(pages)
        do {
            try await body(web)
        } catch {
            try await web.stop()
            throw error
        }
        try await web.stop()
    }

    @Test func bodiesStream() async throws {
        try await with(["/a?b": .init(body: Self.body)]) { web in
            let (status, bytes) = try await fetch(client(["image.test": ["127.0.0.1"]]), "http://image.test:\(web.port)/a?b", headers: ["X-Auth-Token": "t"])
            #expect(status == 200)
            #expect(bytes == Self.body)
            let request = try #require(web.requests.first)
            #expect(request.headers["Host"] == ["image.test:\(web.port)"])
            #expect(request.headers["X-Auth-Token"] == ["t"])
            let head = try await client().send("HEAD", web.url + "/a?b") { answer, body in (answer.status, try await body.next()?.readableBytes) }
            #expect(head == (200, nil))
            let (missing, _) = try await fetch(client(), web.url + "/none")
            #expect(missing == 404)
        }
    }

    @Test func whatIsSentArrivesWhole() async throws {
        let pages = ["/a": TestWeb.Page(status: .created), "/b": TestWeb.Page(status: .found, headers: [("Location", "/a")])]
        try await with(pages) { web in
            let bytes = Self.body + Self.body
            let status = try await client().send("PUT", web.url + "/a", headers: ["ETag": "x"], body: bytes) { answer, _ in answer.status }
            #expect(status == 201)
            #expect(web.received == bytes)
            #expect(web.requests.first?.headers["Content-Length"] == ["\(bytes.count)"])
            // Bytes are for one place: where another is named instead, the sender decides.
            let elsewhere = try await client().send("PUT", web.url + "/b", body: [1]) { answer, _ in answer.status }
            #expect(elsewhere == 302)
        }
    }

    @Test func privateAddressesAreRefused() async throws {
        try await with(["/": .init(body: [1])]) { web in
            let guarded = client(private: false, ["inside.test": ["127.0.0.1", "10.0.0.1", "::1"]])
            await #expect(throws: WebRefusal.address(host: "127.0.0.1")) { try await fetch(guarded, web.url) }
            await #expect(throws: WebRefusal.address(host: "inside.test")) {
                try await fetch(guarded, "http://inside.test:\(web.port)/")
            }
            #expect(web.requests.isEmpty)
        }
    }

    @Test func redirectsAreJudgedAnew() async throws {
        let pages: [String: TestWeb.Page] = [
            "/loop": .init(status: .found, headers: [("Location", "/loop")]),
            "/once": .init(status: .movedPermanently, headers: [("Location", "body")]),
            "/inside": .init(status: .found, headers: [("Location", "http://other.test/x")]),
            "/file": .init(status: .seeOther, headers: [("Location", "file:///etc/passwd")]),
            "/body": .init(body: [1, 2, 3]),
        ]
        try await with(pages) { web in
            let (_, once) = try await fetch(client(), web.url + "/once")
            #expect(once == [1, 2, 3])
            await #expect(throws: WebRefusal.tooManyRedirects) { try await fetch(client(), web.url + "/loop") }
            #expect(web.requests.count { $0.uri == "/loop" } == 6)
            // Multicast stays refused whatever the setting is.
            await #expect(throws: WebRefusal.address(host: "other.test")) {
                try await fetch(client(["other.test": ["224.0.0.1"]]), web.url + "/inside")
            }
            await #expect(throws: WebRefusal.self) { try await fetch(client(), web.url + "/file") }
        }
    }

    @Test func headersStayWithTheirOrigin() async throws {
        let other = try await TestWeb(["/x": .init(body: [9])])
        try await with(["/go": .init(status: .temporaryRedirect, headers: [("Location", other.url + "/x")])]) { web in
            let (_, bytes) = try await fetch(client(), web.url + "/go", headers: ["X-Auth-Token": "secret"])
            #expect(bytes == [9])
            #expect(web.requests.first?.headers["X-Auth-Token"] == ["secret"])
            #expect(other.requests.first?.headers["X-Auth-Token"] == [])
        }
        try await other.stop()
    }

    @Test func sizesAreLimited() async throws {
        let pages: [String: TestWeb.Page] = [
            "/told": .init(headers: [("Content-Length", "100000")], body: Self.body), "/untold": .init(body: Self.body),
        ]
        try await with(pages) { web in
            let small = client { $0.limits.size = 99_999 }
            for path in ["/told", "/untold"] {
                await #expect(throws: WebError.tooLarge(limit: 99_999)) { try await fetch(small, web.url + path) }
            }
            let exact = client { $0.limits.size = 100_000 }
            let (_, bytes) = try await fetch(exact, web.url + "/told")
            #expect(bytes.count == 100_000)
        }
    }

    @Test func aBodyThatBreaksOffIsNoBody() async throws {
        let page = TestWeb.Page(headers: [("Content-Length", "200000")], body: Self.body, breaks: true)
        try await with(["/": page]) { web in
            await #expect(throws: WebError.self) { try await fetch(client(), web.url + "/") }
        }
    }

    @Test func silenceAndTimeEnd() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        let url = "http://127.0.0.1:\(silent.localAddress?.port ?? 0)/"
        let impatient = client { $0.limits.idle = .seconds(1) }
        await #expect(throws: WebError.timedOut) { try await fetch(impatient, url) }
        let hurried = client { $0.limits.total = .milliseconds(50) }
        await #expect(throws: WebError.timedOut) { try await fetch(hurried, url) }
        try await silent.close()
        await #expect(throws: WebError.self) { try await fetch(client(), url) }
    }
}
