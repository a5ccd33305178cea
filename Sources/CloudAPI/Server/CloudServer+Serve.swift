import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

/// A streamed answer ended before its declared length; the connection is cut so that the client notices.
struct TruncatedResponse: Error, CustomStringConvertible {
    let expected: Int
    let written: Int
    var description: String { "\(written) of \(expected) bytes were written" }
}

extension CloudServer {
    /// Answers one request of a connection.
    func serve(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let expectsContinue = request.headers[.expect]?.lowercased() == "100-continue"
        let reader = RequestBodyReader(ByteStream(request.body), headers: request.headers) {
            guard expectsContinue else { return }
            channel.triggerUserOutboundEvent(ConnectionHandler.SendContinue(), promise: nil)
        }
        let incoming = IncomingRequest(
            head: request.head, body: reader, clientAddress: clientAddress(request.head, channel))
        let response = await pipeline.respond(to: incoming)
        var written = 0
        defer { reporter.report(response.record, bytes: written) }
        switch response.body {
        case .none: try await writer.writeResponse(response.head)
        case .bytes(let bytes):
            written = bytes.count
            try await writer.write(response: response.head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .stream(let stream, let length):
            var body = try await writer.writeHead(response.head)
            do {
                try await write(stream, length, to: &body, channel) { written += $0 }
            } catch {
                pipeline.logger.warning(
                    "A streamed answer broke off",
                    metadata: ["request_id": "\(response.record.requestID)", "cause": "\(error)"])
                throw error
            }
            try await body.finish(nil)
        }
    }

    /// How many bytes may be on their way to the event loop before the writer waits for the socket.
    private static let writeAhead = 262_144

    private func write(
        _ stream: ByteStream, _ length: Int?, to body: inout some ResponseBodyWriter, _ channel: any Channel,
        _ account: (Int) -> Void
    ) async throws {
        var (written, ahead) = (0, 0)
        for try await chunk in stream {
            written += chunk.readableBytes
            if let length, written > length { throw TruncatedResponse(expected: length, written: written) }
            try await body.write(chunk)
            account(chunk.readableBytes)
            ahead += chunk.readableBytes
            guard ahead >= Self.writeAhead else { continue }
            try await channel.triggerUserOutboundEvent(ConnectionHandler.AwaitWritability()).get()
            ahead = 0
        }
        if let length, written < length { throw TruncatedResponse(expected: length, written: written) }
    }

    private func clientAddress(_ head: HTTPRequest, _ channel: any Channel) -> String? {
        if options.trustsForwardedHeaders, let forwarded = head.headerFields[.forwardedFor] {
            return forwarded.prefix { $0 != "," }.filter { !$0.isWhitespace }
        }
        return channel.remoteAddress?.ipAddress
    }
}
