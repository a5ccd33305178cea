import CloudCore
import CloudPolicy
import CloudTelemetry
import HTTPTypes
import NIOCore

/// The HTTP front of the cloud: every service on one port, each under its own path.
///
///     let server = try CloudServer(services: [identity, compute], authenticator: tokens)
///     try await server.run { address in print("ready on port \(address.port)") }
public final class CloudServer: Sendable {
    /// The services, with the platform's own endpoints first.
    public let services: [ServiceAPI]
    let pipeline: RequestPipeline
    let reporter: ExchangeReporter
    let options: ServerOptions
    let stopping = OneShot()

    /// Builds the server's tables; nothing listens yet. Each service has rules of its own: `default` or
    /// `context_is_admin` may mean something else in the next.
    /// - Parameter policies: the compiled rules by service type; a service that is not named has its defaults.
    /// - Throws: `ServerConfigurationError` for endpoints that contradict each other, a rule that a service's policy
    ///   does not know or that does not parse, or a pattern that does not compile.
    public init(
        services: [ServiceAPI], policies: [String: PolicyEngine] = [:], authenticator: any TokenAuthenticator,
        options: ServerOptions = ServerOptions()
    ) throws(ServerConfigurationError) {
        let all = [PlatformEndpoints.service(for: services, options)] + services
        self.services = all
        self.options = options
        var engines: [PolicyEngine] = []
        for service in all {
            if let policy = policies[service.type] { engines.append(policy) } else { engines.append(try Self.defaults(of: service)) }
        }
        pipeline = try RequestPipeline(services: all, policies: engines, authenticator: authenticator, options: options)
        reporter = ExchangeReporter(pipeline: pipeline)
    }

    private static func defaults(of service: ServiceAPI) throws(ServerConfigurationError) -> PolicyEngine {
        do {
            return try PolicyEngine(rules: service.rules)
        } catch {
            throw ServerConfigurationError("\(service.type): \(error)")
        }
    }

    /// Builds the server's tables over one policy for every service.
    public convenience init(
        services: [ServiceAPI], policy: PolicyEngine, authenticator: any TokenAuthenticator,
        options: ServerOptions = ServerOptions()
    ) throws(ServerConfigurationError) {
        let policies = Dictionary(services.map { ($0.type, policy) }) { $1 }
        try self.init(services: services, policies: policies, authenticator: authenticator, options: options)
    }

    /// Tells a running server to stop: it accepts no more, lets requests in flight end within the drain deadline, and
    /// then `run` returns. May be called from anywhere, more than once, and before the start.
    public func stop() { stopping.fire() }

    /// Answers a request in-process, through the whole pipeline but without a socket: for tests.
    /// - Parameters:
    ///   - method: the HTTP method.
    ///   - path: the path with its query.
    ///   - headers: the headers; `Content-Length` is added to a body that has none.
    ///   - body: the body; empty for none.
    public func respond(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], body: [UInt8] = []
    ) async -> TestResponse {
        var headers = headers
        if !body.isEmpty, !headers.contains(.contentLength), !headers.contains(.transferEncoding) {
            headers[.contentLength] = String(body.count)
        }
        let head = HTTPRequest(
            method: method, scheme: "http", authority: "\(options.host):\(options.port)", path: path, headerFields: headers)
        let reader = RequestBodyReader(ByteStream(body), headers: headers)
        let response = await pipeline.respond(to: IncomingRequest(head: head, body: reader))
        var (bytes, failure): ([UInt8], (any Error)?) = ([], nil)
        switch response.body {
        case .none: break
        case .bytes(let whole): bytes = whole
        case .stream(let stream, _):
            do {
                for try await chunk in stream { bytes.append(contentsOf: chunk.readableBytesView) }
            } catch {
                failure = error
            }
        }
        reporter.report(response.record, bytes: bytes.count)
        return TestResponse(
            status: response.head.status, headers: response.head.headerFields, bytes: bytes, failure: failure)
    }

    /// Answers a request with a token and a JSON body in-process: for tests.
    public func respond(
        _ method: HTTPRequest.Method, _ path: String, token: String?, headers: HTTPFields = [:], json: JSON? = nil
    ) async -> TestResponse {
        var headers = headers
        headers[.authToken] = token
        if json != nil { headers[.contentType] = "application/json" }
        return await respond(method, path, headers: headers, body: json?.bytes ?? [])
    }
}

/// An answer that was gathered in-process.
public struct TestResponse: Sendable {
    /// The status.
    public let status: HTTPResponse.Status
    /// The headers.
    public let headers: HTTPFields
    /// The whole body.
    public let bytes: [UInt8]
    /// What ended a streamed body before its time; over a socket, the connection would have been cut.
    public let failure: (any Error)?

    /// The body as text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The body as JSON; null when it is none.
    public var json: JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            return .null
        }
    }
}
