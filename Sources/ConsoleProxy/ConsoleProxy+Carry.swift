import Logging
import NIOCore
import NIOPosix
import NIOWebSocket

extension TimeAmount {
    /// A duration as NIO counts it.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

extension ConsoleProxy {
    typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// Carries bytes between a WebSocket and a console until either ends.
    func carry(_ channel: Frames, to target: ConsoleTarget) async throws {
        let console: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        do {
            console = try await connect(target)
        } catch {
            logger.notice("a guest's console cannot be reached", metadata: ["error": "\(error)"])
            try await channel.executeThenClose { _, outbound in
                try await outbound.write(Self.closing(.unexpectedServerError))
            }
            return
        }
        try await channel.executeThenClose { frames, browser in
            try await console.executeThenClose { bytes, guest in
                try await withThrowingTaskGroup { group in
                    group.addTask { try await Self.forward(frames, to: guest, answering: browser) }
                    group.addTask {
                        for try await buffer in bytes { try await browser.write(WebSocketFrame(fin: true, opcode: .binary, data: buffer)) }
                        try await browser.write(Self.closing(.normalClosure))
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        }
    }

    private func connect(_ target: ConsoleTarget) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(options.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
        let wrap: @Sendable (any Channel) -> EventLoopFuture<NIOAsyncChannel<ByteBuffer, ByteBuffer>> = { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
        }
        switch target {
        case .tcp(let host, let port): return try await bootstrap.connect(host: host, port: port, channelInitializer: wrap)
        case .unix(let path):
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(options.connectTimeout))
                .connect(unixDomainSocketPath: path, channelInitializer: wrap)
        }
    }

    private static func forward(
        _ frames: NIOAsyncChannelInboundStream<WebSocketFrame>, to guest: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        answering browser: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    ) async throws {
        for try await frame in frames {
            switch frame.opcode {
            case .binary, .text, .continuation: try await guest.write(frame.unmaskedData)
            case .ping: try await browser.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
            case .connectionClose: return try await browser.write(closing(.normalClosure))
            default: continue
            }
        }
    }

    private static func closing(_ code: WebSocketErrorCode) -> WebSocketFrame {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        return WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    }
}
