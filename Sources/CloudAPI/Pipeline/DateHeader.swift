import CloudCore
import Foundation
import Synchronization

/// The `Date` header, written once a second.
enum DateHeader {
    private static let cache = Mutex((seconds: 0, text: ""))

    /// The present moment in the form of RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
    static var now: String {
        let seconds = Timestamp.now.seconds
        return cache.withLock { cache in
            if cache.seconds != seconds { cache = (seconds, text(seconds)) }
            return cache.text
        }
    }

    static func text(_ moment: Int) -> String {
        var (moment, parts) = (time_t(moment), tm())
        gmtime_r(&moment, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(days[Int(parts.tm_wday)]), \(padded(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)) GMT"
    }
}
