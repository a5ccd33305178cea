import CloudCore
import CloudStore

/// One host's audit of a period.
struct UsageAudit: Sendable, Hashable {
    let host: String
    /// How many servers were there in the period.
    let instances: Int
    let errors: Int
    let message: String
}

/// The log of usage audits (upstream's task_log). An audit is written when it is done.
enum UsageAuditRecords {
    static func all(_ period: AuditPeriod, in reader: any Reader) throws -> [UsageAudit] {
        try reader.all(
            """
            SELECT host, instances, errors, message FROM compute_usage_audits
            WHERE began_at = \(period.start) AND ended_at = \(period.end) ORDER BY host
            """
        ) { UsageAudit(host: try $0[0], instances: try $0[1], errors: try $0[2], message: try $0[3]) }
    }

    /// Writes an audit, unless the host has one of the period.
    static func insert(_ audit: UsageAudit, _ period: AuditPeriod, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_usage_audits (host, began_at, ended_at, instances, errors, message)
            VALUES (\(audit.host), \(period.start), \(period.end), \(audit.instances), \(audit.errors), \(audit.message))
            ON CONFLICT (host, began_at, ended_at) DO NOTHING
            """)
    }

    static func purge(endedBefore moment: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_usage_audits WHERE ended_at < \(moment)")
    }

    /// How many servers were on hosts in a period, by host.
    static func instances(_ period: AuditPeriod, in reader: any Reader) throws -> [String: Int] {
        let counts: [(String, Int)] = try reader.all(
            """
            SELECT host, COUNT(*) FROM compute_servers
            WHERE host IS NOT NULL AND launched_at < \(period.end) AND (deleted_at IS NULL OR deleted_at > \(period.start))
            GROUP BY host
            """
        ) { (try $0[0], try $0[1]) }
        return Dictionary(counts) { $1 }
    }
}
