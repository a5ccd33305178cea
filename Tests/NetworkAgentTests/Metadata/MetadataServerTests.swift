import CloudBus
import Logging
import NIOCore
import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct MetadataServerTests {
    private func exchange(_ request: String) async throws -> String {
        let server = MetadataServer(networkID: "network-1", source: EchoingMetadata(), logger: Logger(label: "test"))
        try await server.start(in: .current, port: 0)
        let port = try #require(await server.port)
        let answer = try await Self.send(request, port: port)
        await server.stop()
        return answer
    }

    private static func send(_ request: String, port: Int) async throws -> String {
        let connection = try await SocketConnection.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: port))
        defer { connection.close() }
        connection.send(Array(request.utf8))
        var answer: [UInt8] = []
        while let part = try await connection.next() { answer += part.readableBytesView }
        return String(decoding: answer, as: UTF8.self)
    }

    @Test func theNetworkAndThePeerNameTheGuest() async throws {
        let answer = try await exchange("GET /openstack/latest?x=1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.lowercased().contains("connection: close"))
        #expect(answer.hasSuffix("\r\n\r\nnetwork=network-1 address=127.0.0.1 path=/openstack/latest"))
    }

    @Test(arguments: [
        ("GET /unavailable HTTP/1.1\r\nHost: x\r\n\r\n", "503"),
        ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 9000))\r\n\r\n", "431"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n\(String(repeating: "a", count: 70000))", "413"),
        ("nonsense\r\n\r\n", "400"),
    ])
    func badRequestsAreRefused(request: String, status: String) async throws {
        #expect(try await exchange(request).hasPrefix("HTTP/1.1 \(status) "))
    }

    @Test func aHeadHasNoBody() async throws {
        let answer = try await exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n"))
    }

    @Test func stoppingEndsWhatIsUnderWay() async throws {
        let server = MetadataServer(networkID: "network-1", source: EchoingMetadata(), logger: Logger(label: "test"))
        try await server.start(in: .current, port: 0)
        let port = try #require(await server.port)
        let idle = Task { try await Self.send("GET / HTTP/1.1\r\n", port: port) }
        #expect(try await Self.send("GET /a HTTP/1.0\r\n\r\n", port: port).contains("path=/a"))
        await server.stop()
        // The half-sent request never gets a good answer.
        let answer = try? await idle.joined
        #expect(answer?.contains(" 200 ") != true)
    }

    @Test func itStopsAtAnyMoment() async throws {
        for moment in 0..<40 {
            let server = MetadataServer(networkID: "network-1", source: EchoingMetadata(), logger: Logger(label: "test"))
            try await server.start(in: .current, port: 0)
            let port = try #require(await server.port)
            let asking = (0..<4).map { _ in Task { try await Self.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", port: port) } }
            for _ in 0..<moment * 5 { await Task.yield() }
            await server.stop()
            // Whoever was too late is told, by an error or by the end: nobody is left waiting.
            for task in asking {
                let answer = try? await task.joined
                #expect(answer == nil || answer == "" || answer?.contains("path=/a") == true)
            }
        }
    }

    @Test func oneConnectionTooManyIsClosed() async throws {
        let server = MetadataServer(networkID: "network-1", source: EchoingMetadata(), logger: Logger(label: "test"))
        try await server.start(in: .current, port: 0)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: #require(await server.port))
        var held: [SocketConnection] = []
        for _ in 0..<MetadataServer.connectionLimit { held.append(try await SocketConnection.connect(to: address)) }
        let surplus = try await SocketConnection.connect(to: address)
        #expect(try await surplus.next() == nil)
        for connection in held { connection.close() }
        // Until the server has noticed, it refuses, by a reset if need be.
        #expect(try await eventually {
            (try? await Self.send("GET /a HTTP/1.0\r\n\r\n", port: address.port ?? 0))?.contains("path=/a") == true
        })
        await server.stop()
    }
}
