import CloudCore
import Foundation
@testable import ImageStores
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// Fetching over TLS from a server that only some trust.
@Suite(.timeLimit(.minutes(1))) struct WebTLSTests {
    /// More than fits into the buffers of a connection.
    private static let large: [UInt8] = {
        var bytes: [UInt8] = [1]
        while bytes.count < 5 << 20 { bytes += bytes + [UInt8(truncatingIfNeeded: bytes.count)] }
        return bytes
    }()

    private static let pages: [String: TestWeb.Page] = [
        "/image": .init(headers: [("content-length", "5")], body: Array("bytes".utf8)),
        "/large": .init(body: large),
        "/untold": .init(body: large, breaks: true, version: .http1_0),
        "/cut": .init(body: Array("bytes".utf8), breaks: true, isCut: true, version: .http1_0),
        "/cutLarge": .init(headers: [("content-length", "\(large.count + 1)")], body: large, breaks: true, isCut: true),
    ]

    /// Runs a server and hands out its port and a file with its certificate, or another's.
    private func serving(
        _ identity: TestIdentity = .images, authority: TestIdentity? = nil, _ use: (Int, String) async throws -> Void
    ) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("authority-\(Identifier.uuid()).pem")
        try (authority ?? identity).certificate.write(to: file, atomically: true, encoding: .utf8)
        let server = try await TestWeb(Self.pages, tls: try identity.serving())
        try await use(server.port, file.path)
        try await server.stop()
        try FileManager.default.removeItem(at: file)
    }

    private func fetch(
        _ host: String, _ port: Int, _ path: String = "/image", authorities: String?, sending sent: [UInt8]? = nil
    ) async throws -> [UInt8] {
        var filter = WebFilter()
        filter.allowsPrivate = true
        filter.allowedPorts = [port]
        let names = ["images.test", "images.test.", "other.test"]
        let resolver = TestResolver(names: Dictionary(uniqueKeysWithValues: names.map { ($0, ["127.0.0.1"]) }))
        let client = WebClient(filter: filter, resolver: resolver, authorities: authorities)
        return try await client.send(sent == nil ? "GET" : "POST", "https://\(host):\(port)\(path)", body: sent) { _, body in
            try await body.collect(upTo: 1 << 24)
        }
    }

    private func expectDistrust(_ host: String, _ port: Int, _ authorities: String?) async {
        let error = await #expect(throws: WebError.self) { _ = try await fetch(host, port, authorities: authorities) }
        guard case .untrusted? = error else {
            Issue.record("\(host): \(String(describing: error))")
            return
        }
    }

    @Test func aTrustedServerIsRead() async throws {
        try await serving { port, authority in
            for host in ["images.test", "images.test."] {
                let bytes = try await fetch(host, port, authorities: authority)
                #expect(bytes == Array("bytes".utf8))
            }
        }
        try await serving(.other) { port, authority in
            let bytes = try await fetch("127.0.0.1", port, authorities: authority)
            #expect(bytes == Array("bytes".utf8))
        }
    }

    /// The system's authorities, another name, an address that the certificate does not name, no authorities at all.
    @Test func othersAreNotTrusted() async throws {
        try await serving { port, authority in
            for (host, authorities) in [
                ("images.test", nil), ("other.test", authority), ("127.0.0.1", authority), ("images.test", "/nowhere.pem"),
            ] {
                await expectDistrust(host, port, authorities)
            }
        }
        // The same name, but signed by somebody else of that name.
        try await serving(authority: .other) { port, authority in await expectDistrust("images.test", port, authority) }
        try await serving(.expired) { port, authority in await expectDistrust("images.test", port, authority) }
    }

    /// Connections that fail while their handshakes do are let go of in whatever order their threads come to it.
    @Test func manyFailuresAtOnceAreSurvived() async throws {
        try await serving { port, _ in
            await withTaskGroup { group in
                for _ in 0..<50 { group.addTask { await expectDistrust("images.test", port, nil) } }
            }
        }
    }

    @Test func largeBodiesArriveWhole() async throws {
        try await serving { port, authority in
            for path in ["/large", "/untold"] {
                let bytes = try await fetch("images.test", port, path, authorities: authority)
                #expect(Data(bytes) == Data(Self.large), "\(path)")
            }
            let bytes = try await fetch("images.test", port, authorities: authority, sending: Array(Self.large.prefix(1 << 20)))
            #expect(bytes == Array("bytes".utf8))
        }
    }

    /// Where only the connection's end tells the body's, anybody could make it shorter.
    @Test func anEndWithoutAGoodbyeIsNone() async throws {
        try await serving { port, authority in
            for path in ["/cut", "/cutLarge"] {
                await #expect(throws: WebError.ended, "\(path)") {
                    _ = try await fetch("images.test", port, path, authorities: authority)
                }
            }
        }
    }

    // MARK: Two handlers, wired by hand

    /// A client and a server; nothing moves between them but by `carry`.
    private final class Wires {
        let client = EmbeddedChannel(), server = EmbeddedChannel()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("authority-\(Identifier.uuid()).pem")

        init() throws {
            try TestIdentity.images.certificate.write(to: file, atomically: true, encoding: .utf8)
            let context = try TLSContext(authorities: file.path)
            try client.pipeline.syncOperations.addHandler(TLSHandler(context, to: .name("images.test")))
            try server.pipeline.syncOperations.addHandler(TLSHandler(try TestIdentity.images.serving(), to: .client))
            for channel in [server, client] { channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil) }
        }

        deinit { try? FileManager.default.removeItem(at: file) }

        /// Carries all bytes over, in pieces, until nobody says anything any more.
        func carry(by size: Int) throws {
            var isMoving = true
            while isMoving {
                isMoving = false
                for (from, to) in [(client, server), (server, client)] {
                    while var bytes = try from.readOutbound(as: ByteBuffer.self) {
                        isMoving = true
                        while bytes.readableBytes > 0, let piece = bytes.readSlice(length: min(size, bytes.readableBytes)) {
                            try to.writeInbound(piece)
                        }
                    }
                }
            }
        }

        func received(_ channel: EmbeddedChannel) throws -> [UInt8] {
            var all: [UInt8] = []
            while let bytes = try channel.readInbound(as: ByteBuffer.self) { all += bytes.readableBytesView }
            return all
        }
    }

    @Test(arguments: [1, 7, 1 << 20]) func recordsInPiecesAndWritesBeforeTheHandshake(size: Int) throws {
        let wires = try Wires()
        let early = wires.client.eventLoop.makePromise(of: Void.self)
        wires.client.writeAndFlush(ByteBuffer(string: "early "), promise: early)
        let late = wires.client.eventLoop.makePromise(of: Void.self)
        wires.client.write(ByteBuffer(string: "late"), promise: late)
        var isLate = false
        late.futureResult.assumeIsolated().whenSuccess { isLate = true }
        try wires.carry(by: size)
        try early.futureResult.wait()
        #expect(try wires.received(wires.server) == Array("early ".utf8))
        #expect(!isLate)
        wires.client.flush()
        let answer = Array(Self.large.prefix(20_000))
        wires.server.writeAndFlush(ByteBuffer(bytes: answer), promise: nil)
        try wires.carry(by: size)
        #expect(isLate)
        #expect(try wires.received(wires.server) == Array("late".utf8))
        #expect(try wires.received(wires.client) == answer)
        // A goodbye closes both.
        wires.client.close(promise: nil)
        try wires.carry(by: size)
        #expect(!wires.client.isActive && !wires.server.isActive)
        #expect(throws: ChannelError.ioOnClosedChannel) { try wires.server.writeOutbound(ByteBuffer(string: "more")) }
    }

    @Test func whatWaitsFailsWithTheHandshake() throws {
        let wires = try Wires()
        let promise = wires.client.eventLoop.makePromise(of: Void.self)
        wires.client.writeAndFlush(ByteBuffer(string: "early"), promise: promise)
        #expect(throws: WebError.self) { try wires.client.writeInbound(ByteBuffer(string: "this is no TLS")) }
        #expect(throws: WebError.self) { try promise.futureResult.wait() }
        #expect(!wires.client.isActive)
    }
}
