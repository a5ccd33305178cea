import Foundation
import NIOCore
import NIOPosix

/// A connection to a server under test that speaks bytes, so that tests see what is on the wire.
struct TestConnection {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let channel: any Channel
    private var buffer = ByteBuffer()
    /// Whether the server has closed its side.
    private(set) var hasEnded = false

    struct Ended: Error {}

    static func open<Result>(
        port: Int, _ use: (inout TestConnection) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            // Small, so that what a test does not read stays with the server.
            .channelOption(.socketOption(.so_rcvbuf), value: 262_144)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, _ in
            var connection = TestConnection(inbound: inbound.makeAsyncIterator(), channel: channel.channel)
            return try await use(&connection)
        }
    }

    func send(_ text: String) async throws { try await sender(ByteBuffer(string: text)) }

    /// Sends bytes and returns once the system has taken them.
    var sender: @Sendable (ByteBuffer) async throws -> Void {
        let channel = channel
        return { bytes in try await channel.writeAndFlush(bytes).get() }
    }

    private mutating func fill() async throws {
        guard !hasEnded else { throw Ended() }
        if let chunk = try await inbound.next() {
            buffer.writeImmutableBuffer(chunk)
        } else {
            hasEnded = true
            throw Ended()
        }
    }

    /// The next head: its lines up to the empty one.
    mutating func readHead() async throws -> [String] {
        while true {
            let text = String(buffer: buffer)
            if let end = text.range(of: "\r\n\r\n") {
                buffer.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
                return text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
            }
            try await fill()
        }
    }

    /// So many bytes of body, dropped; the closure hears of each portion.
    mutating func readBody(_ count: Int, _ received: (Int) -> Void = { _ in }) async throws {
        var rest = count
        while rest > 0 {
            if buffer.readableBytes == 0 { try await fill() }
            let taken = min(rest, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: taken)
            buffer.discardReadBytes()
            rest -= taken
            received(taken)
        }
    }

    /// So many bytes as text.
    mutating func readText(_ count: Int) async throws -> String {
        while buffer.readableBytes < count { try await fill() }
        return buffer.readString(length: count) ?? ""
    }

    /// A whole answer with a declared length.
    mutating func readAnswer() async throws -> (head: [String], body: String) {
        let head = try await readHead()
        let length = head.first { $0.lowercased().hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        while buffer.readableBytes < length { try await fill() }
        return (head, buffer.readString(length: length) ?? "")
    }

    /// Whether the server closes its side without sending more.
    mutating func endsNow() async throws -> Bool {
        do {
            while buffer.readableBytes == 0 { try await fill() }
            return false
        } catch is Ended {
            return true
        }
    }
}
