/// A request's path, taken apart once: its segments without empty ones, so that doubled and trailing slashes do not
/// matter, each percent-decoded after the split, so that an escaped slash stays inside its segment.
struct RequestPath {
    /// The path as sent, without the query.
    let raw: Substring
    /// The segments.
    private(set) var segments: [String]
    /// The text after the question mark.
    let query: Substring?

    /// Takes a request target apart; nil when its escapes do not make UTF-8.
    init?(target: String) {
        if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
            raw = target[..<mark]
            query = target[target.utf8.index(after: mark)...]
        } else {
            raw = target[...]
            query = nil
        }
        var segments: [String] = []
        for part in raw.utf8.split(separator: UInt8(ascii: "/")) {
            guard let segment = PercentEncoding.decode(part) else { return nil }
            segments.append(segment)
        }
        self.segments = segments
    }

    /// The path with an empty segment where it ends with a slash; nil where it doesn't.
    var withEmptyEnd: RequestPath? {
        guard raw.utf8.last == UInt8(ascii: "/") else { return nil }
        var path = self
        path.segments.append("")
        return path
    }

    /// What follows the first so many segments, with all its slashes; nil when its escapes do not make UTF-8.
    func rest(from position: Int) -> String? {
        var remaining = raw.utf8[...]
        for _ in 0..<position {
            remaining = remaining.drop { $0 == UInt8(ascii: "/") }
            remaining = remaining.drop { $0 != UInt8(ascii: "/") }
        }
        if remaining.first == UInt8(ascii: "/") { remaining = remaining.dropFirst() }
        return PercentEncoding.decode(remaining)
    }
}
