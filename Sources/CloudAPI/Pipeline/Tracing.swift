import HTTPTypes
import Instrumentation
import Tracing

extension RequestPipeline {
    /// Runs a handler in a span of its route, as part of the client's trace where it sent one. Without a bootstrapped
    /// tracer this costs next to nothing.
    func traced<Result: Sendable>(
        _ route: Router.Route, _ exchange: Exchange, _ handle: () async throws -> Result
    ) async throws -> Result {
        guard isTraced else { return try await handle() }
        var context = ServiceContext.current ?? .topLevel
        InstrumentationSystem.instrument.extract(exchange.head.headerFields, into: &context, using: HeaderExtractor())
        return try await withSpan(
            "\(route.endpoint.method.rawValue) \(route.template)", context: context, ofKind: .server
        ) { span in
            span.attributes["http.request.method"] = route.endpoint.method.rawValue
            span.attributes["http.route"] = route.template
            span.attributes["openstack.request_id"] = exchange.requestID
            return try await handle()
        }
    }
}

/// Reads a trace's identity from headers.
private struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: HTTPFields) -> String? { HTTPField.Name(key).flatMap { headers[$0] } }
}
