import CloudBus
import Logging
import NIOCore
import NIOHTTP1
import NetworkMessages

/// Finds the answer to a guest's request.
struct MetadataResponder: Sendable {
    let networkID: String
    let source: any MetadataSource
    let logger: Logger

    /// The answer to a request. A guest leaves its body only where it posts it.
    func answer(_ head: HTTPRequestHead, body: [UInt8], from address: String) async -> MetadataResponse {
        guard [.GET, .HEAD, .POST].contains(head.method) else { return Self.refusal(405) }
        guard head.uri.hasPrefix("/") else { return Self.refusal(400) }
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        do {
            return try await source.respond(to: MetadataRequest(
                networkID: networkID, address: address, path: String(path), leaving: head.method == .POST ? body : nil))
        } catch {
            logger.info("No metadata for a guest now", metadata: [
                "network": "\(networkID)", "address": "\(address)", "error": "\(error)",
            ])
            return Self.refusal(503)
        }
    }

    /// What a guest is told whose request is not answered.
    static func refusal(_ status: Int) -> MetadataResponse {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        return MetadataResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array("\(status) \(reason)\n".utf8))
    }
}

/// A guest's connection: it takes one request, has it answered, and closes. Its end ends the search for the answer too.
final class MetadataConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    /// How many bytes of request line and headers, and of a body, are taken.
    static let headerLimit = 8 << 10
    static let bodyLimit = 64 << 10
    /// How long a connection may last.
    static let patience = TimeAmount.seconds(30)
    /// How long a guest that was refused may take to hear it.
    static let farewell = TimeAmount.seconds(2)

    private let responder: MetadataResponder
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isAnswered = false
    private var work: Task<Void, Never>?
    private var timer: Scheduled<Void>?

    init(responder: MetadataResponder) { self.responder = responder }

    func channelActive(context: ChannelHandlerContext) {
        closeLater(context, Self.patience)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        work?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        responder.logger.debug("A metadata connection broke", metadata: [
            "network": "\(responder.networkID)", "error": "\(error)",
        ])
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            let length = head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
            if length > Self.headerLimit { refuse(context, 431) }
        case .body(let buffer):
            body += buffer.readableBytesView
            if body.count > Self.bodyLimit { refuse(context, 413) }
        case .end:
            guard let head, let address = context.remoteAddress?.ipAddress else { return refuse(context, 400) }
            isAnswered = true
            // The socket takes both families: an IPv4 peer shows as a mapped address (RFC 4291, 2.5.5.2).
            let peer = address.hasPrefix("::ffff:") ? String(address.dropFirst(7)) : address
            work = Self.answer(head, body, from: peer, with: responder, on: context.channel)
        }
    }

    private static func answer(
        _ head: HTTPRequestHead, _ body: [UInt8], from address: String, with responder: MetadataResponder, on channel: any Channel
    ) -> Task<Void, Never> {
        Task {
            let answer = await responder.answer(head, body: body, from: address)
            write(answer, isHead: head.method == .HEAD, to: channel).whenComplete { _ in channel.close(promise: nil) }
        }
    }

    /// Refuses a request that is not all there yet. To close now would reset the connection under the guest's writing, and
    /// the answer with it: the guest is to close first.
    private func refuse(_ context: ChannelHandlerContext, _ status: Int) {
        isAnswered = true
        closeLater(context, Self.farewell)
        let channel = context.channel
        Self.write(MetadataResponder.refusal(status), isHead: head?.method == .HEAD, to: channel)
            .whenComplete { _ in channel.close(mode: .output, promise: nil) }
    }

    private func closeLater(_ context: ChannelHandlerContext, _ delay: TimeAmount) {
        timer?.cancel()
        timer = context.eventLoop.scheduleTask(in: delay) { [channel = context.channel] in channel.close(promise: nil) }
    }

    private static func write(_ answer: MetadataResponse, isHead: Bool, to channel: any Channel) -> EventLoopFuture<Void> {
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.count)), ("Connection", "close"),
        ])
        if answer.status == 405 { headers.add(name: "Allow", value: "GET, HEAD, POST") }
        if answer.status == 503 { headers.add(name: "Retry-After", value: "5") }
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if !isHead, !answer.body.isEmpty {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: answer.body))), promise: nil)
        }
        return channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    }
}
