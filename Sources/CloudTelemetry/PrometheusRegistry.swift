import CoreMetrics
import Synchronization

/// Counts what happens and shows it in Prometheus's text format. It serves swift-metrics: modules use `Counter`,
/// `Gauge`, `Timer` and `Recorder`, with the process's factory or this one by name.
///
/// Names become Prometheus's: dots turn into underscores, counters end in `_total`, timers in `_seconds`. The number of
/// label sets a name may have is bounded; what goes beyond is counted together under `overflow="true"`, so that a
/// careless label costs precision and not memory.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    typealias Labels = [(name: String, value: String)]

    enum Kind: String {
        case counter, gauge, histogram
    }

    enum Series {
        case number(NumberSeries)
        case histogram(HistogramSeries)
    }

    struct Family {
        let kind: Kind
        /// The series by the text of their labels.
        var series: [String: Series] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var collectors: [String: (kind: Kind, read: @Sendable () -> Double)] = [:]
    }

    private let state = Mutex(State())
    private let maximumSeries: Int

    /// The label set that takes what exceeds the bound.
    private static let overflow = "{overflow=\"true\"}"

    /// An empty registry.
    /// - Parameter maximumSeries: how many label sets each name may have.
    public init(maximumSeries: Int = 2000) { self.maximumSeries = maximumSeries }

    /// Describes a name, as written by this registry, for the reader of the metrics.
    public func describe(_ name: String, _ help: String) { state.withLock { $0.help[name] = help } }

    /// Adds a gauge that is read when the metrics are shown.
    public func gauge(_ name: String, _ help: String, read: @escaping @Sendable () -> Double) {
        state.withLock { state in
            state.collectors[Self.name(name)] = (.gauge, read)
            state.help[Self.name(name)] = help
        }
    }

    // MARK: swift-metrics

    /// A counter of whole numbers; the same label and dimensions are the same counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        number(Self.name(label, suffix: "_total"), .counter, dimensions)
    }

    /// A counter of any numbers.
    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        number(Self.name(label, suffix: "_total"), .counter, dimensions)
    }

    /// A gauge that goes up and down.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        number(Self.name(label), .gauge, dimensions)
    }

    /// A histogram of magnitudes, or a gauge when values are not to be aggregated.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return number(Self.name(label), .gauge, dimensions) }
        return histogram(Self.name(label), HistogramSeries.magnitudeBounds, dimensions)
    }

    /// A histogram of durations.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(Self.name(label, suffix: "_seconds"), HistogramSeries.durationBounds, dimensions)
    }

    /// Keeps the counter: one that vanished would look like a restart to Prometheus.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Keeps the counter.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    /// Keeps the gauge.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Keeps the series.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Keeps the histogram.
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func number(_ name: String, _ kind: Kind, _ dimensions: [(String, String)]) -> NumberSeries {
        let found = series(name, kind, dimensions) { .number(NumberSeries()) }
        guard case .number(let series)? = found else { return NumberSeries() }
        return series
    }

    private func histogram(_ name: String, _ bounds: [Double], _ dimensions: [(String, String)]) -> HistogramSeries {
        let found = series(name, .histogram, dimensions) { .histogram(HistogramSeries(bounds: bounds)) }
        guard case .histogram(let series)? = found else { return HistogramSeries(bounds: bounds) }
        return series
    }

    /// The series of a name and its labels; nil when the name is of another kind already.
    private func series(
        _ name: String, _ kind: Kind, _ dimensions: [(String, String)], make: () -> Series
    ) -> Series? {
        let labels = Self.labels(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            guard family.kind == kind else { return nil }
            let key = family.series[labels] == nil && family.series.count >= maximumSeries ? Self.overflow : labels
            let series = family.series[key] ?? make()
            family.series[key] = series
            state.families[name] = family
            return series
        }
    }

    // MARK: The text format

    /// Everything counted so far in Prometheus's text exposition format, version 0.0.4; names and labels are sorted.
    public func render() -> String {
        let (families, help, collectors) = state.withLock { ($0.families, $0.help, $0.collectors) }
        var text = ""
        func head(_ name: String, _ kind: Kind) {
            if let help = help[name] { text += "# HELP \(name) \(Self.escape(help, quotes: false))\n" }
            text += "# TYPE \(name) \(kind.rawValue)\n"
        }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            head(name, family.kind)
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                switch series {
                case .number(let series): text += "\(name)\(labels) \(Self.number(series.value))\n"
                case .histogram(let series): Self.render(series, name, labels, into: &text)
                }
            }
        }
        for (name, collector) in collectors.sorted(by: { $0.key < $1.key }) {
            head(name, collector.kind)
            text += "\(name) \(Self.number(collector.read()))\n"
        }
        return text
    }

    private static func render(_ series: HistogramSeries, _ name: String, _ labels: String, into text: inout String) {
        let distribution = series.distribution
        let prefix = labels.isEmpty ? "{" : labels.dropLast() + ","
        var total = 0
        for (position, count) in distribution.counts.enumerated() {
            total += count
            let bound = position < series.bounds.count ? number(series.bounds[position]) : "+Inf"
            text += "\(name)_bucket\(prefix)le=\"\(bound)\"} \(total)\n"
        }
        text += "\(name)_sum\(labels) \(number(distribution.sum))\n"
        text += "\(name)_count\(labels) \(total)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return "\(value)"
    }

    private static func name(_ label: String, suffix: String = "") -> String {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
        let start = name.first?.isNumber == true ? "_" : ""
        return start + (name.hasSuffix(suffix) ? name : name + suffix)
    }

    private static func labels(_ dimensions: [(String, String)]) -> String {
        guard !dimensions.isEmpty else { return "" }
        let pairs = dimensions.sorted { $0.0 < $1.0 }
            .map { "\(name($0.0).replacing(":", with: "_"))=\"\(escape($0.1, quotes: true))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? escaped.replacing("\"", with: "\\\"") : escaped
    }
}
