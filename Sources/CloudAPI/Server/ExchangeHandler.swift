import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers a connection's requests one after another, each by a task on the event loop that reads and writes it. A
/// request that needs no database never changes threads, which costs more than most of them do otherwise; the database
/// has threads of its own.
///
/// A body reaches its reader as fast as the reader takes it: the socket is not read while it is behind. Requests that
/// a client sends ahead wait until those before them are answered.
final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = AnswerPart
    typealias OutboundOut = AnswerPart

    private let server: CloudServer
    private let idleTimeout: TimeAmount
    private var connection: Connection?
    private var exchange: Task<Void, Never>?
    /// Where the bytes of the request being read go; nil while nobody wants them.
    private var body: IncomingBody?
    /// Whether a request's head was read and not yet its end.
    private var isReadingRequest = false
    /// What a client sent ahead of the answers.
    private var ahead = CircularBuffer<HTTPRequestPart>()
    private var wantsRead = false
    /// Whether no further request is to be answered.
    private var isEnding = false
    private var lastActivity = NIODeadline.now()
    private var idleCheck: Scheduled<Void>?

    init(server: CloudServer) {
        self.server = server
        idleTimeout = TimeAmount(server.options.idleTimeout)
    }

    // MARK: The connection's life

    func handlerAdded(context: ChannelHandlerContext) {
        connection = Connection(self, context)
        checkIdleness(context, in: idleTimeout)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(failing: Refusal.bodyIncomplete)
        idleCheck?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        connection = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { closeAfterAnswers(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.close(promise: nil) }
        let isAnswering = exchange != nil
        end(failing: Refusal.bodyIncomplete)
        // An answer that is being written says what there is to say.
        guard !isAnswering else { return }
        let head = HTTPResponse(status: .badRequest, headerFields: [.connection: "close", .contentLength: "0"])
        context.writeAndFlush(wrapOutboundOut(.whole(head, [])), promise: nil)
        context.close(promise: nil)
    }

    /// Ends the connection without waiting for what is in progress.
    func cancel() {
        exchange?.cancel()
        isEnding = true
        guard exchange == nil else { return }
        connection?.channel.close(promise: nil)
    }

    /// What answers the request in progress; nil between requests.
    var answering: Task<Void, Never>? { exchange }

    private func closeAfterAnswers(_ context: ChannelHandlerContext) {
        if isReadingRequest {
            body?.finish(failing: Refusal.bodyIncomplete)
            body = nil
            isReadingRequest = false
        }
        isEnding = true
        guard exchange == nil, ahead.isEmpty else { return }
        context.close(promise: nil)
    }

    private func end(failing error: any Error) {
        body?.finish(failing: error)
        body = nil
        isReadingRequest = false
        isEnding = true
        ahead.removeAll()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActivity = .now()
        let part = unwrapInboundIn(data)
        guard ahead.isEmpty, exchange == nil || isReadingRequest else { return ahead.append(part) }
        take(part, context)
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): if !isEnding { begin(head, context) }
        case .body(let bytes): body?.yield(bytes)
        case .end:
            body?.finish()
            body = nil
            isReadingRequest = false
        }
    }

    private func begin(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        guard let connection else { return }
        isReadingRequest = true
        var stream = ByteStream.empty
        if IncomingBody.isExpected(head) {
            let body = IncomingBody(context) { [connection] in connection.onLoop { $0.body?.resume(); $0.resumeReading($1) } }
            (self.body, stream) = (body, ByteStream(body.sequence))
        }
        exchange = Task(executorPreference: connection.executor) { [server, stream] in
            await server.serve(head, stream, connection)
            connection.onLoop { $0.answered($1) }
        }
    }

    private func answered(_ context: ChannelHandlerContext) {
        exchange = nil
        lastActivity = .now()
        // Nobody will read the rest of the body; it is dropped as it comes.
        body = nil
        while let part = ahead.first, exchange == nil || isReadingRequest {
            ahead.removeFirst()
            take(part, context)
        }
        if isEnding, exchange == nil, !isReadingRequest { return context.close(promise: nil) }
        resumeReading(context)
    }

    // MARK: Pace

    func read(context: ChannelHandlerContext) {
        guard ahead.isEmpty, body?.isBehind != true else {
            wantsRead = true
            return
        }
        context.read()
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        guard wantsRead, ahead.isEmpty, body?.isBehind != true else { return }
        wantsRead = false
        context.read()
    }

    private func checkIdleness(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleTask(in: delay) { bound.value.handler.closeIfIdle(bound.value.context) }
    }

    private func closeIfIdle(_ context: ChannelHandlerContext) {
        let isWorking = (exchange != nil && !isReadingRequest) || body?.isBehind == true
        if isWorking { lastActivity = .now() }
        let rest = lastActivity + idleTimeout - .now()
        if rest <= .zero { context.close(promise: nil) } else { checkIdleness(context, in: rest) }
    }
}
