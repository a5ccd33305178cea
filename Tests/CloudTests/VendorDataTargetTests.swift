import CloudCore
import CloudSettings
import Compute
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import Cloud

/// A web server on a loopback port that answers by path and notes what it is sent.
private final class VendorWeb: Sendable {
    struct Page: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: [(String, String)] = []
        var body = ""
        /// Whether it never comes.
        var isSilent = false
    }

    final class Heard: Sendable {
        let heads = Mutex<[HTTPRequestHead]>([])
        let bytes = Mutex<[UInt8]>([])
    }

    let port: Int
    let heard: Heard
    private let channel: any Channel

    init(_ pages: [String: Page]) async throws {
        let heard = Heard()
        self.heard = heard
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answerer(pages, heard))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    static func with(_ pages: [String: Page], _ body: (VendorWeb) async throws -> Void) async throws {
        let web = try await VendorWeb(pages)
        do {
            try await body(web)
        } catch {
            try await web.channel.close()
            throw error
        }
        try await web.channel.close()
    }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let pages: [String: Page]
        private let heard: Heard
        private var path = ""

        init(_ pages: [String: Page], _ heard: Heard) { (self.pages, self.heard) = (pages, heard) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                path = head.uri
                heard.heads.withLock { $0.append(head) }
            case .body(let bytes): heard.bytes.withLock { $0.append(contentsOf: bytes.readableBytesView) }
            case .end: answer(pages[path] ?? Page(status: .notFound), context)
            }
        }

        private func answer(_ page: Page, _ context: ChannelHandlerContext) {
            guard !page.isSilent else { return }
            var headers = HTTPHeaders(page.headers)
            headers.add(name: "Content-Length", value: String(page.body.utf8.count))
            let head = HTTPResponseHead(version: .http1_1, status: page.status, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

/// The operator's services as they are asked over real sockets.
@Suite(.timeLimit(.minutes(1))) struct VendorDataTargetTests {
    private func services(_ web: VendorWeb, _ paths: [String], _ more: [String] = []) throws -> any VendorDataServices {
        let targets = paths.map { "\($0)@http://127.0.0.1:\(web.port)/\($0)" }.joined(separator: ",")
        let settings = try Settings.load(
            CloudSettingKeys.registry, sets: ["\(VendorDataSettingKey.targets.path)=\(targets)"] + more)
        return try #require(VendorDataSettingKey.services(settings))
    }

    @Test func aServiceIsAskedByPostInJSON() async throws {
        try await VendorWeb.with(["/a": .init(body: #"{"rack": 7}"#), "/empty": .init()]) { web in
            let services = try services(web, ["a", "empty"])
            #expect(services.names == ["a", "empty"])
            let question: JSON = ["instance-id": "i"]
            #expect(try await services.answer(of: "a", to: question) == ["rack": 7])
            let head = try #require(web.heard.heads.withLock { $0.first })
            #expect(head.method == .POST)
            #expect(head.headers["Content-Type"] == ["application/json"])
            #expect(head.headers["User-Agent"] == ["openstack-nova-vendordata"])
            #expect(web.heard.bytes.withLock { $0 } == question.bytes)
            #expect(try await services.answer(of: "empty", to: question) == [:])
        }
    }

    @Test(arguments: ["broken", "moved", "large", "missing", "silent"]) func whatIsNoAnswerIsAnError(path: String) async throws {
        let large = "\"" + String(repeating: "x", count: VendorDataTargets.answerLimit) + "\""
        let pages: [String: VendorWeb.Page] = [
            "/broken": .init(body: "{rack"), "/moved": .init(status: .found, headers: [("Location", "/target")]),
            "/target": .init(body: "{}"), "/large": .init(body: large), "/silent": .init(isSilent: true),
        ]
        try await VendorWeb.with(pages) { web in
            let services = try services(web, [path], ["\(VendorDataSettingKey.readTimeout.path)=1"])
            await #expect(throws: (any Error).self) { try await services.answer(of: path, to: [:]) }
            #expect(web.heard.heads.withLock { $0.map(\.uri) } == ["/" + path])
        }
    }

    @Test(arguments: ["http://a.example/", "@http://a.example/", "static@http://a.example/", "a@ftp://b/", "a@http://b/,a@http://c/"])
    func wrongTargetsAreRefused(text: String) {
        #expect(throws: (any Error).self) {
            try Settings.load(CloudSettingKeys.registry, sets: ["\(VendorDataSettingKey.targets.path)=\(text)"])
        }
    }

    @Test func withoutTargetsNobodyIsAsked() throws {
        let settings = try Settings.load(CloudSettingKeys.registry, sets: [])
        #expect(VendorDataSettingKey.services(settings) == nil)
    }
}
