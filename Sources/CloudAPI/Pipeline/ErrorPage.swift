/// An error for those who read no JSON, in the form that `Accept` prefers (RFC 9110, section 12.5.1), as WebOb has it.
struct ErrorPage {
    let mediaType: String
    let body: [UInt8]

    /// - Returns: nil where JSON will do.
    init?(_ fault: Fault, accept: String?) {
        guard let accept, !accept.isEmpty, accept != "*/*" else { return nil }
        let (html, json) = (Self.quality(of: "text/html", in: accept), Self.quality(of: "application/json", in: accept))
        guard html > 0 || json == 0, html >= json else { return nil }
        let title = "\(fault.status.code) \(fault.status.reasonPhrase)"
        if html > 0 {
            mediaType = "text/html; charset=UTF-8"
            let message = Self.escaped(fault.message)
            body = Array("<html><head><title>\(title)</title></head><body><h1>\(title)</h1><p>\(message)</p></body></html>\n".utf8)
        } else {
            mediaType = "text/plain; charset=UTF-8"
            body = Array("\(title)\n\n\(fault.message)\n".utf8)
        }
    }

    /// How much a media type is wanted: the weight of the range that names it most closely; 0 for not at all.
    private static func quality(of type: String, in accept: String) -> Double {
        let ranges = ["*/*", type.prefix { $0 != "/" } + "/*", type]
        var (best, quality) = (-1, 0.0)
        for item in accept.lowercased().split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            guard let range = parts.first, let place = ranges.firstIndex(of: range), place > best else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }
            (best, quality) = (place, weight.map { Double($0.dropFirst(2)) ?? 0 } ?? 1)
        }
        return quality
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
