/// The texts of local parts: templates with `{0}`, and lists written as text. Upstream uses Python's `str.format` and
/// the literals of Python's lists for them, so rules written for it rely on those forms.
enum MappingTemplate {
    /// A template with its marks replaced by matches. A match of one value stands as that value, any other as a list.
    /// - Throws: `MappingError` for a mark that names no match or is not a number.
    static func expand(_ template: String, _ matches: [[String]]) throws(MappingError) -> String {
        var (result, rest, automatic) = ("", Substring(template), 0)
        while let mark = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            result += rest[..<mark]
            let tail = rest[rest.index(after: mark)...]
            if tail.first == rest[mark] {
                result.append(rest[mark])
                rest = tail.dropFirst()
                continue
            }
            guard rest[mark] == "{", let end = tail.firstIndex(of: "}") else {
                throw .invalid("The template \"\(template)\" has a brace without its other half.")
            }
            let name = tail[..<end]
            guard let position = name.isEmpty ? automatic : Int(name) else {
                throw .invalid("The template \"\(template)\" has {\(name)} where a number is expected.")
            }
            automatic += name.isEmpty ? 1 : 0
            guard matches.indices.contains(position) else { throw .missingMatch(template) }
            result += matches[position].count == 1 ? matches[position][0] : list(matches[position])
            rest = tail[tail.index(after: end)...]
        }
        return result + rest
    }

    /// Texts as Python writes a list of them.
    static func list(_ values: [String]) -> String {
        "[" + values.map(quoted).joined(separator: ", ") + "]"
    }

    private static func quoted(_ value: String) -> String {
        let mark = value.contains("'") && !value.contains("\"") ? "\"" : "'"
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default: text += String(character) == mark ? "\\" + mark : String(character)
            }
        }
        return mark + text + mark
    }

    /// The elements of a list written as text; a text that is no such list is the one element.
    static func elements(_ text: String) -> [String] {
        var reader = ListReader(rest: text.trimmed[...])
        return reader.list() ?? [text]
    }
}

/// Reads `['a', "b", 7]`.
private struct ListReader {
    var rest: Substring

    mutating func list() -> [String]? {
        guard take("[") else { return nil }
        var elements: [String] = []
        skipSpace()
        while !take("]") {
            guard let element = element() else { return nil }
            elements.append(element)
            skipSpace()
            guard take(",") || rest.first == "]" else { return nil }
            skipSpace()
        }
        return rest.isEmpty ? elements : nil
    }

    private mutating func element() -> String? {
        if take("'") { return quoted(until: "'") }
        if take("\"") { return quoted(until: "\"") }
        let word = rest.prefix { $0.isNumber || $0 == "-" || $0 == "." }
        rest = rest.dropFirst(word.count)
        return Double(word) == nil ? nil : String(word)
    }

    private mutating func quoted(until mark: Character) -> String? {
        var text = ""
        while let character = rest.popFirst() {
            if character == mark { return text }
            guard character == "\\" else {
                text.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            switch escaped {
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "t": text.append("\t")
            default: text.append(escaped)
            }
        }
        return nil
    }

    private mutating func take(_ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipSpace() { rest = rest.drop(while: \.isWhitespace) }
}
