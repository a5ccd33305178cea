import CloudSettings
import Compute

/// The settings of the log of usage audits, with upstream's names.
enum AuditSettingKeys {
    static let isOn = SettingKey(
        "compute.instance_usage_audit", default: false,
        "Whether it is noted for each host and period how many servers were there (os-instance_usage_audit_log).")
    static let period = SettingKey(
        "compute.instance_usage_audit_period", default: "month",
        "How long such a period is: hour, day, month or year, and with @ where it begins, as in day@18, which is at 18:00 UTC."
    ) { AuditSchedule($0) == nil ? "must be hour, day, month or year, with @ and where it begins if need be" : nil }

    static let all: [any SettingDeclaration] = [isOn, period]

    static func apply(_ settings: Settings, to options: inout ComputeOptions) {
        options.auditsUsage = settings[isOn]
        options.auditSchedule = AuditSchedule(settings[period]) ?? .monthly
    }
}
