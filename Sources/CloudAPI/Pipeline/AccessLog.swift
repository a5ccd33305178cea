import CloudCore
import CloudTelemetry
import HTTPTypes

/// One line a request.
public struct AccessLog: Sendable {
    private let format: LogFormat
    private let output: LineWriter

    /// An access log of a form, to a writer.
    public init(format: LogFormat = .text, output: LineWriter = .standardError) {
        (self.format, self.output) = (format, output)
    }

    func write(_ record: ExchangeRecord, service: String, bytes: Int, duration: Duration) {
        switch format {
        case .text: output(text(record, service, bytes, duration))
        case .json: output(json(record, service, bytes, duration))
        }
    }

    private func text(_ record: ExchangeRecord, _ service: String, _ bytes: Int, _ duration: Duration) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(384)
        func add(_ name: StaticString, _ value: String) {
            name.withUTF8Buffer { line.append(contentsOf: $0) }
            line.append(contentsOf: value.utf8)
        }
        Timestamp.now.append(to: &line, fraction: true)
        add("Z ACCESS ", record.clientAddress ?? "-")
        add(" \"", record.method.rawValue)
        add(" ", Self.visible(record.target))
        add("\" status=", String(record.status))
        add(" bytes=", String(bytes))
        add(" duration_ms=", Self.milliseconds(duration))
        add(" service=", service)
        add(" request_id=", record.requestID)
        if let id = record.globalRequestID { add(" global_request_id=", id) }
        add(" user_id=", record.userID ?? "-")
        add(" project_id=", record.projectID ?? "-")
        return line
    }

    private func json(_ record: ExchangeRecord, _ service: String, _ bytes: Int, _ duration: Duration) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("time", Timestamp.now.iso8601Microseconds)
            $0.member("level", "access")
            $0.member("client", record.clientAddress)
            $0.member("method", record.method.rawValue)
            $0.member("path", Self.visible(record.target))
            $0.member("status", record.status)
            $0.member("bytes", bytes)
            $0.member("duration_ms", Double(Self.milliseconds(duration)))
            $0.member("service", service)
            $0.member("request_id", record.requestID)
            $0.member("global_request_id", record.globalRequestID)
            $0.member("user_id", record.userID)
            $0.member("project_id", record.projectID)
        }
        return writer.bytes
    }

    /// Milliseconds with three decimals.
    private static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(microseconds % 1000 + 1000).dropFirst()
        return "\(microseconds / 1000).\(fraction)"
    }

    /// Query parameters that carry credentials: Swift's temporary URLs, AWS signatures, console tokens.
    private static let secretNames: Set<String> = [
        "token", "auth_token", "password", "secret", "signature", "temp_url_sig", "awsaccesskeyid",
        "x-amz-signature", "x-amz-credential", "x-amz-security-token",
    ]

    /// The target as it may stand in a log: without the values of parameters that carry credentials.
    static func visible(_ target: String) -> String {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return LogText.oneLine(target) }
        let items = target[target.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false)
        let shown = items.map { item in
            let name = item.prefix { $0 != "=" }
            let plain = PercentEncoding.decode(name.utf8, plusIsSpace: true) ?? String(name)
            return secretNames.contains(plain.lowercased()) ? "\(name)=***" : String(item)
        }
        return LogText.oneLine(target[...mark] + shown.joined(separator: "&"))
    }
}
