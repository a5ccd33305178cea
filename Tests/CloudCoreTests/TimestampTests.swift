import CloudCore
import Foundation
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00", "000000"), (1_769_860_800_000_000, "2026-01-31T12:00:00", "000000"),
        (1_769_860_800_000_001, "2026-01-31T12:00:00", "000001"), (1_769_860_799_999_999, "2026-01-31T11:59:59", "999999"),
        (-1, "1969-12-31T23:59:59", "999999"), (951_782_400_000_000, "2000-02-29T00:00:00", "000000"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59", "999999"), (-62_135_596_800_000_000, "0001-01-01T00:00:00", "000000"),
    ])
    func `each service's form is written and read back`(microseconds: Int, text: String, fraction: String) {
        let moment = Timestamp(microseconds: microseconds)
        #expect(moment.iso8601 == text + "Z")
        #expect(moment.iso8601Microseconds == "\(text).\(fraction)Z")
        #expect(moment.iso8601Naive == "\(text).\(fraction)")
        #expect(Timestamp(iso8601: moment.iso8601) == Timestamp(seconds: moment.seconds))
        #expect(Timestamp(iso8601: moment.iso8601Microseconds) == moment)
        #expect(Timestamp(iso8601: moment.iso8601Naive) == moment)
    }

    @Test(arguments: [
        ("2026-01-31", "2026-01-31T00:00:00.000000Z"), ("2026-01-31 12:30:01", "2026-01-31T12:30:01.000000Z"),
        ("2026-01-31T12:30", "2026-01-31T12:30:00.000000Z"), ("2026-01-31T12:30:01.5Z", "2026-01-31T12:30:01.500000Z"),
        ("2026-01-31T12:30:01.123456789Z", "2026-01-31T12:30:01.123456Z"),
        ("2026-01-31T12:30:01+02:00", "2026-01-31T10:30:01.000000Z"), ("2026-01-31T12:30:01-0530", "2026-01-31T18:00:01.000000Z"),
        ("2026-01-31T00:30:00+01:00", "2026-01-30T23:30:00.000000Z"), ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
    ])
    func `clients' forms are read`(text: String, moment: String) {
        #expect(Timestamp(iso8601: text)?.iso8601Microseconds == moment)
    }

    @Test(arguments: [
        "", "now", "2026", "2026-01", "2026-1-31", "26-01-31", "2026-00-31", "2026-13-01", "2026-02-30", "2025-02-29", "2026-04-31",
        "2026-01-00", "2026-01-32", "2026-01-31T", "2026-01-31T12", "2026-01-31T24:00:00", "2026-01-31T12:60:00", "2026-01-31T12:00:61",
        "2026-01-31T12:00:00.", "2026-01-31T12:00:00.1234567890", "2026-01-31T12:00:00+25:00", "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00+1", "2026-01-31T12:00:00 Z", " 2026-01-31", "2026-01-31\n", "٢٠٢٦-٠١-٣١", "２０２６-01-31", "-2026-01-31",
    ])
    func `anything else is refused`(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test func `moments and distances add up`() {
        let moment = Timestamp(seconds: 100)
        #expect(moment + .milliseconds(1_500) == Timestamp(microseconds: 101_500_000))
        #expect(moment + .milliseconds(-1_500) == Timestamp(microseconds: 98_500_000))
        #expect(moment + .nanoseconds(999) == moment)
        #expect(Timestamp(seconds: 103) - moment == .seconds(3) && moment - Timestamp(seconds: 103) == .seconds(-3))
        #expect(moment < Timestamp(microseconds: 100_000_001) && moment.seconds == 100 && Timestamp(microseconds: -1).seconds == -1)
    }

    @Test func `no distance crashes`() {
        let (first, last) = (Timestamp(microseconds: .min), Timestamp(microseconds: .max))
        #expect(Timestamp.now + .seconds(Int64.max) == last && Timestamp.now + .seconds(Int64.min) < Timestamp(seconds: -1))
        #expect(last + .microseconds(1) == last && first + .microseconds(-1) == first)
        #expect(Timestamp(seconds: .max) == last && Timestamp(seconds: .min) == first)
        #expect(last - first > .seconds(1) && first - last < .zero)
        #expect(last.seconds == Int.max / 1_000_000)
    }

    @Test func `now is now`() {
        let (before, now, after) = (Date().timeIntervalSince1970, Timestamp.now, Date().timeIntervalSince1970)
        let seconds = Double(now.microseconds) / 1_000_000
        #expect(seconds >= before - 0.001 && seconds <= after + 0.001)
    }

    @Test func `a moment survives coding`() throws {
        let moment = Timestamp(microseconds: 1_769_860_800_000_001)
        #expect(try JSONDecoder().decode(Timestamp.self, from: JSONEncoder().encode(moment)) == moment)
    }
}
