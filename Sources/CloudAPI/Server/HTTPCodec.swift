import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// A part of an answer on its way to the socket.
enum AnswerPart {
    case head(HTTPResponse)
    case body(ByteBuffer)
    case end
    /// An answer that is in memory: all parts at once.
    case whole(HTTPResponse, [UInt8])
}

/// Turns parsed requests into the pipeline's types and answers into bytes (RFC 9112). An answer that is in memory is one
/// buffer and so one call of the system.
final class HTTPCodec: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = AnswerPart
    typealias OutboundOut = IOData

    /// Bodies beyond this size, in bytes, are not copied to stand behind their head.
    private static let joinLimit = 65_536
    private var fieldNames = FieldNames()
    /// The end of what was written and not yet sent: a head, or a chunk's frame.
    private var pending: ByteBuffer?
    private var isChunked = false

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard let request = request(head) else { return context.fireErrorCaught(HTTPParserError.invalidMethod) }
            context.fireChannelRead(wrapInboundOut(.head(request)))
        case .body(let bytes): context.fireChannelRead(wrapInboundOut(.body(bytes)))
        case .end: context.fireChannelRead(wrapInboundOut(.end(nil)))
        }
    }

    private func request(_ head: HTTPRequestHead) -> HTTPRequest? {
        guard let method = HTTPRequest.Method(head.method.rawValue) else { return nil }
        var authority: String?
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var position = 0
        for (raw, value) in head.headers {
            defer { position += 1 }
            guard let name = fieldNames.name(raw, at: position) else { continue }
            // The first host is the request's authority (RFC 9110, section 7.2).
            if authority == nil, name == .host { authority = value } else { fields.append(HTTPField(name: name, value: value)) }
        }
        return HTTPRequest(
            method: method, scheme: "http", authority: authority, path: Self.path(head.uri), headerFields: fields)
    }

    /// The target without scheme and authority, which a client may send (RFC 9112, section 3.2.2).
    private static func path(_ target: String) -> String {
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = target.firstRange(of: "://") else { return target }
        let rest = target[scheme.upperBound...]
        guard let start = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
        return rest[start] == "/" ? String(rest[start...]) : "/" + rest[start...]
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            writePending(context, nil)
            pending = serialize(head, context.channel.allocator)
            promise?.succeed()
        case .body(let bytes): write(bytes, context, promise)
        case .end: finish(context, promise)
        case .whole(let head, let bytes):
            writePending(context, nil)
            pending = serialize(head, room: bytes.count, context.channel.allocator)
            if isChunked || bytes.count > Self.joinLimit {
                write(context.channel.allocator.buffer(bytes: bytes), context, nil)
            } else {
                pending?.writeBytes(bytes)
            }
            finish(context, promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        // A head, such as that of `100 Continue`, may go out long before what follows.
        writePending(context, nil)
        context.flush()
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard bytes.readableBytes > 0 else {
            promise?.succeed()
            return
        }
        if isChunked { put(String(bytes.readableBytes, radix: 16) + "\r\n", context) }
        writePending(context, nil)
        context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
        if isChunked { put("\r\n", context) }
    }

    private func finish(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        // With nothing to say, a promise still is kept only once everything before it is out.
        if isChunked { put("0\r\n\r\n", context) } else if promise != nil { put("", context) }
        isChunked = false
        writePending(context, promise)
    }

    private func put(_ text: String, _ context: ChannelHandlerContext) {
        if pending == nil { pending = context.channel.allocator.buffer(capacity: text.utf8.count) }
        pending?.writeString(text)
    }

    private func writePending(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard let bytes = pending else { return }
        pending = nil
        context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
    }

    /// The status line and the fields. Frames the body (RFC 9112, section 6.3): answers that have none say nothing of it,
    /// those of unknown length come in chunks. A head that says it is chunked itself is a HEAD's, and no chunks follow.
    private func serialize(_ head: HTTPResponse, room: Int = 0, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        let mayHaveBody = head.status.kind != .informational && head.status.code != 204 && head.status.code != 304
        isChunked = mayHaveBody && !head.headerFields.contains(.contentLength)
            && !head.headerFields.contains(.transferEncoding)
        var buffer = allocator.buffer(capacity: 512 + (room <= Self.joinLimit ? room : 0))
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(head.status.code))
        buffer.writeStaticString(" ")
        buffer.writeString(head.status.reasonPhrase)
        buffer.writeStaticString("\r\n")
        for field in head.headerFields where mayHaveBody || (field.name != .contentLength && field.name != .transferEncoding) {
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
            buffer.writeStaticString("\r\n")
        }
        if isChunked { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }
}

/// The names of fields by where they stand. A client sends the same fields in the same order with every request of a
/// connection: each name is read once.
private struct FieldNames {
    /// The places beyond are for attackers.
    private static let limit = 64
    private var known: [(raw: String, name: HTTPField.Name)] = []

    /// The name; nil for what is none.
    mutating func name(_ raw: String, at position: Int) -> HTTPField.Name? {
        if position < known.count, known[position].raw == raw { return known[position].name }
        guard let name = HTTPField.Name(raw) else { return nil }
        if position < known.count {
            known[position] = (raw, name)
        } else if position == known.count, position < Self.limit {
            known.append((raw, name))
        }
        return name
    }
}
