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
                for try await chunk in stream {
                    written += chunk.readableBytes
                    if let length, written > length { throw TruncatedResponse(expected: length, written: written) }
                    try await body.write(chunk)
                }
                if let length, written < length { throw TruncatedResponse(expected: length, written: written) }
            } catch {
                pipeline.logger.warning(
                    "A streamed answer broke off",
                    metadata: ["request_id": "\(response.record.requestID)", "cause": "\(error)"])
                throw error
            }
            try await body.finish(nil)
        }
    }

    private func clientAddress(_ head: HTTPRequest, _ channel: any Channel) -> String? {
        if options.trustsForwardedHeaders, let forwarded = head.headerFields[.forwardedFor] {
            return forwarded.prefix { $0 != "," }.filter { !$0.isWhitespace }
        }
        return channel.remoteAddress?.ipAddress
    }
}
