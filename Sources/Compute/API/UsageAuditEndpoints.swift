import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The log of usage audits on hosts (os-instance_usage_audit_log). Upstream's hosts audit only where the operator turns it
/// on, and so that notifications of usage are sent; here usage is read from the rows whenever it is asked for. No host
/// runs audits, which is what the log says.
struct UsageAuditEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/os-instance_usage_audit_log", "Show the log of the last completed audits",
                access: .rule("os_compute_api:os-instance-usage-audit-log:list"), handler: list),
            Endpoint(
                .get, "/v2.1/os-instance_usage_audit_log/{before}", "Show the log of the audits completed before a moment",
                access: .rule("os_compute_api:os-instance-usage-audit-log:show"), handler: show),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return try await answer("instance_usage_audit_logs", before: .now)
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let text = request["before"]
        guard text.wholeMatch(of: /\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,6})?/) != nil,
            let moment = Timestamp(iso8601: text)
        else { throw ComputeError.badRequest("Invalid timestamp for date \(text)") }
        return try await answer("instance_usage_audit_log", before: moment)
    }

    private func answer(_ name: String, before moment: Timestamp) async throws -> APIResponse {
        let hosts = try await compute.database.read { try HostRecords.all(in: $0) }.map(\.name)
        let period = AuditPeriod(before: moment)
        return .json {
            $0.object {
                $0.member(name) {
                    $0.object {
                        $0.member("period_beginning", period.begin)
                        $0.member("period_ending", period.end)
                        $0.member("num_hosts", hosts.count)
                        $0.member("num_hosts_done", 0)
                        $0.member("num_hosts_running", 0)
                        $0.member("num_hosts_not_run", hosts.count)
                        $0.member("hosts_not_run", hosts)
                        $0.member("total_instances", 0)
                        $0.member("total_errors", 0)
                        $0.member("overall_status", "\(hosts.isEmpty ? "ALL" : "0 of \(hosts.count)") hosts done. 0 errors.")
                        $0.member("log") { $0.object { _ in } }
                    }
                }
            }
        }
    }
}

/// The calendar month, in UTC, that was last completed before a moment: upstream's default period of audits.
struct AuditPeriod: Sendable, Hashable {
    /// The first moments of the month and of the one after it, as `2026-01-01 00:00:00`.
    let begin: String
    let end: String

    init(before moment: Timestamp) {
        let parts = moment.iso8601.split(separator: "-")
        let (year, month) = (Int(parts[0]) ?? 0, Int(parts[1]) ?? 1)
        // The month whose first moment has not been reached has not completed the one before it.
        let isFirstMoment = moment.iso8601Naive == "\(parts[0])-\(parts[1])-01T00:00:00.000000"
        let months = year * 12 + month - 1 - (isFirstMoment ? 1 : 0)
        (begin, end) = (Self.start(ofMonth: months - 1), Self.start(ofMonth: months))
    }

    private static func start(ofMonth months: Int) -> String {
        let (year, month) = (months / 12, months % 12 + 1)
        let digits = String(year)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + "\(digits)-\(month < 10 ? "0" : "")\(month)-01 00:00:00"
    }
}
