import CloudCore
import CloudTelemetry
import Foundation

extension Bus {
    /// Sends a request to one listener and waits for its answer. The id of the API request that the calling task
    /// works for travels along.
    /// - Parameters:
    ///   - request: what is asked.
    ///   - address: whom.
    ///   - deadline: how long to wait; the listener stops working at the same moment.
    ///   - key: under which a repeat is recognised as the same work; nil when a repeat does no harm.
    /// - Throws: `BusError`; `CancellationError` when the calling task is cancelled, while the work goes on.
    public func call<R: BusRequest>(
        _ request: R, to address: BusAddress, deadline: Duration, key: String? = nil
    ) async throws -> R.Reply {
        let envelope = try BusEnvelope(request, deadline: deadline, key: key)
        return try BusCoding.decode(R.Reply.self, from: try await call(envelope, to: address), method: "the answer to \(R.method)")
    }

    /// Sends a request to one listener without waiting for it.
    /// - Throws: `BusError.overloaded`, `.unroutable`, `.malformed` or `.closed`.
    public func cast<R: BusRequest>(
        _ request: R, to address: BusAddress, deadline: Duration = .seconds(60), key: String? = nil
    ) async throws {
        try await cast(try BusEnvelope(request, deadline: deadline, key: key), to: address)
    }

    /// Sends a request to every listener of a topic, without waiting for them.
    /// - Throws: `BusError.malformed` or `.closed`.
    public func fanOut<R: BusRequest>(
        _ request: R, topic: String, deadline: Duration = .seconds(60), key: String? = nil
    ) async throws {
        try await fanOut(try BusEnvelope(request, deadline: deadline, key: key), topic: topic)
    }
}

extension BusEnvelope {
    /// The envelope of a request that is sent now.
    fileprivate init<R: BusRequest>(_ request: R, deadline: Duration, key: String?) throws(BusError) {
        self.init(
            method: R.method, payload: try BusCoding.encode(request, method: R.method), key: key,
            requestID: RequestContext.requestID, deadline: .now + deadline)
    }
}

/// How payloads are written: JSON by Codable.
enum BusCoding {
    static func encode(_ value: some Encodable, method: String) throws(BusError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            throw .malformed("\(method): cannot be written: \(reason(error))")
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from payload: [UInt8], method: String) throws(BusError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(payload))
        } catch {
            throw .malformed("\(method): \(reason(error))")
        }
    }

    /// Where and what, without any of the message's values: they may be secret.
    private static func reason(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
            return path.isEmpty ? "the message" : path
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\(path(context)) lacks \(key.stringValue)"
        case DecodingError.typeMismatch(_, let context): return "\(path(context)) has the wrong type"
        case DecodingError.valueNotFound(_, let context): return "\(path(context)) is null"
        case DecodingError.dataCorrupted(let context): return "\(path(context)) is not readable"
        default: return "\(type(of: error))"
        }
    }
}
