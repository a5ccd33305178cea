import CloudCore
import CloudPolicy
import CloudTelemetry
import HTTPTypes
import Instrumentation
import Logging

/// What happens to every request between the transport and its handler. Immutable; one value serves the whole server.
final class RequestPipeline: Sendable {
    let services: [ServiceFront]
    let router: Router
    /// Each service's rules, in the order of the services.
    let policies: [PolicyEngine]
    let options: ServerOptions
    let logger = Logger(label: "api")
    private let authenticator: any TokenAuthenticator
    private let finisher: ResponseFinisher
    private let platform: Int
    /// Whether there is a tracer; one that is bootstrapped later is not noticed.
    let isTraced = !(InstrumentationSystem.instrument is NoOpInstrument)

    /// Prepares the tables.
    /// - Throws: `ServerConfigurationError` for tables that contradict themselves or the policy.
    init(
        services: [ServiceAPI], policies: [PolicyEngine], authenticator: any TokenAuthenticator, options: ServerOptions
    ) throws(ServerConfigurationError) {
        router = try Router(services: services)
        try Self.check(router.routes, policies)
        self.services = services.map(ServiceFront.init)
        platform = services.firstIndex { $0.path.isEmpty } ?? 0
        (self.policies, self.authenticator, self.options) = (policies, authenticator, options)
        finisher = ResponseFinisher(compresses: options.compresses)
    }

    private static func check(_ routes: [Router.Route], _ policies: [PolicyEngine]) throws(ServerConfigurationError) {
        for route in routes {
            let name = "\(route.endpoint.method.rawValue) \(route.template)"
            if let rule = route.endpoint.access.rule, policies[route.service].rules[rule] == nil {
                throw ServerConfigurationError("\(name): there is no rule \(rule)")
            }
            var schemas = route.endpoint.body.schemas
            if case .schema(let schema) = route.endpoint.query { schemas.append(schema) }
            for pattern in schemas.flatMap(\.patterns) where PatternCache.expression(pattern) == nil {
                throw ServerConfigurationError("\(name): the pattern \(pattern) does not compile")
            }
        }
    }

    /// Answers a request. Never fails: whatever goes wrong becomes an answer.
    func respond(to request: IncomingRequest) async -> OutgoingResponse {
        var exchange = Exchange(request, service: platform)
        return await RequestContext.$requestID.withValue(exchange.requestID) {
            await RequestContext.$globalRequestID.withValue(exchange.globalRequestID) {
                let response = await answer(&exchange)
                return finisher.finish(response, exchange, services[exchange.service])
            }
        }
    }

    private func answer(_ exchange: inout Exchange) async -> APIResponse {
        do {
            return try await route(&exchange)
        } catch {
            let refusal = exchange.request.body.refusal
            return failure(refusal ?? error, exchange)
        }
    }

    private func route(_ exchange: inout Exchange) async throws -> APIResponse {
        let head = exchange.head
        if head.path == "*" { return .empty(status: .ok, headers: [.allow: "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"]) }
        guard let path = RequestPath(target: head.path ?? "/") else { throw Refusal.malformedPath }
        let match = router.match(path)
        exchange.service = match.service
        let conventions = services[match.service].api.conventions
        if conventions.negotiatesFirst { try negotiate(&exchange) }
        guard !match.routes.isEmpty else { throw Refusal.unknownPath(String(path.raw)) }
        let candidates = match.routes(for: head.method)
        guard let first = candidates.first else {
            if conventions.declaredMethodsOnly {
                throw Refusal.unknownMethod(head.method.rawValue, allowed: match.declared)
            }
            if head.method == .options {
                return .empty(status: .ok, headers: [.allow: match.allowed.joined(separator: ", ")])
            }
            throw Refusal.unknownMethod(head.method.rawValue, allowed: match.allowed)
        }
        if first.endpoint.negotiates { try negotiate(&exchange) }
        let version = exchange.microversion
        let route = version.map { version in candidates.first { $0.endpoint.microversions.contains(version) } } ?? first
        guard let route else { throw Refusal.unknownPath(String(path.raw)) }
        exchange.route = route
        return try await perform(route, match.values, path, &exchange)
    }

    private func negotiate(_ exchange: inout Exchange) throws {
        let service = services[exchange.service]
        guard let policy = service.api.microversions else { return }
        exchange.microversion = try MicroversionRequest.negotiate(
            exchange.head.headerFields, policy, legacyHeader: service.legacyVersionHeader)
    }

    private func perform(
        _ route: Router.Route, _ values: [String], _ path: RequestPath, _ exchange: inout Exchange
    ) async throws -> APIResponse {
        let endpoint = route.endpoint
        exchange.token = try await authenticate(exchange.head, path, route)
        let authorizer = Authorizer(
            engine: policies[route.service], token: exchange.token, declaredRule: endpoint.access.rule,
            envelope: services[route.service].api.envelope)
        if case .rule = endpoint.access {
            guard authorizer.allowsDeclared(Authorizer.callerTarget(of: exchange.token)) else { throw authorizer.denial() }
        }
        let body = try await RequestDecoding.body(
            endpoint, exchange, limit: options.bodyLimit, conventions: services[route.service].api.conventions)
        let query = try RequestDecoding.query(endpoint, path.query)
        let origin = RequestOrigin.url(exchange.head, options)
        let request = APIRequest(
            head: exchange.head,
            parameters: Dictionary(zip(route.parameterNames, values), uniquingKeysWith: { $1 }),
            query: query, body: body.json, stream: body.stream,
            microversion: exchange.microversion ?? Microversion(0, 0), token: exchange.token,
            requestID: exchange.requestID, serviceURL: origin + services[route.service].api.path,
            url: origin + path.raw, clientAddress: exchange.request.clientAddress, authorizer: authorizer)
        let response = try await traced(route, exchange) { try await endpoint.handler(request) }
        if case .ruleOnResource(let rule) = endpoint.access, !authorizer.hasDecided {
            logger.critical(
                "An endpoint answered without deciding its rule",
                metadata: ["rule": "\(rule)", "route": "\(route.template)", "request_id": "\(exchange.requestID)"])
            throw Refusal.internalError
        }
        return response
    }

    private func authenticate(_ head: HTTPRequest, _ path: RequestPath, _ route: Router.Route) async throws -> TokenContext? {
        let text = head.headerFields.first(.authToken) ?? ""
        var token = text.isEmpty ? nil : try await authenticator.authenticate(Secret(text))
        // As in keystonemiddleware, a token that is limited to other requests is none here.
        if token?.admits(head.method.rawValue, path, of: services[route.service].api) == false { token = nil }
        if case .open = route.endpoint.access { return token }
        guard let token else { throw Refusal.unauthenticated }
        return token
    }
}

/// A service with what the pipeline looks up at every request.
struct ServiceFront: Sendable {
    let api: ServiceAPI
    let legacyVersionHeader: HTTPField.Name?

    init(_ api: ServiceAPI) {
        self.api = api
        legacyVersionHeader = api.microversions?.legacyHeader.flatMap { HTTPField.Name($0) }
    }
}

extension Access {
    /// The policy rule, where one decides.
    public var rule: String? {
        switch self {
        case .open, .authenticated: nil
        case .rule(let rule), .ruleOnResource(let rule): rule
        }
    }
}
