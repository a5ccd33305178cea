import CloudCore
import CloudTelemetry

/// What a handler knows about the message beside its content.
public struct BusContext: Sendable, Hashable {
    /// The API request this work belongs to.
    public let requestID: String?
    /// The key under which a repeat would be recognised.
    public let key: String?
    /// When the sender stops waiting; the handler's task is cancelled then.
    public let deadline: Timestamp
}

/// The handlers of one listener, by method:
///
///     var service = BusService()
///     service.on(SpawnGuest.self) { request, context in … }
///     let subscription = try await bus.serve(service, at: address, concurrency: 8, queueLimit: 256)
///
/// A handler reports a failure that callers should see as `BusFailure`; any other error reaches them only as an
/// unexplained `internal` failure. It may be run again for the same message, so its work must be idempotent.
public struct BusService: Sendable {
    private typealias Handler = @Sendable (BusEnvelope) async throws -> [UInt8]
    private var handlers: [String: Handler] = [:]

    /// A service without handlers.
    public init() {}

    /// The methods it handles, sorted.
    public var methods: [String] { handlers.keys.sorted() }

    /// Adds the handler of a request. A second handler of the same method is a programming error.
    public mutating func on<R: BusRequest>(
        _ request: R.Type, handler: @escaping @Sendable (R, BusContext) async throws -> R.Reply
    ) {
        precondition(handlers[R.method] == nil, "the method \(R.method) has a handler already")
        handlers[R.method] = { envelope in
            let request = try BusCoding.decode(R.self, from: envelope.payload, method: R.method)
            let context = BusContext(requestID: envelope.requestID, key: envelope.key, deadline: envelope.deadline)
            return try BusCoding.encode(try await handler(request, context), method: "the answer to \(R.method)")
        }
    }

    /// Handles one message, in the context of the request it belongs to.
    func handle(_ envelope: BusEnvelope) async throws -> [UInt8] {
        guard let handler = handlers[envelope.method] else {
            throw BusError.malformed("the method \(envelope.method) is not known here")
        }
        return try await RequestContext.$requestID.withValue(envelope.requestID) { try await handler(envelope) }
    }
}

extension Bus {
    /// Listens at an address with a service's handlers.
    /// - Parameters:
    ///   - service: the handlers.
    ///   - address: where.
    ///   - concurrency: how many messages are handled at once.
    ///   - queueLimit: how many more may wait; beyond that senders get `.overloaded`.
    /// - Throws: `BusError.closed`.
    public func serve(
        _ service: BusService, at address: BusAddress, concurrency: Int, queueLimit: Int
    ) async throws -> BusSubscription {
        try await listen(at: address, concurrency: concurrency, queueLimit: queueLimit) { try await service.handle($0) }
    }
}
