import CloudCore

/// How long the periods are over which usage is audited, and where they begin (upstream's instance_usage_audit_period).
public struct AuditSchedule: Sendable, Hashable {
    /// The lengths of periods.
    public enum Unit: String, Sendable {
        /// From a minute of an hour on, an hour of a day, a day of a month, or the first day of a month of a year.
        case hour, day, month, year

        /// Where periods may begin. The last days of months are not in every month.
        fileprivate var offsets: ClosedRange<Int> {
            switch self {
            case .hour: 0...59
            case .day: 0...23
            case .month: 1...28
            case .year: 1...12
            }
        }
    }

    /// The length.
    public let unit: Unit
    /// Where a period begins within the next larger one.
    public let offset: Int

    /// Calendar months, upstream's default.
    public static let monthly = AuditSchedule(.month, offset: 1)

    private init(_ unit: Unit, offset: Int) { (self.unit, self.offset) = (unit, offset) }

    /// A schedule as `day`, or `day@18` for days that begin at 18:00 UTC; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let unit = parts.first.flatMap(Unit.init), parts.count == 1 || Int(parts[1]) != nil else { return nil }
        let offset = parts.count == 1 ? 0 : Int(parts[1]) ?? 0
        let first = unit.offsets.lowerBound
        guard offset == 0 || unit.offsets.contains(offset) else { return nil }
        self.init(unit, offset: offset == 0 ? first : offset)
    }
}

/// The period, in UTC, that was last completed before a moment.
struct AuditPeriod: Sendable, Hashable {
    /// Its first moment, and that of the one after it.
    let start: Timestamp
    let end: Timestamp

    /// As the API writes them: `2026-01-01 00:00:00`.
    var startText: String { Self.text(start) }
    var endText: String { Self.text(end) }

    init(_ schedule: AuditSchedule = .monthly, before moment: Timestamp) {
        switch schedule.unit {
        case .hour: self.init(seconds: 3600, from: schedule.offset * 60, before: moment)
        case .day: self.init(seconds: 86_400, from: schedule.offset * 3600, before: moment)
        case .month, .year: self.init(months: schedule, before: moment)
        }
    }

    /// A period that has not ended yet has not completed: one whose end is the moment itself is the next one.
    private init(seconds length: Int, from offset: Int, before moment: Timestamp) {
        let last = (moment.microseconds - 1 - offset * 1_000_000) / 1_000_000 / length * length + offset
        (start, end) = (Timestamp(seconds: last - length), Timestamp(seconds: last))
    }

    private init(months schedule: AuditSchedule, before moment: Timestamp) {
        let parts = moment.iso8601.split(separator: "-")
        let (year, month) = (Int(parts[0]) ?? 0, Int(parts[1]) ?? 1)
        let isYear = schedule.unit == .year
        let (step, day) = isYear ? (12, 1) : (1, schedule.offset)
        var last = year * 12 + (isYear ? schedule.offset : month) - 1
        if Self.day(day, ofMonth: last) >= moment { last -= step }
        (start, end) = (Self.day(day, ofMonth: last - step), Self.day(day, ofMonth: last))
    }

    /// The beginning of a day of a month, which is counted from January of the year 0. Years begin with March here, so that the leap
    /// day is their last; see `Timestamp`.
    private static func day(_ day: Int, ofMonth months: Int) -> Timestamp {
        let fromMarch = months - 2
        let (year, month) = (fromMarch / 12, fromMarch % 12)
        let dayOfYear = (153 * month + 2) / 5 + day - 1
        let days = year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
        return Timestamp(seconds: days * 86_400)
    }

    private static func text(_ moment: Timestamp) -> String { moment.iso8601.dropLast().split(separator: "T").joined(separator: " ") }
}
