import CloudCore
import CoreMetrics
import Logging

/// The process's logging and metrics, set up once by the composition root.
public enum Telemetry {
    /// Sends swift-log to a writer and swift-metrics to a registry. Must be called once, before the first logger or
    /// metric is made.
    /// - Parameters:
    ///   - level: lines below it are dropped.
    ///   - format: the form of the lines.
    ///   - output: where they go.
    ///   - metrics: where counts go, and what `/metrics` shows.
    public static func bootstrap(
        level: Logger.Level = .info, format: LogFormat = .text, output: LineWriter = .standardError,
        metrics: PrometheusRegistry
    ) {
        LoggingSystem.bootstrap { CloudLogHandler(label: $0, level: level, format: format, output: output) }
        MetricsSystem.bootstrap(metrics)
        ProcessMetrics.register(in: metrics)
    }
}

extension Logger.MetadataValue {
    /// A secret as metadata: always `***`. It exists so that a secret's place in a line can be kept without its value.
    public static func secret<Value>(_ secret: Secret<Value>) -> Logger.MetadataValue { .string(secret.description) }
}
