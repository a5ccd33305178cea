import CloudCore

extension SchemaViolation {
    /// The violation as the `message` of Python's jsonschema words it: with the value, without the place. Services whose
    /// clients know those sentences use it.
    public var message: String { value.map { "\(PythonLiteral.text($0)) \(reason)" } ?? reason }

    /// The violation as Python's jsonschema reports it: the message, the keyword, and the place in the body.
    public var report: String {
        let place = path.map { Int($0).map { "[\($0)]" } ?? "['\($0)']" }.joined()
        let rule = path.map { Int($0) == nil ? "['properties']['\($0)']" : "['items']" }.joined()
        return "\(message)\n\nFailed validating '\(keyword)' in schema\(rule)\n\nOn instance\(place)"
    }
}

/// JSON as Python writes it.
enum PythonLiteral {
    /// A longer value says no more than its beginning.
    private static let limit = 1_000

    static func text(_ json: JSON) -> String {
        let text = literal(json)
        return text.count > limit ? text.prefix(limit) + "…" : text
    }

    private static func literal(_ json: JSON) -> String {
        switch json {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .string(let text): text.contains("'") && !text.contains("\"") ? "\"\(text)\"" : "'\(text.replacing("'", with: "\\'"))'"
        case .array(let elements): "[" + elements.map(literal).joined(separator: ", ") + "]"
        case .object(let object): "{" + object.members.map { "'\($0.name)': \(literal($0.value))" }.joined(separator: ", ") + "}"
        case .int, .double: json.text
        }
    }
}
