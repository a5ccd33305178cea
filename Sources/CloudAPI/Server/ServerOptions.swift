import CloudTelemetry

/// What is wrong with the tables a server was built from; found before it starts.
public struct ServerConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The message, naming the endpoint.
    public let description: String

    /// An error.
    public init(_ description: String) { self.description = description }
}

/// How a server runs.
public struct ServerOptions: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 for one that the system chooses.
    public var port = 9000
    /// The URL that clients reach the cloud by, without a final slash, when a proxy or another name stands before
    /// it; nil to take each request's own host and scheme.
    public var publicURL: String?
    /// Whether `X-Forwarded-Proto`, `-Host` and `-For` are believed; only behind a proxy that sets them.
    public var trustsForwardedHeaders = false
    /// The largest JSON body, in bytes.
    public var bodyLimit = 1_048_576
    /// The most connections at once; further ones wait in the system's queue.
    public var maximumConnections = 4096
    /// How long a connection may be silent between requests, or a request between its bytes.
    public var idleTimeout: Duration = .seconds(75)
    /// How long a client may refuse to take an answer's bytes before its connection is cut.
    public var stallTimeout: Duration = .seconds(120)
    /// How long requests in flight may go on once the server is told to stop.
    public var drainDeadline: Duration = .seconds(4)
    /// The access log; nil for none.
    public var accessLog: AccessLog?
    /// What `/healthcheck` asks.
    public var healthChecks: [HealthCheck] = []
    /// Where requests are counted and what `/metrics` shows; nil to count in the process's bootstrapped metrics and
    /// to offer no `/metrics`.
    public var metrics: PrometheusRegistry?
    /// Whether JSON answers are compressed for clients that accept it.
    public var compresses = true
    /// Turns errors of platform modules that this one does not know, such as a store's overload, into faults; nil
    /// for those it does not know either, which become 500.
    public var mapError: @Sendable (any Error) -> Fault? = { _ in nil }

    /// The defaults.
    public init() {}
}

/// A part of the cloud whose health `/healthcheck` reports.
public struct HealthCheck: Sendable {
    /// The part's name.
    public let name: String
    /// How long the check may take; longer counts as a failure.
    public let deadline: Duration
    /// Returns when all is well.
    /// - Throws: what is wrong.
    public let check: @Sendable () async throws -> Void

    /// A check.
    public init(_ name: String, deadline: Duration = .seconds(5), check: @escaping @Sendable () async throws -> Void) {
        (self.name, self.deadline, self.check) = (name, deadline, check)
    }
}
