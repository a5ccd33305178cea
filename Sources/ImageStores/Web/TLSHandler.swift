import NIOCore
import NIOTLS

/// Puts TLS between a channel's wire and its other handlers. Tells `TLSUserEvent.handshakeCompleted`; what is written
/// before waits until then. Whoever cannot prove who they are cause `WebError.untrusted`, and a connection that breaks
/// off causes `WebError.ended`: without the other side's goodbye, an end may be anybody's doing.
///
/// It holds nothing back but what waits for the handshake, so the channel's writability and the readers' pace work as
/// they do without it.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case idle, handshaking, open, closed
    }

    private let connection: TLSConnection
    private var state = State.idle
    private var waiting = MarkedCircularBuffer<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>(initialCapacity: 4)
    /// Done when the goodbye is sent, if one is said.
    private var goodbye: EventLoopFuture<Void>?
    /// How long a goodbye may wait for room.
    private static let patience = TimeAmount.seconds(5)
    /// Whether the next handlers got anything out of what came since they last asked for more.
    private var hasDelivered = false

    /// - Throws: `WebError.untrusted` when no certificate could be for that peer.
    init(_ context: TLSContext, to peer: TLSPeer) throws {
        connection = try TLSConnection(context, to: peer)
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        begin(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let isBroken = state == .handshaking || state == .open
        state = .closed
        if isBroken { context.fireErrorCaught(WebError.ended) }
        drop(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        state = .closed
        drop(ChannelError.ioOnClosedChannel)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The wire's half of an end is none of TLS's either.
        if case ChannelEvent.inputClosed = event, state == .handshaking || state == .open {
            fail(context, WebError.ended)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard state == .idle else { return }
        state = .handshaking
        shakeHands(context)
    }

    private func shakeHands(_ context: ChannelHandlerContext) {
        do {
            let isDone = try connection.shakeHands()
            send(context)
            guard isDone else { return }
            state = .open
            context.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
            sendWaiting(context)
        } catch {
            fail(context, error)
        }
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state == .handshaking || state == .open else { return }
        connection.take(unwrapInboundIn(data))
        if state == .handshaking { shakeHands(context) }
        if state == .open { receive(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // They asked for something and got nothing: a part of a record, or of the handshake.
        if !hasDelivered, state != .closed { context.read() }
        hasDelivered = false
    }

    private func receive(_ context: ChannelHandlerContext) {
        var bytes = context.channel.allocator.buffer(capacity: 0)
        let reading = connection.read(into: &bytes)
        // OpenSSL may have answered, as it does to an update of keys.
        send(context)
        if bytes.readableBytes > 0 {
            hasDelivered = true
            context.fireChannelRead(wrapInboundOut(bytes))
        }
        guard state == .open else { return }
        switch reading {
        case .waiting: break
        case .ended: close(context: context, mode: .all, promise: nil)
        case .failed(let error): fail(context, error)
        }
    }

    // MARK: Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state != .closed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        waiting.append((unwrapOutboundIn(data), promise))
    }

    func flush(context: ChannelHandlerContext) {
        waiting.mark()
        if state == .open { sendWaiting(context) }
    }

    private func sendWaiting(_ context: ChannelHandlerContext) {
        while state == .open, waiting.hasMark, let (plain, promise) = waiting.popFirst() {
            var bytes = context.channel.allocator.buffer(capacity: plain.readableBytes)
            do {
                try connection.seal(plain, to: &bytes)
                context.write(wrapOutboundOut(bytes), promise: promise)
            } catch {
                promise?.fail(error)
                return fail(context, error)
            }
        }
        context.flush()
    }

    /// Sends what OpenSSL itself has to say.
    private func send(_ context: ChannelHandlerContext) {
        var bytes = context.channel.allocator.buffer(capacity: 0)
        connection.give(to: &bytes)
        if bytes.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(bytes), promise: nil) }
    }

    // MARK: Ending

    /// Says goodbye and closes once that is sent, without waiting for an answer that nobody needs. There is no half of
    /// closing.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        if state == .open { goodbye = sayGoodbye(context) }
        state = .closed
        drop(ChannelError.ioOnClosedChannel)
        guard let goodbye else { return context.close(promise: promise) }
        goodbye.assumeIsolated().whenComplete { _ in context.close(promise: promise) }
    }

    /// Tells when the goodbye is on the wire, or when the other side has taken nothing for too long.
    private func sayGoodbye(_ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        let sent = context.eventLoop.makePromise(of: Void.self)
        var bytes = context.channel.allocator.buffer(capacity: 0)
        connection.sayGoodbye()
        connection.give(to: &bytes)
        let deadline = context.eventLoop.scheduleTask(in: Self.patience) { sent.succeed() }
        sent.futureResult.whenComplete { _ in deadline.cancel() }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: sent)
        return sent.futureResult
    }

    /// Ends with an error, once the other side has been told of it.
    private func fail(_ context: ChannelHandlerContext, _ error: any Error) {
        state = .closed
        send(context)
        context.fireErrorCaught(error)
        drop(error)
        context.close(promise: nil)
    }

    private func drop(_ error: any Error) {
        while let (_, promise) = waiting.popFirst() { promise?.fail(error) }
    }
}
