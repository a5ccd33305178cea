import CloudCore
import CloudStore
import CloudWorkflow

/// Writes the log of usage audits: one row for each host and completed period, with the servers that were there. Upstream's hosts do
/// that themselves (`_instance_usage_audit`), and send what they count to whoever bills; here the rows are the audit.
struct UsageAuditor: Reconciler {
    let name = "compute.usage-audit"
    let interval = Duration.seconds(60)
    let compute: Compute.Parts

    /// How many hosts one transaction takes.
    private static let batch = 1000
    /// How many periods the log goes back.
    private static let kept = 400

    func reconcile() async throws {
        guard compute.options.auditsUsage else { return }
        let period = AuditPeriod(compute.options.auditSchedule, before: .now)
        while try await audit(period) {}
    }

    /// Audits hosts that have not been.
    /// - Returns: whether there may be more.
    private func audit(_ period: AuditPeriod) async throws -> Bool {
        let missing = try await compute.database.read { reader in
            let audited = Set(try UsageAuditRecords.all(period, in: reader).map(\.host))
            return try HostRecords.all(in: reader).map(\.name).filter { !audited.contains($0) }
        }
        guard !missing.isEmpty else { return false }
        try await compute.database.write { transaction in
            let counts = try UsageAuditRecords.instances(period, in: transaction)
            for host in missing.prefix(Self.batch) {
                let count = counts[host] ?? 0
                let audit = UsageAudit(host: host, instances: count, errors: 0, message: "\(count) servers were on \(host) in the period.")
                try UsageAuditRecords.insert(audit, period, in: transaction)
            }
            let length = period.end - period.start
            try UsageAuditRecords.purge(endedBefore: period.end + (.zero - length * Self.kept), in: transaction)
        }
        return missing.count > Self.batch
    }
}
