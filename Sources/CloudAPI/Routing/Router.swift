import HTTPTypes

/// Finds the endpoints of a path. Built once from the services' tables.
struct Router: Sendable {
    /// An endpoint with what the pipeline needs to know of it at every request.
    struct Route: Sendable {
        /// The position of its service.
        let service: Int
        /// Its position among all routes of the cloud.
        let index: Int
        let endpoint: Endpoint
        let parameterNames: [String]
        /// The whole path with its parameters' names, for metrics and traces.
        let template: String
    }

    /// Where a path leads.
    struct Match {
        let service: Int
        /// The endpoints with this path, of all methods and microversions; empty when there is none.
        let routes: [Route]
        let values: [String]
    }

    /// Every route, in the order of the services' tables.
    let routes: [Route]
    private let trie: RouteTrie
    private let routesByDestination: [[Route]]
    private let servicePaths: [(segments: [String], service: Int)]
    private let fallback: Int
    /// The services that read a slash at a path's end as an empty parameter.
    private let servicesWithEmptyEnds: Set<Int>

    /// Builds the router.
    /// - Parameters:
    ///   - services: the services; the one whose path is empty answers for paths that belong to no other.
    /// - Throws: `ServerConfigurationError` for a malformed path, or two endpoints that claim the same method, path and
    ///   microversion.
    init(services: [ServiceAPI]) throws(ServerConfigurationError) {
        var (trie, byDestination, all) = (RouteTrie(), [[Route]](), [Route]())
        for (position, service) in services.enumerated() {
            for endpoint in service.endpoints {
                let template = service.path + endpoint.path
                guard let pattern = PathPattern(template) else {
                    throw ServerConfigurationError("\(service.type): the path \(template) is malformed")
                }
                let route = Route(
                    service: position, index: all.count, endpoint: endpoint,
                    parameterNames: pattern.parameterNames, template: template)
                let destination = trie.insert(pattern.parts)
                if destination == byDestination.count { byDestination.append([]) }
                try Self.checkOverlap(route, byDestination[destination])
                byDestination[destination].append(route)
                all.append(route)
            }
        }
        (self.trie, routesByDestination, routes) = (trie, byDestination, all)
        servicePaths = services.enumerated()
            .map { (segments: $1.path.split(separator: "/").map(String.init), service: $0) }
            .sorted { $0.segments.count > $1.segments.count }
        servicesWithEmptyEnds = Set(services.indices.filter { services[$0].conventions.readsEmptyEnds })
        fallback = servicePaths.last { $0.segments.isEmpty }?.service ?? 0
    }

    private static func checkOverlap(_ route: Route, _ others: [Route]) throws(ServerConfigurationError) {
        let clash = others.contains {
            $0.endpoint.method == route.endpoint.method && $0.service == route.service
                && $0.endpoint.microversions.overlaps(route.endpoint.microversions)
        }
        guard !clash, others.allSatisfy({ $0.service == route.service }) else {
            throw ServerConfigurationError("\(route.endpoint.method) \(route.template) is declared twice")
        }
    }

    /// Where a path leads.
    func match(_ path: RequestPath) -> Match {
        if !servicesWithEmptyEnds.isEmpty, let path = path.withEmptyEnd, let found = find(path),
            servicesWithEmptyEnds.contains(found.service)
        {
            return found
        }
        if let found = find(path) { return found }
        let service = servicePaths.first { path.segments.starts(with: $0.segments) }?.service ?? fallback
        return Match(service: service, routes: [], values: [])
    }

    private func find(_ path: RequestPath) -> Match? {
        trie.match(path).map { match in
            let routes = routesByDestination[match.destination]
            return Match(service: routes[0].service, routes: routes, values: match.values)
        }
    }
}

extension Router.Match {
    /// The endpoints that answer a method; a GET also answers HEAD where no HEAD is declared.
    func routes(for method: HTTPRequest.Method) -> [Router.Route] {
        let own = routes.filter { $0.endpoint.method == method }
        guard own.isEmpty, method == .head else { return own }
        return routes.filter { $0.endpoint.method == .get }
    }

    /// The methods the path has, as `Allow` lists them.
    var allowed: [String] {
        var methods = Set(routes.map(\.endpoint.method.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        methods.insert("OPTIONS")
        return methods.sorted()
    }

    /// The methods the path is declared with.
    var declared: [String] { Set(routes.map(\.endpoint.method.rawValue)).sorted() }
}
