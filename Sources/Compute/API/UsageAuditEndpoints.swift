import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The log of usage audits on hosts (os-instance_usage_audit_log), which `UsageAuditor` writes where the operator turns it on.
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
        let period = AuditPeriod(compute.options.auditSchedule, before: moment)
        let (hosts, audits) = try await compute.database.read { reader in
            (try HostRecords.all(in: reader).map(\.name), try UsageAuditRecords.all(period, in: reader))
        }
        let audited = Set(audits.map(\.host))
        let missing = hosts.filter { !audited.contains($0) }
        let errors = audits.reduce(0) { $0 + $1.errors }
        // Hosts that are gone since have their audits still: upstream counts them, too.
        let extent = audits.count == hosts.count ? "ALL" : "\(audits.count) of \(hosts.count)"
        return .json {
            $0.object {
                $0.member(name) {
                    $0.object {
                        $0.member("period_beginning", period.startText)
                        $0.member("period_ending", period.endText)
                        $0.member("num_hosts", hosts.count)
                        $0.member("num_hosts_done", audits.count)
                        $0.member("num_hosts_running", 0)
                        $0.member("num_hosts_not_run", missing.count)
                        $0.member("hosts_not_run", missing)
                        $0.member("total_instances", audits.reduce(0) { $0 + $1.instances })
                        $0.member("total_errors", errors)
                        $0.member("overall_status", "\(extent) hosts done. \(errors) errors.")
                        $0.member("log") { $0.object { for audit in audits { audit.write(to: &$0) } } }
                    }
                }
            }
        }
    }
}

extension UsageAudit {
    /// Writes the audit as a member under its host's name.
    fileprivate func write(to log: inout JSONWriter) {
        log.member(host) {
            $0.object {
                $0.member("state", "DONE")
                $0.member("instances", instances)
                $0.member("errors", errors)
                $0.member("message", message)
            }
        }
    }
}
