import CloudCore
import Logging

/// The forms a log line can have.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Time, level, logger, message, `name=value` pairs: for people.
    case text
    /// One JSON object a line: for collectors.
    case json
}

/// Writes log lines. Every line names the request that the task works for (`RequestContext.requestID`).
public struct CloudLogHandler: LogHandler {
    /// Lines below this level are dropped.
    public var logLevel: Logger.Level
    /// What every line of this logger says.
    public var metadata: Logger.Metadata = [:]
    /// Adds metadata at each line.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let output: LineWriter

    /// A handler.
    public init(label: String, level: Logger.Level = .info, format: LogFormat = .text, output: LineWriter = .standardError) {
        (self.label, logLevel, self.format, self.output) = (label, level, format, output)
    }

    /// One of the values that every line of this logger carries.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        if let id = RequestContext.requestID, all["request_id"] == nil { all["request_id"] = "\(id)" }
        if let id = RequestContext.globalRequestID, all["global_request_id"] == nil { all["global_request_id"] = "\(id)" }
        let line =
            switch format {
            case .text: text(event, all)
            case .json: json(event, all)
            }
        output(line)
    }

    private func text(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
        let level = event.level.rawValue.uppercased()
        var line = "\(Timestamp.now.iso8601Microseconds) \(level) \(label): \(LogText.oneLine("\(event.message)"))"
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += " \(name)=\(LogText.value("\(value)"))"
        }
        return line
    }

    private func json(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.member("time", Timestamp.now.iso8601Microseconds)
            $0.member("level", event.level.rawValue)
            $0.member("logger", label)
            $0.member("message", "\(event.message)")
            for (name, value) in metadata.sorted(by: { $0.key < $1.key }) { $0.member(name, "\(value)") }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Text as it may stand in a line: a client's newline must not forge a line of its own.
public enum LogText {
    /// The text with control characters escaped.
    public static func oneLine(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return text }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.map { isControl($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
    }

    /// The text as a pair's value, in quotes when it holds spaces, quotes or an equals sign.
    public static func value(_ text: String) -> String {
        let line = oneLine(text)
        guard line.isEmpty || line.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else { return line }
        return "\"\(line.replacing("\"", with: "\\\""))\""
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar == "\u{2028}" || scalar == "\u{2029}"
    }
}
