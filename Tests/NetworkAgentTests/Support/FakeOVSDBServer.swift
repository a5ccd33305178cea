import CloudCore
import Glibc
import NIOCore
import NIOPosix

@testable import NetworkAgent

/// A database server that says only what a test tells it to.
final class FakeOVSDBServer: Sendable {
    let path: String
    /// The connections that clients make, in order.
    let connections: AsyncStream<Connection>
    private let channel: any Channel

    /// One client's connection.
    final class Connection: Sendable {
        /// The client's messages as texts; it ends with the connection.
        let messages: AsyncStream<String>
        private let channel: any Channel

        init(channel: any Channel, messages: AsyncStream<String>) { (self.channel, self.messages) = (channel, messages) }

        /// Sends a text as it is.
        func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
        func close() async throws { try await channel.close() }

        /// The next message.
        func next() async -> String? {
            var iterator = messages.makeAsyncIterator()
            return await iterator.next()
        }

        /// Answers the two messages with which a client begins.
        func becomeReady(schema: String, rows: String = "{}") async throws -> [String?] {
            let first = await next()
            try await send(#"{"id":1,"error":null,"result":\#(schema)}"#)
            let second = await next()
            try await send(#"{"id":2,"error":null,"result":\#(rows)}"#)
            return [first, second]
        }
    }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var splitter = JSONStreamSplitter(limit: 1 << 20)
        private let continuation: AsyncStream<String>.Continuation

        init(_ continuation: AsyncStream<String>.Continuation) { self.continuation = continuation }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            do {
                for text in try splitter.feed(unwrapInboundIn(data).readableBytesView) {
                    continuation.yield(String(decoding: text, as: UTF8.self))
                }
            } catch {
                context.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    }

    init() async throws {
        let path = "/tmp/alto-fake-\(Identifier.hex().prefix(12)).sock"
        let (connections, continuation) = AsyncStream.makeStream(of: Connection.self)
        (self.path, self.connections) = (path, connections)
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (messages, receiver) = AsyncStream.makeStream(of: String.self)
                    try channel.pipeline.syncOperations.addHandler(Receiver(receiver))
                    continuation.yield(Connection(channel: channel, messages: messages))
                }
            }
            .bind(unixDomainSocketPath: path).get()
    }

    /// The next connection that a client makes.
    func next() async -> Connection? {
        var iterator = connections.makeAsyncIterator()
        return await iterator.next()
    }

    func stop() async throws {
        try await channel.close()
        unlink(path)
    }
}
