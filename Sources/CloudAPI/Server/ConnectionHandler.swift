import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Ends a connection the way HTTP/1.1 asks for (RFC 9112, section 9.6): says `Connection: close`, lets the whole
/// answer reach the system, closes the sending half, and reads on for a moment so that the peer takes the answer
/// before the socket goes. It also cuts clients that refuse to take bytes.
///
/// It keeps the quiescing event to itself: only it knows when the last answer has left.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = AnswerPart
    typealias OutboundOut = AnswerPart

    /// Asks for `100 Continue` to be sent: the body is about to be read.
    struct SendContinue: Sendable {}

    /// Its promise is kept once the event loop has seen the writes before it and the socket takes more. A writer that
    /// outruns the event loop would otherwise queue without bound: asynchronous writes return before they reach it.
    struct AwaitWritability: Sendable {}

    private let stallTimeout: TimeAmount
    private let lingerTimeout: TimeAmount = .seconds(2)
    private var requestsInProgress = 0
    /// Whether the last request in progress is the connection's last: the server drains, or the client said so.
    private var endsAfterRequests = false
    /// Whether the answer being written is the connection's last, whatever else the client sent.
    private var endsAfterResponse = false
    private var isLingering = false
    private var stall: Scheduled<Void>?
    private var writabilityWaiters: [EventLoopPromise<Void>] = []

    init(stallTimeout: TimeAmount) { self.stallTimeout = stallTimeout }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLingering else { return }
        if case .head(let head) = unwrapInboundIn(data) {
            requestsInProgress += 1
            if head.headerFields.first(.connection)?.lowercased() == "close" { endsAfterRequests = true }
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isLingering { context.read() }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            markEnd(&head)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .whole(var head, let bytes):
            markEnd(&head)
            end(context, wrapOutboundOut(.whole(head, bytes)), promise)
        case .end: end(context, data, promise)
        default: context.write(data, promise: promise)
        }
    }

    /// Says that the answer is the connection's last when it is.
    private func markEnd(_ head: inout HTTPResponse) {
        guard head.headerFields.first(.connection) == "close" || (endsAfterRequests && requestsInProgress == 1) else { return }
        endsAfterResponse = true
        head.headerFields[.connection] = "close"
    }

    private func end(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        requestsInProgress -= 1
        guard endsAfterResponse || (endsAfterRequests && requestsInProgress == 0) else {
            return context.write(data, promise: promise)
        }
        closeOnceWritten(context, data, promise)
    }

    /// The promise of a write is kept once the system has taken the bytes.
    private func closeOnceWritten(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.handler.linger(bound.value.context) }
        context.writeAndFlush(data, promise: written)
    }

    private func linger(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        isLingering = true
        context.close(mode: .output, promise: nil)
        context.read()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: lingerTimeout) { bound.value.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        if !context.channel.isWritable {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            stall = context.eventLoop.scheduleTask(in: stallTimeout) { bound.value.close(promise: nil) }
        } else {
            releaseWriters { $0.succeed() }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        releaseWriters { $0.fail(ChannelError.ioOnClosedChannel) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { releaseWriters { $0.fail(ChannelError.ioOnClosedChannel) } }

    private func releaseWriters(_ release: (EventLoopPromise<Void>) -> Void) {
        let waiters = writabilityWaiters
        writabilityWaiters = []
        waiters.forEach(release)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            endsAfterRequests = true
            if requestsInProgress == 0, !isLingering { context.close(promise: nil) }
        case ChannelEvent.inputClosed where isLingering: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event {
        case is SendContinue:
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: promise)
        case is AwaitWritability:
            if !context.channel.isActive {
                promise?.fail(ChannelError.ioOnClosedChannel)
            } else if context.channel.isWritable {
                promise?.succeed()
            } else if let promise {
                writabilityWaiters.append(promise)
            }
        default: context.triggerUserOutboundEvent(event, promise: promise)
        }
    }
}
