import ComputeMessages
import NIOCore
import NIOPosix

/// A console of a simulated guest at a port of this machine of its own. The screen is a black one of 720 by 400 pixels that speaks the
/// remote framebuffer protocol (RFC 6143) 3.8 as QEMU's does.
struct SimulatedScreen: Sendable {
    private let channel: any Channel
    /// Where it listens on loopback.
    var port: Int { channel.localAddress?.port ?? 0 }

    /// Opens a console of a guest; nil for a kind that simulated guests don't have.
    static func open(_ kind: OpenGuestConsole.Kind, of guest: SimulatedGuest) async throws -> SimulatedScreen? {
        switch kind {
        case .vnc:
            let name = "QEMU (\(guest.specification.domainName))"
            return try await open { FramebufferSession(name: name) }
        case .spice: return try await open { SPICESession() }
        case .serial:
            let text = String(decoding: guest.console.utf8.suffix(4096), as: UTF8.self)
            return try await open { SerialSession(text: text) }
        case .rdp, .mks: return nil
        }
    }

    private static func open(_ session: @escaping @Sendable () -> any ChannelHandler) async throws -> SimulatedScreen {
        let server = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(session())
                }
            }
        return SimulatedScreen(channel: try await server.bind(host: "127.0.0.1", port: 0).get())
    }

    /// Turns it off.
    func close() { channel.close(promise: nil) }
}

/// One viewer's session, from its greeting on.
private final class FramebufferSession: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage { case version, security, initialization, messages }

    private let name: String
    private var stage = Stage.version
    private var received = ByteBuffer()
    private var bytesPerPixel = 4
    private let (width, height) = (UInt16(720), UInt16(400))
    /// Longer texts for the guest's clipboard end the session.
    private static let longestText = 1 << 20

    init(name: String) { self.name = name }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "RFB 003.008\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        while advance(context) {}
        received.discardReadBytes()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Takes one step with what has been received; false when more is needed.
    private func advance(_ context: ChannelHandlerContext) -> Bool {
        switch stage {
        case .version:
            guard let version = received.readString(length: 12) else { return false }
            guard version.hasPrefix("RFB 003.") else { return end(context) }
            stage = .security
            // One kind of security is offered: none.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [1, 1])), promise: nil)
        case .security:
            guard let kind = received.readInteger(as: UInt8.self) else { return false }
            guard kind == 1 else { return end(context) }
            stage = .initialization
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [0, 0, 0, 0])), promise: nil)
        case .initialization:
            guard received.readInteger(as: UInt8.self) != nil else { return false }
            stage = .messages
            context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
        case .messages: return message(context)
        }
        return true
    }

    /// Size, pixel format (32 bits, true colour) and name.
    private var greeting: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(width, height)
        buffer.writeBytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])
        buffer.writeInteger(UInt32(name.utf8.count))
        buffer.writeString(name)
        return buffer
    }

    private func message(_ context: ChannelHandlerContext) -> Bool {
        guard let kind = received.getInteger(at: received.readerIndex, as: UInt8.self), let length = length(of: kind) else {
            return false
        }
        guard length > 0, length <= Self.longestText else { return end(context) }
        guard let body = received.readSlice(length: length) else { return false }
        switch kind {
        case 0: bytesPerPixel = Int(body.getInteger(at: body.readerIndex + 4, as: UInt8.self) ?? 32) / 8
        // A request for what has changed waits, as nothing ever changes.
        case 3 where body.getInteger(at: body.readerIndex + 1, as: UInt8.self) == 0:
            context.writeAndFlush(wrapOutboundOut(picture), promise: nil)
        default: break
        }
        return true
    }

    /// A message's length in bytes; nil while too little of it is there to tell, zero for one that viewers don't send.
    private func length(of kind: UInt8) -> Int? {
        let start = received.readerIndex
        switch kind {
        case 0: return 20
        case 2: return received.getInteger(at: start + 2, as: UInt16.self).map { 4 + 4 * Int($0) }
        case 3: return 10
        case 4: return 8
        case 5: return 6
        case 6: return received.getInteger(at: start + 4, as: UInt32.self).map { 8 + Int($0) }
        default: return 0
        }
    }

    /// The whole screen, black, as one raw rectangle.
    private var picture: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt8(0), UInt8(0), UInt16(1), UInt16(0), UInt16(0), width, height, Int32(0))
        buffer.writeRepeatingByte(0, count: Int(width) * Int(height) * max(1, bytesPerPixel))
        return buffer
    }

    private func end(_ context: ChannelHandlerContext) -> Bool {
        context.close(promise: nil)
        return false
    }
}
