import CloudAPI

/// One range of an image's bytes, as Glance takes it: `Range` (RFC 9110 section 14.1.2), or, from old clients, a
/// `Content-Range` in the request.
enum ByteRange {
    /// The bytes asked for; nil for all of them.
    /// - Throws: 400 for several ranges, 416 for a header that is none or holds no byte of the image.
    static func requested(by headers: HTTPFields, size: Int) throws -> Range<Int>? {
        if let header = headers[.range] { return try parse(header, size: size) }
        if let header = headers[.contentRange] { return try parse(contentRange: header, size: size) }
        return nil
    }

    private static func parse(_ header: String, size: Int) throws -> Range<Int> {
        guard !header.contains(",") else {
            throw ImageError.badRequest("Several ranges in one request are not supported; ask for them one by one.")
        }
        guard let match = header.wholeMatch(of: /\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*/)?.output else { throw unsatisfiable(size) }
        let range: Range<Int>? = switch (Int(match.1), Int(match.2)) {
        case (let first?, let last?): first <= last && first < size ? first..<(min(last, size - 1) + 1) : nil
        case (let first?, nil): match.2.isEmpty && first < size ? first..<size : nil
        case (nil, let suffix?): match.1.isEmpty && suffix > 0 && size > 0 ? max(0, size - suffix)..<size : nil
        case (nil, nil): nil
        }
        guard let range else { throw unsatisfiable(size) }
        return range
    }

    private static func parse(contentRange header: String, size: Int) throws -> Range<Int> {
        guard let match = header.wholeMatch(of: /\s*bytes\s+(\d+)-(\d+)\/(?:\d+|\*)\s*/)?.output,
            let first = Int(match.1), let last = Int(match.2), first <= last, last < size
        else { throw unsatisfiable(size) }
        return first..<last + 1
    }

    private static func unsatisfiable(_ size: Int) -> Fault {
        Fault(
            .rangeNotSatisfiable, "The requested range is malformed or holds no byte of the image.",
            headers: [.contentRange: "bytes */\(size)"])
    }
}

extension HTTPField.Name {
    /// Glance sends the MD5 in hexadecimal under this name.
    static let contentMD5 = HTTPField.Name("Content-MD5") ?? .contentLocation
}
