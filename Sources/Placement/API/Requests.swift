import CloudAPI
import CloudCore
import Foundation

extension APIRequest {
    /// Whether the request's microversion is 1.`minor` or later.
    func isAtLeast(_ minor: Int) -> Bool { microversion >= Microversion(1, minor) }

    /// The headers that say how old an answer is, from microversion 1.15 on.
    /// - Parameter modified: when what it tells was last changed; nil for an answer that is true just now.
    func freshness(_ modified: Timestamp?) -> HTTPFields {
        guard isAtLeast(15) else { return [:] }
        return [.lastModified: (modified ?? .now).httpDate, .cacheControl: "no-cache"]
    }

    /// Turns away clients that say they take no JSON.
    func checkAcceptsJSON() throws {
        guard let accepted = head.headerFields[.accept], !accepted.isEmpty else { return }
        let takesJSON = accepted.split(separator: ",").contains { range in
            let parts = range.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
            guard let type = parts.first, ["application/json", "application/*", "*/*"].contains(type) else { return false }
            return !parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
        }
        guard takesJSON else { throw PlacementError.notAcceptable }
    }

    /// Turns away a query that a schema does not admit. Of a parameter that comes several times the last one counts.
    func checkQuery(_ schema: Schema) throws {
        var seen: Set<String> = []
        let last = query.items.reversed().filter { seen.insert($0.name).inserted }.reversed()
        do {
            try schema.validate(query: QueryItems(Array(last)))
        } catch {
            throw PlacementError.badRequest("Invalid query string parameters: \(error.report)")
        }
    }

    /// The value of a query parameter that is a UUID.
    func uuidQuery(_ name: String) throws -> String? {
        guard let value = query[name] else { return nil }
        guard let uuid = value.trimmingCharacters(in: .whitespaces).canonicalUUID else {
            throw PlacementError.badRequest("Invalid query string parameters: '\(value)' is not a 'uuid'")
        }
        return uuid
    }
}

extension String {
    /// The UUID that this text is, in lower case with hyphens; nil when it is none.
    var canonicalUUID: String? {
        guard Identifier.isUUID(self) else { return nil }
        let digits = filter { $0 != "-" }.lowercased()
        guard digits.utf8.count == 32 else { return nil }
        var uuid = ""
        for (position, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(position) { uuid.append("-") }
            uuid.append(digit)
        }
        return uuid
    }
}

extension Timestamp {
    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, IMF-fixdate).
    var httpDate: String {
        var (seconds, parts) = (seconds, tm())
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(padded(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return "\(days[Int(parts.tm_wday)]), \(date) \(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)) GMT"
    }
}

extension Sequence<Timestamp> {
    /// The latest; nil when there is none.
    var latest: Timestamp? { self.max() }
}
