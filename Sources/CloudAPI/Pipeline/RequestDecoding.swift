import CloudCore
import HTTPTypes

/// Turns a request's bytes into what its endpoint declares.
enum RequestDecoding {
    /// The body, as JSON or as a stream.
    static func body(
        _ endpoint: Endpoint, _ exchange: Exchange, limit: Int, conventions: HTTPConventions
    ) async throws -> (json: JSON, stream: ByteStream) {
        let reader = exchange.request.body
        if conventions.requiresMediaType { try checkMediaType(exchange, endpoint) }
        switch endpoint.body {
        case .none: return (.null, .empty)
        case .json(let schema): return (try await json(exchange, schema, limit), .empty)
        case .document(let mediaTypes, let schema): return (try await json(exchange, schema, limit, mediaTypes), .empty)
        case .versioned(let schemas):
            let version = exchange.microversion ?? Microversion(0, 0)
            let schema = schemas.filter { $0.from <= version }.max { $0.from < $1.from }?.schema
            return (try await json(exchange, schema ?? .any, limit), .empty)
        case .stream(let mediaTypes, let limit):
            try check(exchange.head, mediaTypes)
            return (.null, reader.stream(limit: limit))
        }
    }

    private static func json(
        _ exchange: Exchange, _ schema: Schema, _ limit: Int, _ mediaTypes: [String] = ["application/json"]
    ) async throws -> JSON {
        try check(exchange.head, mediaTypes)
        let bytes = try await exchange.request.body.collect(limit: limit)
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw Refusal.malformedJSON(error)
        }
        do throws(SchemaViolation) {
            try TextRules.check(json, writtenAs: bytes)
            try schema.validate(json)
        } catch {
            throw Refusal.invalidBody(error)
        }
        return json
    }

    /// Turns away bodies, and requests that should have one, that do not say what they are.
    private static func checkMediaType(_ exchange: Exchange, _ endpoint: Endpoint) throws(Refusal) {
        guard (exchange.head.headerFields[.contentType] ?? "").isEmpty else { return }
        guard exchange.request.body.hasEnded else { throw .missingMediaType(hasBody: true) }
        if case .none = endpoint.body { return }
        throw .missingMediaType(hasBody: false)
    }

    /// A missing media type passes, as most of upstream lets it.
    private static func check(_ head: HTTPRequest, _ supported: [String]) throws(Refusal) {
        guard let type = head.headerFields[.contentType], !type.isEmpty, !supported.contains("*/*") else { return }
        let essence = type.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        let isSupported = supported.contains { pattern in
            pattern == essence || (pattern.hasSuffix("/*") && essence.hasPrefix(pattern.dropLast()))
        }
        guard isSupported else { throw .unsupportedMediaType(type, supported: supported) }
    }

    /// The query's items, once the endpoint's schema admits them.
    static func query(_ endpoint: Endpoint, _ text: Substring?) throws(Refusal) -> QueryItems {
        guard let text, !text.isEmpty else { return .empty }
        guard let items = QueryItems(parsing: text) else { throw .malformedPath }
        guard case .schema(let schema) = endpoint.query else { return items }
        do {
            try schema.validate(query: items)
        } catch {
            throw .invalidQuery(error)
        }
        return items
    }
}

/// Where the client believes the cloud to be.
enum RequestOrigin {
    /// Scheme and authority of the URL the client used, or the configured one.
    static func url(_ head: HTTPRequest, _ options: ServerOptions) -> String {
        if let url = options.publicURL { return url }
        var (scheme, authority) = (head.scheme ?? "http", head.authority)
        if options.trustsForwardedHeaders {
            scheme = first(head.headerFields[.forwardedProtocol]) ?? scheme
            authority = first(head.headerFields[.forwardedHost]) ?? authority
        }
        let host = authority.flatMap { isAuthority($0) ? $0 : nil } ?? "\(options.host):\(options.port)"
        return "\(scheme == "https" ? "https" : "http")://\(host)"
    }

    /// Host headers are the client's own words and end up in links and headers: only names, addresses and ports pass.
    private static func isAuthority(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
    }

    private static func first(_ header: String?) -> String? {
        let value = header?.prefix { $0 != "," }.filter { !$0.isWhitespace }
        return value?.isEmpty == false ? value : nil
    }
}
