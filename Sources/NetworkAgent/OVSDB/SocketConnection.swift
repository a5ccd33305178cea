import NIOCore
import NIOPosix

/// A connection whose other side is read only when somebody asks for more, so that no more waits in memory than a read
/// takes in. It holds no task: whoever made it closes it, at any moment and from anywhere, and whoever waits for more is
/// told. That it is dropped unused harms nobody but the other side.
struct SocketConnection: Sendable {
    private let channel: any Channel
    private let arrivals: AsyncThrowingStream<ByteBuffer, any Error>

    /// Connects to a program's Unix socket.
    /// - Throws: NIO's errors; also if there is no connection within the limit.
    static func connect(toUnixSocket path: String, limit: TimeAmount = .seconds(5)) async throws -> SocketConnection {
        try await connect(to: SocketAddress(unixDomainSocketPath: path), limit: limit)
    }

    /// Connects to a stream socket.
    /// - Throws: NIO's errors; also if there is no connection within the limit.
    static func connect(to address: SocketAddress, limit: TimeAmount = .seconds(5)) async throws -> SocketConnection {
        let (arrivals, continuation) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(limit)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Receiver(continuation))
                }
            }
            .connect(to: address).get()
        return SocketConnection(channel: channel, arrivals: arrivals)
    }

    /// Sends bytes; that they do not arrive is told by the end of what is received.
    func send(_ bytes: some Sequence<UInt8>) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Waits for more; nil once the connection is closed or the task is cancelled. One task at a time may wait.
    /// - Throws: the connection's error.
    func next() async throws -> ByteBuffer? {
        channel.read()
        var iterator = arrivals.makeAsyncIterator()
        return try await iterator.next()
    }

    /// Closes the connection. May be repeated.
    func close() { channel.close(promise: nil) }

    /// Hands on what one read took in, and the end.
    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var pending = ByteBuffer()
        private let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation

        init(_ continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation) { self.continuation = continuation }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = Self.unwrapInboundIn(data)
            if pending.readableBytes == 0 { pending = buffer } else { pending.writeBuffer(&buffer) }
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            // Whoever asked still waits after a read that brought nothing.
            guard pending.readableBytes > 0 else { return context.read() }
            continuation.yield(pending)
            pending = ByteBuffer()
        }

        func channelInactive(context: ChannelHandlerContext) {
            if pending.readableBytes > 0 { continuation.yield(pending) }
            continuation.finish()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            continuation.finish(throwing: error)
            context.close(promise: nil)
        }
    }
}
