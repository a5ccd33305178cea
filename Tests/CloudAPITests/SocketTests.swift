import CloudAPI
import CloudCore
import NIOCore
import Synchronization
import Testing

/// What only a real socket shows.
@Suite(.timeLimit(.minutes(2))) struct SocketTests {
    /// Runs a server on a port of the system's choice for as long as the closure takes.
    static func serving<Result: Sendable>(
        _ server: CloudServer, _ use: @escaping @Sendable (Int) async throws -> Result
    ) async throws -> Result {
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let running = Task { try await server.run { announce.yield($0.port) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let result: Result
        do {
            result = try await use(port)
        } catch {
            server.stop()
            throw error
        }
        server.stop()
        try await running.value
        return result
    }

    private func get(_ path: String, _ headers: String = "", method: String = "GET") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: cloud.example.org:9000\r\nX-Auth-Token: reader\r\n\(headers)\r\n"
    }

    @Test func aConnectionServesManyRequests() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                for _ in 0..<3 {
                    try await connection.send(get("/gadget/v2.1/where"))
                    let answer = try await connection.readAnswer()
                    #expect(answer.head[0] == "HTTP/1.1 200 OK")
                    #expect(answer.body.contains("http://cloud.example.org:9000/gadget"))
                }
                try await connection.send(get("/gadget/v2.1/gadgets") + get("/gadget/v2.1/gadgets/detail"))
                #expect(try await connection.readAnswer().body == #"{"gadgets":["2.1","none"]}"#)
                #expect(try await connection.readAnswer().body == #"{"detail":true}"#)
            }
        }
    }

    @Test func headSendsNoBody() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                for path in ["/gadget/v2.1/large", "/gadget/v2.1/objects/c/o?size=5000000"] {
                    try await connection.send(get(path, method: "HEAD"))
                    let head = try await connection.readHead()
                    #expect(head.contains { $0.lowercased().hasPrefix("content-length: ") })
                }
                try await connection.send(get("/gadget/v2.1/gadgets/detail"))
                #expect(try await connection.readAnswer().body == #"{"detail":true}"#)
            }
        }
    }

    @Test func connectionCloseIsHeeded() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/gadgets", "Connection: close\r\n"))
                let answer = try await connection.readAnswer()
                #expect(answer.head.contains { $0.lowercased() == "connection: close" })
                #expect(try await connection.endsNow())
            }
        }
    }

    @Test func theLastOfPipelinedRequestsMayAskToClose() async throws {
        let size = 16 << 20
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                let download = get("/gadget/v2.1/objects/c/o?size=\(size)")
                try await connection.send(download + get("/gadget/v2.1/objects/c/o?size=\(size)", "Connection: close\r\n"))
                #expect(try await connection.readHead().contains { $0.lowercased() == "connection: close" } == false)
                try await connection.readBody(size)
                #expect(try await connection.readHead().contains { $0.lowercased() == "connection: close" })
                try await connection.readBody(size)
                #expect(try await connection.endsNow())
            }
        }
    }

    @Test func aLargeDownloadWaitsForItsReader() async throws {
        let size = 128 << 20
        let made = Mutex(0)
        let endpoint = Endpoint(.get, "/v2.1/counted", "Download", access: .open(because: "a test")) { _ in
            let chunk = ByteBuffer(repeating: 7, count: 65_536)
            let stream = ByteStream(unfolding: {
                made.withLock { made in
                    guard made < size else { return nil }
                    made += chunk.readableBytes
                    return chunk
                }
            })
            return APIResponse(body: .stream(stream, length: size))
        }
        try await Self.serving(try Fixture.server([endpoint])) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/counted"))
                _ = try await connection.readHead()
                var (received, ahead) = (0, 0)
                try await connection.readBody(size) { count in
                    received += count
                    ahead = max(ahead, made.withLock { $0 } - received)
                }
                #expect(ahead < size / 4)
            }
        }
    }

    @Test func aLargeUploadWaitsForItsHandler() async throws {
        let (size, release) = (128 << 20, Gate())
        let endpoint = Endpoint(
            .put, "/v2.1/held", "Upload", access: .open(because: "a test"), body: .stream(mediaTypes: ["*/*"], limit: size)
        ) { request in
            var count = 0
            for try await chunk in request.stream {
                await release.pass()
                count += chunk.readableBytes
            }
            return .json("count", count)
        }
        try await Self.serving(try Fixture.server([endpoint])) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send("PUT /gadget/v2.1/held HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
                let sent = Count()
                let send = connection.sender
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let chunk = ByteBuffer(repeating: 1, count: 1 << 20)
                        for _ in 0..<(size >> 20) {
                            try await send(chunk)
                            sent.add(chunk.readableBytes)
                        }
                    }
                    // Time enough to send everything, were there nothing to hold the sender back.
                    try await Task.sleep(for: .milliseconds(500))
                    #expect(sent.value < size)
                    release.open()
                    try await group.waitForAll()
                }
                #expect(try await connection.readAnswer().body == #"{"count":\#(size)}"#)
            }
        }
    }

    @Test func aChunkedUploadArrives() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send("PUT /gadget/v2.1/objects/c/o HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                try await connection.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
                #expect(try await connection.readAnswer().body == #"{"stored":["c","o","11"]}"#)
            }
        }
    }

    @Test func continueIsSentWhenTheBodyIsWanted() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                let request = "PUT /gadget/v2.1/objects/c/o HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
                try await connection.send(request)
                #expect(try await connection.readHead()[0].hasPrefix("HTTP/1.1 100"))
                try await connection.send("hello")
                #expect(try await connection.readAnswer().body.contains(#""5""#))
            }
            try await TestConnection.open(port: port) { connection in
                let request = "POST /gadget/v2.1/gadgets HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
                try await connection.send(request)
                let answer = try await connection.readAnswer()
                #expect(answer.head[0].hasPrefix("HTTP/1.1 401"))
                #expect(answer.head.contains { $0.lowercased() == "connection: close" })
            }
        }
    }

    @Test func aBodyBeyondTheLimitIsRefusedBeforeItIsSent() async throws {
        try await Self.serving(try Fixture.server { $0.bodyLimit = 1000 }) { port in
            try await TestConnection.open(port: port) { connection in
                let head = "POST /gadget/v2.1/gadgets HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\nContent-Length: 1000000000\r\n\r\n"
                try await connection.send(head)
                let answer = try await connection.readAnswer()
                #expect(answer.head[0].hasPrefix("HTTP/1.1 413"))
                #expect(answer.body.contains("1000"))
                #expect(try await connection.endsNow())
            }
        }
    }

    @Test func aBodyOfUnknownLengthComesInChunks() async throws {
        let endpoint = Endpoint(.get, "/v2.1/tale", "Tell", access: .open(because: "a test")) { _ in
            let words = ["once", "", "upon a time"].map(ByteBuffer.init(string:))
            return APIResponse(body: .stream(ByteStream(AsyncStream { told in
                words.forEach { told.yield($0) }
                told.finish()
            }), length: nil))
        }
        try await Self.serving(try Fixture.server([endpoint])) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/tale"))
                let head = try await connection.readHead()
                #expect(head.contains("transfer-encoding: chunked"))
                #expect(try await connection.readText(30) == "4\r\nonce\r\nb\r\nupon a time\r\n0\r\n\r\n")
                try await connection.send(get("/gadget/v2.1/tale", method: "HEAD") + get("/gadget/v2.1/gadgets/detail"))
                _ = try await connection.readHead()
                #expect(try await connection.readAnswer().body == #"{"detail":true}"#)
            }
        }
    }

    @Test func aTargetMayNameTheServer() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                for target in ["http://cloud.example.org:9000/gadget/v2.1/gadgets/detail", "/gadget/v2.1/gadgets/detail"] {
                    try await connection.send(get(target))
                    #expect(try await connection.readAnswer().body == #"{"detail":true}"#)
                }
            }
        }
    }

    @Test func fieldsMayChangePlacesBetweenRequests() async throws {
        try await Self.serving(try Fixture.server()) { port in
            try await TestConnection.open(port: port) { connection in
                let path = "GET /gadget/v2.1/where HTTP/1.1\r\n"
                let (host, token) = ("Host: cloud.example.org:9000\r\n", "X-Auth-Token: reader\r\n")
                for fields in [host + token, token + host, "Accept: */*\r\n" + token + host, token + host + "Accept: */*\r\n"] {
                    try await connection.send(path + fields + "\r\n")
                    #expect(try await connection.readAnswer().body.contains("http://cloud.example.org:9000/gadget"))
                }
            }
        }
    }

    @Test func aBrokenStreamCutsTheConnection() async throws {
        let endpoint = Endpoint(.get, "/v2.1/short", "Too short", access: .open(because: "a test")) { _ in
            APIResponse(body: .stream(Fixture.zeros(1000), length: 2000))
        }
        try await Self.serving(try Fixture.server([endpoint])) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/short"))
                _ = try await connection.readHead()
                try await connection.readBody(1000)
                await #expect(throws: (any Error).self) { try await connection.readBody(1) }
            }
        }
    }

    @Test func stoppingLetsALargeAnswerReachASlowReader() async throws {
        let size = 64 << 20
        let server = try Fixture.server { $0.drainDeadline = .seconds(60) }
        try await Self.serving(server) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/objects/c/o?size=\(size)"))
                _ = try await connection.readHead()
                try await connection.readBody(1 << 20)
                server.stop()
                try await connection.readBody(size - (1 << 20))
                #expect(try await connection.endsNow())
            }
        }
    }

    @Test func stoppingClosesIdleConnections() async throws {
        let server = try Fixture.server()
        try await Self.serving(server) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/gadgets"))
                _ = try await connection.readAnswer()
                server.stop()
                #expect(try await connection.endsNow())
            }
        }
    }

    @Test func theDrainDeadlineCutsWhatDoesNotEnd() async throws {
        let (entered, never) = (Gate(), Gate())
        let endpoint = Endpoint(.get, "/v2.1/stuck", "Stuck", access: .open(because: "a test")) { _ in
            entered.open()
            await never.pass()
            return .empty()
        }
        let server = try Fixture.server([endpoint]) { $0.drainDeadline = .milliseconds(100) }
        let start = ContinuousClock.now
        try await Self.serving(server) { port in
            try await TestConnection.open(port: port) { connection in
                try await connection.send(get("/gadget/v2.1/stuck"))
                await entered.pass()
            }
        }
        #expect(ContinuousClock.now - start < .seconds(30))
        never.open()
    }

    @Test func cancellingTheTaskStopsTheServer() async throws {
        let server = try Fixture.server()
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let running = Task { try await server.run { announce.yield($0.port) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        #expect(port > 0)
        running.cancel()
        try await running.value
    }

    @Test func aTakenPortIsAClearError() async throws {
        try await Self.serving(try Fixture.server()) { port in
            let second = try Fixture.server { $0.port = port }
            await #expect(throws: ServerStartError.self) { try await second.run() }
        }
    }
}

/// Opens once; whoever passes before waits.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }
    func pass() async { for await _ in stream {} }
}

/// A number that several tasks add to.
final class Count: Sendable {
    private let number = Mutex(0)
    var value: Int { number.withLock { $0 } }
    func add(_ amount: Int) { number.withLock { $0 += amount } }
}
