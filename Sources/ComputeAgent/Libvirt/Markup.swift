/// An XML element. Names are written in the program; attributes and text may come from anywhere and are escaped.
struct Markup: Sendable {
    private enum Content: Sendable {
        case elements([Markup])
        case text(String)
    }

    private let name: StaticString
    private let attributes: [(name: StaticString, value: String)]
    private let content: Content

    /// An element with elements in it; nil ones are left out.
    init(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], _ children: [Markup?] = []) {
        self.name = name
        self.attributes = attributes.map { ($0.key, $0.value) }
        content = .elements(children.compactMap { $0 })
    }

    /// An element with elements in it; attributes and elements that are nil are left out.
    init(_ name: StaticString, optional attributes: KeyValuePairs<StaticString, String?>, _ children: [Markup?] = []) {
        self.name = name
        self.attributes = attributes.compactMap { pair in pair.value.map { (pair.key, $0) } }
        content = .elements(children.compactMap { $0 })
    }

    /// An element with text in it.
    init(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], text: String) {
        self.name = name
        self.attributes = attributes.map { ($0.key, $0.value) }
        content = .text(text)
    }

    /// The element as XML.
    var text: String {
        var output = ""
        write(to: &output)
        return output
    }

    private func write(to output: inout String) {
        output += "<\(name)"
        for attribute in attributes { output += " \(attribute.name)=\"\(Self.escape(attribute.value))\"" }
        switch content {
        case .elements(let children) where children.isEmpty: output += "/>"
        case .elements(let children):
            output += ">"
            for child in children { child.write(to: &output) }
            output += "</\(name)>"
        case .text(let text): output += ">\(Self.escape(text))</\(name)>"
        }
    }

    /// What XML 1.0 has no place for at all is replaced.
    private static func escape(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&apos;"
            case "\t", "\n", "\r": output += "&#\(scalar.value);"
            case "\u{0}"..."\u{1f}", "\u{fffe}", "\u{ffff}": output += "\u{fffd}"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// The value of an attribute in XML that another program wrote, unescaped; nil when it isn't there. Good enough
    /// for one element that this program made: no comments, no sections.
    static func attribute(_ name: String, in xml: String) -> String? {
        // Inside another attribute's value a quote would be escaped, so what is followed by one is an attribute.
        let ends = xml.ranges(of: " \(name)=").map(\.upperBound).filter { $0 < xml.endIndex }
        guard let start = ends.first(where: { xml[$0] == "\"" || xml[$0] == "'" }) else { return nil }
        let quote = xml[start]
        let rest = xml[xml.index(after: start)...]
        guard let end = rest.firstIndex(of: quote) else { return nil }
        return unescape(rest[..<end])
    }

    /// Text without XML's escapes.
    static func unescape(_ text: Substring) -> String {
        let names = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
        var output = ""
        var rest = text
        while let ampersand = rest.firstIndex(of: "&"), let end = rest[ampersand...].firstIndex(of: ";") {
            output += rest[..<ampersand]
            let entity = rest[rest.index(after: ampersand)..<end]
            let isHexadecimal = entity.hasPrefix("#x")
            let number = entity.hasPrefix("#") ? UInt32(entity.dropFirst(isHexadecimal ? 2 : 1), radix: isHexadecimal ? 16 : 10) : nil
            output += names[String(entity)] ?? number.flatMap(UnicodeScalar.init).map { String(Character($0)) } ?? ""
            rest = rest[rest.index(after: end)...]
        }
        return output + rest
    }
}
