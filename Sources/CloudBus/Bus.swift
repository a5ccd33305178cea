import CloudCore

/// Where a message goes: a topic, and for a call or cast to one particular machine, its host name.
public struct BusAddress: Sendable, Hashable, CustomStringConvertible {
    /// The kind of listener, such as "compute-agent".
    public let topic: String
    /// The host, or nil for whichever listener of the topic is free.
    public let host: String?

    /// An address.
    public init(topic: String, host: String? = nil) { (self.topic, self.host) = (topic, host) }

    public var description: String { host.map { "\(topic)@\($0)" } ?? topic }
}

/// A message with a typed answer. Encoded as JSON on every transport, the in-process one too, so that what works
/// in one process works across hosts.
public protocol BusRequest: Codable, Sendable {
    /// What the listener answers; `BusNothing` where there is nothing to say.
    associatedtype Reply: Codable & Sendable
    /// The method's name on the wire, such as "server.spawn".
    static var method: String { get }
}

/// The answer of methods that have none.
public struct BusNothing: Codable, Sendable {
    /// The one value.
    public init() {}
}

/// What travels beside a message's payload.
public struct BusEnvelope: Sendable, Hashable, Codable {
    /// The method's name.
    public var method: String
    /// The encoded message.
    public var payload: [UInt8]
    /// A key under which a repeat is recognised: the same key means the same work. Nil: never a repeat.
    public var key: String?
    /// The API request this work belongs to, for the logs.
    public var requestID: String?
    /// When the sender stops waiting.
    public var deadline: Timestamp

    /// An envelope.
    public init(method: String, payload: [UInt8], key: String? = nil, requestID: String? = nil, deadline: Timestamp) {
        (self.method, self.payload, self.key) = (method, payload, key)
        (self.requestID, self.deadline) = (requestID, deadline)
    }
}

/// Why a call had no good answer.
public enum BusError: Error, Sendable, Equatable {
    /// The deadline passed; the work may or may not have been done.
    case deadlineExceeded
    /// Nobody listens at that address.
    case unroutable(BusAddress)
    /// The listener's queue is full.
    case overloaded(BusAddress)
    /// The listener does not know the method, or could not read or write the message.
    case malformed(String)
    /// The listener tried and failed: its code (for programs) and message (for people).
    case remote(code: String, message: String)
    /// The bus is shut down.
    case closed
}

/// A failure that a listener reports to its caller as `BusError.remote`.
public struct BusFailure: Error, Sendable, Equatable {
    /// A stable code for programs, such as "guest_not_found".
    public let code: String
    /// What happened, for people.
    public let message: String

    /// A failure.
    public init(code: String, message: String) { (self.code, self.message) = (code, message) }
}

/// Messages between controllers and host agents. The bus may lose or repeat a message: whoever needs certainty
/// repeats a call under the same key.
public protocol Bus: Sendable {
    /// Sends to one listener and waits for its answer.
    /// - Throws: `BusError`.
    func call(_ envelope: BusEnvelope, to address: BusAddress) async throws -> [UInt8]

    /// Sends to one listener without waiting for it.
    /// - Throws: `BusError.overloaded`, `.unroutable` or `.closed`.
    func cast(_ envelope: BusEnvelope, to address: BusAddress) async throws

    /// Sends to every listener of a topic, on whatever host.
    func fanOut(_ envelope: BusEnvelope, topic: String) async throws

    /// Listens at an address until cancelled. At most `concurrency` messages are handled at once and
    /// `queueLimit` wait; beyond that senders get `.overloaded`. A slow listener holds up nobody else.
    func listen(
        at address: BusAddress, concurrency: Int, queueLimit: Int,
        handler: @escaping @Sendable (BusEnvelope) async throws -> [UInt8]
    ) async throws -> BusSubscription

    /// Stops accepting, lets handlers finish until the deadline, then cancels them.
    func close(deadline: Duration) async
}

/// A listener's standing; cancelling it ends it.
public struct BusSubscription: Sendable {
    private let onCancel: @Sendable () async -> Void

    /// A standing with what ends it.
    public init(onCancel: @escaping @Sendable () async -> Void) { self.onCancel = onCancel }

    /// Takes no further messages; those under way go on.
    public func cancel() async { await onCancel() }
}
