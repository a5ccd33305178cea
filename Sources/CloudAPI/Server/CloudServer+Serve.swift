import HTTPTypes
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
    func serve(_ head: HTTPRequest, _ body: ByteStream, _ connection: Connection) async {
        let expectsContinue = head.headerFields.first(.expect)?.lowercased() == "100-continue"
        let reader = RequestBodyReader(body, headers: head.headerFields) {
            guard expectsContinue else { return }
            connection.channel.triggerUserOutboundEvent(ConnectionHandler.SendContinue(), promise: nil)
        }
        let incoming = IncomingRequest(head: head, body: reader, clientAddress: clientAddress(head, connection))
        let response = await pipeline.respond(to: incoming)
        var written = 0
        switch response.body {
        case .none: connection.send(response.head)
        case .bytes(let bytes):
            written = bytes.count
            connection.send(response.head, bytes)
        case .stream(let stream, let length):
            do {
                connection.send(.head(response.head))
                try await write(stream, length, to: connection) { written += $0 }
                connection.send(.end)
            } catch {
                pipeline.logger.warning(
                    "A streamed answer broke off",
                    metadata: ["request_id": "\(response.record.requestID)", "cause": "\(error)"])
                connection.channel.close(promise: nil)
            }
        }
        reporter.report(response.record, bytes: written)
    }

    /// How many bytes may be on their way to the event loop before the writer waits for the socket.
    private static let writeAhead = 262_144

    private func write(_ stream: ByteStream, _ length: Int?, to connection: Connection, _ account: (Int) -> Void) async throws {
        var (written, ahead) = (0, 0)
        for try await chunk in stream {
            written += chunk.readableBytes
            if let length, written > length { throw TruncatedResponse(expected: length, written: written) }
            connection.send(.body(chunk))
            account(chunk.readableBytes)
            ahead += chunk.readableBytes
            guard ahead >= Self.writeAhead else { continue }
            try await connection.writable()
            ahead = 0
        }
        if let length, written < length { throw TruncatedResponse(expected: length, written: written) }
    }

    private func clientAddress(_ head: HTTPRequest, _ connection: Connection) -> String? {
        if options.trustsForwardedHeaders, let forwarded = head.headerFields[.forwardedFor] {
            return forwarded.prefix { $0 != "," }.filter { !$0.isWhitespace }
        }
        return connection.peer
    }
}
