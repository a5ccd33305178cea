import CoreMetrics
import Synchronization

/// One number under one set of labels: a counter or a gauge.
final class NumberSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, Sendable {
    private let number = Mutex(0.0)

    var value: Double { number.withLock { $0 } }

    func increment(by amount: Int64) { add(Double(amount)) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { number.withLock { $0 = value } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func reset() { set(0.0) }

    private func add(_ amount: Double) { number.withLock { $0 += amount } }
}

/// A distribution under one set of labels.
final class HistogramSeries: TimerHandler, RecorderHandler, Sendable {
    /// What was observed so far.
    struct Distribution {
        /// How many observations fell into each bucket, the last one being without a bound.
        var counts: [Int]
        var sum = 0.0
    }

    /// The buckets' upper bounds, in rising order.
    let bounds: [Double]
    private let state: Mutex<Distribution>

    /// Seconds, from a cached lookup to a long boot.
    static let durationBounds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    /// Counts and sizes.
    static let magnitudeBounds = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(Distribution(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    var distribution: Distribution { state.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
