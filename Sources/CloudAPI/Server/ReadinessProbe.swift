import NIOCore
import NIOPosix

/// Makes sure that a listening socket is served. Binding a socket lets clients connect before anything accepts them;
/// only an answer proves that the accept loop runs.
enum ReadinessProbe {
    /// Returns once the server has answered.
    /// - Throws: what keeps it from answering within five seconds.
    static func wait(for address: SocketAddress, group: any EventLoopGroup) async throws {
        let answered = group.any().makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstRead(answered))
                }
            }
            .connect(to: reachable(address)).get()
        let limit = channel.eventLoop.scheduleTask(in: .seconds(5)) { answered.fail(ChannelError.connectTimeout(.seconds(5))) }
        let request = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        defer { channel.close(promise: nil) }
        try await answered.futureResult.get()
        limit.cancel()
    }

    /// A wildcard is not an address one can connect to; the loopback of its family is behind it.
    private static func reachable(_ address: SocketAddress) throws -> SocketAddress {
        guard let port = address.port else { return address }
        switch address.ipAddress {
        case "0.0.0.0": return try SocketAddress(ipAddress: "127.0.0.1", port: port)
        case "::": return try SocketAddress(ipAddress: "::1", port: port)
        default: return address
        }
    }

    private final class FirstRead: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<Void>

        init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { promise.succeed() }

        func channelInactive(context: ChannelHandlerContext) {
            promise.fail(ChannelError.eof)
            context.fireChannelInactive()
        }
    }
}
