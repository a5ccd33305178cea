import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Sets connections up as HTTP/1.1 and holds them while they last.
struct ExchangeChannel: ServerChildChannel {
    /// One connection.
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let handler: NIOLoopBound<ExchangeHandler>
    }

    let server: CloudServer

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
            try pipeline.addHandler(HTTPCodec())
            try pipeline.addHandler(ConnectionHandler(stallTimeout: TimeAmount(server.options.stallTimeout)))
            let handler = ExchangeHandler(server: server)
            try pipeline.addHandler(handler)
            return Value(channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
        }
    }

    /// Returns when the connection has ended and its last request with it.
    func handle(value: Value, logger: Logger) async {
        let (channel, handler) = (value.channel, value.handler)
        await withTaskCancellationHandler {
            do {
                try await channel.closeFuture.get()
                await (try await channel.eventLoop.submit { handler.value.answering }.get())?.value
            } catch {
                logger.trace("A connection did not close cleanly", metadata: ["cause": "\(error)"])
            }
        } onCancel: {
            channel.eventLoop.execute { handler.value.cancel() }
        }
    }
}

/// A connection as a task that answers a request sees it.
struct Connection: Sendable {
    let channel: any Channel
    let executor: EventLoopExecutor
    /// The peer's address as text.
    let peer: String?
    private let bound: NIOLoopBound<(handler: ExchangeHandler, context: ChannelHandlerContext)>

    init(_ handler: ExchangeHandler, _ context: ChannelHandlerContext) {
        channel = context.channel
        executor = EventLoopExecutor(eventLoop: context.eventLoop)
        peer = context.channel.remoteAddress?.ipAddress
        bound = NIOLoopBound((handler, context), eventLoop: context.eventLoop)
    }

    /// Does something with the connection's handler on its event loop: at once for tasks that run there.
    func onLoop(_ work: @escaping @Sendable (ExchangeHandler, ChannelHandlerContext) -> Void) {
        perform { work($0.handler, $0.context) }
    }

    private func perform(_ work: @escaping @Sendable ((handler: ExchangeHandler, context: ChannelHandlerContext)) -> Void) {
        let bound = bound
        if channel.eventLoop.inEventLoop { work(bound.value) } else { channel.eventLoop.execute { work(bound.value) } }
    }

    /// Writes an answer that is in memory.
    func send(_ head: HTTPResponse, _ bytes: [UInt8] = []) { send(.whole(head, bytes)) }

    /// Writes one part of an answer that comes in pieces.
    func send(_ part: AnswerPart) {
        perform { _, context in context.writeAndFlush(NIOAny(part), promise: nil) }
    }

    /// Waits until the socket takes more.
    /// - Throws: `ChannelError` when the connection is gone.
    func writable() async throws {
        try await channel.triggerUserOutboundEvent(ConnectionHandler.AwaitWritability()).get()
    }
}

/// An event loop as an executor of tasks.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        // The loop keeps its executor for as long as a job waits: the reference is unowned.
        eventLoop.execute { [self] in withExtendedLifetime(self) { job.runSynchronously(on: executor) } }
    }
}
