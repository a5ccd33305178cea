import HTTPTypes
import Metrics
import Synchronization

/// Counts and logs exchanges once their bytes are out.
final class ExchangeReporter: Sendable {
    private struct Key: Hashable {
        let service: Int
        let route: Int?
        let method: String
        let status: Int
    }

    private struct Series: Sendable {
        let requests: Counter
        let duration: Timer
    }

    private let pipeline: RequestPipeline
    private let factory: any MetricsFactory
    private let series = Mutex<[Key: Series]>([:])
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY"]

    init(pipeline: RequestPipeline) {
        self.pipeline = pipeline
        factory = pipeline.options.metrics ?? MetricsSystem.factory
    }

    /// Accounts for an exchange whose answer took so many bytes of body.
    func report(_ record: ExchangeRecord, bytes: Int) {
        // The server's own probe of its socket.
        guard record.target != "*" else { return }
        let duration = ContinuousClock.now - record.start
        let series = series(of: record)
        series.requests.increment()
        let (seconds, attoseconds) = duration.components
        series.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        guard let log = pipeline.options.accessLog else { return }
        log.write(record, service: pipeline.services[record.service].api.type, bytes: bytes, duration: duration)
    }

    private func series(of record: ExchangeRecord) -> Series {
        // A client may invent methods; they must not become label values.
        let method = Self.methods.contains(record.method.rawValue) ? record.method.rawValue : "other"
        let key = Key(service: record.service, route: record.route, method: method, status: record.status)
        return series.withLock { known in
            if let series = known[key] { return series }
            let made = make(key)
            known[key] = made
            return made
        }
    }

    private func make(_ key: Key) -> Series {
        let labels = [
            ("service", pipeline.services[key.service].api.type), ("method", key.method),
            ("route", key.route.map { pipeline.router.routes[$0].template } ?? "none"), ("status", String(key.status)),
        ]
        return Series(
            requests: Counter(label: "http_requests", dimensions: labels, factory: factory),
            duration: Timer(label: "http_request_duration", dimensions: labels, factory: factory))
    }
}
