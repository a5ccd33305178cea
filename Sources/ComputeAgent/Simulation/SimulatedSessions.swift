import NIOCore

/// One client's session with a simulated guest's SPICE server: it is greeted as QEMU's server greets (SPICE's protocol, "Channel definitions"),
/// and whatever password it sends is refused, for there is nothing to show.
final class SPICESession: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage { case greeting, password }

    private static let magic: [UInt8] = Array("REDQ".utf8)
    /// The longest greeting that is read, in bytes.
    private static let longestGreeting = 4096
    /// A way to log in, and the password under a key of 1,024 bits.
    private static let passwordLength = 132
    private static let permissionDenied: UInt32 = 7
    /// Choosing the way to log in, logging in by password, and small headers.
    private static let capabilities: UInt32 = 0b1011

    private var stage = Stage.greeting
    private var received = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        switch stage {
        case .greeting: greet(context)
        case .password:
            guard received.readableBytes >= Self.passwordLength else { return }
            var answer = ByteBuffer()
            answer.writeInteger(Self.permissionDenied, endianness: .little)
            context.writeAndFlush(wrapOutboundOut(answer)).whenComplete { [channel = context.channel] _ in channel.close(promise: nil) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func greet(_ context: ChannelHandlerContext) {
        let start = received.readerIndex
        guard let size = received.getInteger(at: start + 12, endianness: .little, as: UInt32.self) else { return }
        guard received.getBytes(at: start, length: 4) == Self.magic, size <= Self.longestGreeting else { return context.close(promise: nil) }
        guard received.readSlice(length: 16 + Int(size)) != nil else { return }
        stage = .password
        context.writeAndFlush(wrapOutboundOut(Self.answer), promise: nil)
    }

    /// The header, no error, a key that fits nothing, and one word of capabilities each.
    private static var answer: ByteBuffer {
        var answer = ByteBuffer(bytes: magic)
        let key = [UInt8](repeating: 0, count: 162)
        answer.writeMultipleIntegers(UInt32(2), UInt32(2), UInt32(4 + key.count + 12 + 8), UInt32(0), endianness: .little)
        answer.writeBytes(key)
        answer.writeMultipleIntegers(UInt32(1), UInt32(1), UInt32(4 + key.count + 12), endianness: .little)
        answer.writeMultipleIntegers(capabilities, UInt32(0), endianness: .little)
        return answer
    }
}

/// One client's session with a simulated guest's serial port: what it has printed last, and then an echo, as a terminal's line gives.
final class SerialSession: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(text: String) { self.text = text }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(wrapOutboundOut(unwrapInboundIn(data)), promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
