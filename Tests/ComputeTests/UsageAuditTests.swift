import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Compute

/// The log of usage audits.
struct UsageAuditTests {
    @Test(arguments: [
        ("hour", "2026-03-10T11:00:00Z", "2026-03-10 09:00:00", "2026-03-10 10:00:00"),
        ("hour@30", "2026-03-10T11:45:00Z", "2026-03-10 10:30:00", "2026-03-10 11:30:00"),
        ("day", "2026-03-01T00:00:01Z", "2026-02-28 00:00:00", "2026-03-01 00:00:00"),
        ("day@18", "2026-03-10T11:00:00Z", "2026-03-08 18:00:00", "2026-03-09 18:00:00"),
        ("month", "2024-03-01T00:00:01Z", "2024-02-01 00:00:00", "2024-03-01 00:00:00"),
        ("month", "2026-02-01T00:00:00Z", "2025-12-01 00:00:00", "2026-01-01 00:00:00"),
        ("month@15", "2026-03-10T11:00:00Z", "2026-01-15 00:00:00", "2026-02-15 00:00:00"),
        ("year", "2026-03-10T11:00:00Z", "2025-01-01 00:00:00", "2026-01-01 00:00:00"),
        ("year@4", "2026-03-10T11:00:00Z", "2024-04-01 00:00:00", "2025-04-01 00:00:00"),
    ]) func periodsAreThoseThatAreOver(schedule: String, moment: String, start: String, end: String) throws {
        let period = AuditPeriod(try #require(AuditSchedule(schedule)), before: try #require(Timestamp(iso8601: moment)))
        #expect((period.startText, period.endText) == (start, end))
    }

    @Test(arguments: ["", "week", "day@", "day@24", "month@31", "year@13", "hour@-1", "day@x"]) func otherPeriodsAreRefused(text: String) {
        #expect(AuditSchedule(text) == nil)
    }

    private func log(_ site: Site) async -> JSON {
        await site.send(.get, "/os-instance_usage_audit_log", token: Site.admin).json["instance_usage_audit_logs"] ?? .null
    }

    @Test func eachHostIsAuditedOnceAPeriod() async throws {
        try await Site.with({ ($0.auditsUsage, $0.auditSchedule) = (true, AuditSchedule("hour") ?? .monthly) }) { site in
            let id = try await site.build()
            // A server that was there two hours ago was there in the last period.
            let before = Timestamp.now + .seconds(-7200)
            try await site.database.write { transaction in
                try transaction.execute("UPDATE compute_servers SET launched_at = \(before) WHERE id = \(id)")
            }
            #expect(await log(site)["overall_status"] == "0 of 2 hosts done. 0 errors.")
            for _ in 1...2 { try await UsageAuditor(compute: site.compute.parts).reconcile() }
            let found = await log(site)
            #expect(found["overall_status"] == "ALL hosts done. 0 errors.")
            #expect(found["num_hosts_done"] == 2)
            #expect(found["hosts_not_run"] == [])
            #expect(found["total_instances"] == 1)
            #expect(found["log"]?["host-1"]?["state"] == "DONE")
            #expect(found["log"]?["host-1"]?["instances"] == 1)
            #expect(found["log"]?["host-2"]?["instances"] == 0)
            #expect(try await site.count("compute_usage_audits") == 2)
        }
    }

    @Test func nothingIsAuditedUnlessItIsTurnedOn() async throws {
        try await Site.with { site in
            try await UsageAuditor(compute: site.compute.parts).reconcile()
            #expect(try await site.count("compute_usage_audits") == 0)
        }
    }

    @Test func oldAuditsAreForgotten() async throws {
        try await Site.with({ $0.auditsUsage = true }) { site in
            let old = AuditPeriod(before: Timestamp.now + .seconds(-40 * 366 * 86_400))
            try await site.database.write { transaction in
                let audit = UsageAudit(host: "gone", instances: 1, errors: 0, message: "")
                try UsageAuditRecords.insert(audit, old, in: transaction)
            }
            try await UsageAuditor(compute: site.compute.parts).reconcile()
            #expect(try await site.count("compute_usage_audits") == 2)
        }
    }
}
