import CloudCore
import HTTPTypes

/// Completes an answer: the headers every answer has, compression, and what HEAD leaves out.
struct ResponseFinisher: Sendable {
    let compresses: Bool
    /// Smaller bodies gain nothing from compression.
    private static let compressionThreshold = 1024

    func finish(_ response: APIResponse, _ exchange: Exchange, _ front: ServiceFront) -> OutgoingResponse {
        let status = response.status ?? exchange.route?.endpoint.success ?? .ok
        var (headers, body) = (response.headers, response.body)
        headers.append(HTTPField(name: .openStackRequestID, value: exchange.requestID))
        if let name = front.api.requestIDHeader { headers.append(HTTPField(name: name, value: exchange.requestID)) }
        headers.append(HTTPField(name: .date, value: DateHeader.now))
        addVersion(&headers, exchange, front)
        if compresses { compress(&body, &headers, exchange.head) }
        addLength(&headers, body, status)
        if exchange.head.method == .head {
            // What a GET would say of its body (RFC 9112, section 6.1).
            if case .stream(_, nil) = body { headers[.transferEncoding] = "chunked" }
            body = .none
        }
        if mustClose(exchange.request) { headers[.connection] = "close" }
        return OutgoingResponse(
            head: HTTPResponse(status: status, headerFields: headers), body: body,
            record: exchange.record(status: status.code))
    }

    private func addVersion(_ headers: inout HTTPFields, _ exchange: Exchange, _ front: ServiceFront) {
        guard let policy = front.api.microversions, exchange.route?.endpoint.negotiates ?? true else { return }
        let name = HTTPField.Name.openStackAPIVersion
        append(&headers, .vary, front.api.conventions.negotiatesFirst ? name.canonicalName : name.rawName)
        if let name = front.legacyVersionHeader { append(&headers, .vary, name.rawName) }
        guard let version = exchange.microversion else { return }
        headers[.openStackAPIVersion] = "\(policy.service) \(version)"
        if let name = front.legacyVersionHeader { headers[name] = version.description }
    }

    private func append(_ headers: inout HTTPFields, _ name: HTTPField.Name, _ value: String) {
        guard let known = headers.first(name) else { return headers.append(HTTPField(name: name, value: value)) }
        headers[name] = known + ", " + value
    }

    private func compress(_ body: inout APIResponse.Body, _ headers: inout HTTPFields, _ head: HTTPRequest) {
        guard case .bytes(let bytes) = body, bytes.count >= Self.compressionThreshold,
            headers.first(.contentType)?.hasPrefix("application/json") == true,
            !headers.contains(.contentEncoding), !headers.contains(.eTag)
        else { return }
        append(&headers, .vary, "Accept-Encoding")
        guard Gzip.isAccepted(by: head.headerFields.first(.acceptEncoding)), let smaller = Gzip.compress(bytes),
            smaller.count < bytes.count
        else { return }
        headers[.contentEncoding] = "gzip"
        body = .bytes(smaller)
    }

    private func addLength(_ headers: inout HTTPFields, _ body: APIResponse.Body, _ status: HTTPResponse.Status) {
        switch body {
        case .none where status == .noContent || status == .notModified: break
        case .none: if !headers.contains(.contentLength) { headers[.contentLength] = "0" }
        case .bytes(let bytes):
            headers[.contentLength] = String(bytes.count)
            if !headers.contains(.contentType) { headers[.contentType] = "application/json" }
        case .stream(_, let length):
            headers[.contentLength] = length.map(String.init)
            if !headers.contains(.contentType) { headers[.contentType] = "application/octet-stream" }
        }
    }

    /// A body that nobody read would have to be read and dropped before the connection could serve again.
    private func mustClose(_ request: IncomingRequest) -> Bool {
        guard !request.body.hasEnded else { return false }
        return !request.body.isWorthDraining || request.head.headerFields.contains(.expect)
    }
}
