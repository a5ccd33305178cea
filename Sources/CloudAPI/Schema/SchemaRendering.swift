import CloudCore

extension Schema: JSONWritable {
    /// Writes the schema as JSON Schema, draft 2020-12.
    public func write(to json: inout JSONWriter) {
        json.object { writeMembers(to: &$0) }
    }

    private func writeMembers(to json: inout JSONWriter) {
        switch self {
        case .any: break
        case .null: json.member("type", "null")
        case .boolean(lenient: false): json.member("type", "boolean")
        case .boolean(lenient: true): json.member("type", ["boolean", "string", "integer"])
        case .integer(let range, let lenient):
            if lenient { json.member("type", ["integer", "string"]) } else { json.member("type", "integer") }
            Self.writeRange(range, to: &json)
        case .number(let range):
            json.member("type", "number")
            if let range {
                if range.lowerBound > -.greatestFiniteMagnitude { json.member("minimum", range.lowerBound) }
                if range.upperBound < .greatestFiniteMagnitude { json.member("maximum", range.upperBound) }
            }
        case .string(let length, let pattern, let format): Self.writeString(length, pattern, format, to: &json)
        case .oneOf(let values): json.member("enum", array: values)
        case .array(let element, let count, let unique): Self.writeArray(element, count, unique, to: &json)
        case .object(let members, let required, let additional):
            Self.writeObject(members, required, additional, to: &json)
        case .map(let names, let values, let minimum):
            json.member("type", "object")
            json.member("patternProperties") { $0.object { $0.member("^(?:\(names))$", values) } }
            if minimum > 0 { json.member("minProperties", minimum) }
            json.member("additionalProperties", false)
        case .anyOf(let schemas): json.member("anyOf", array: schemas)
        }
    }

    private static func writeRange(_ range: ClosedRange<Int>?, to json: inout JSONWriter) {
        guard let range else { return }
        if range.lowerBound > .min { json.member("minimum", range.lowerBound) }
        if range.upperBound < .max { json.member("maximum", range.upperBound) }
    }

    private static func writeString(
        _ length: ClosedRange<Int>?, _ pattern: String?, _ format: Format?, to json: inout JSONWriter
    ) {
        json.member("type", "string")
        if let length {
            if length.lowerBound > 0 { json.member("minLength", length.lowerBound) }
            if length.upperBound < .max { json.member("maxLength", length.upperBound) }
        }
        // The dialect that documents' patterns are in (ECMA-262) and most of its readers lack Unicode's categories in this form.
        if let pattern, !pattern.contains("\\p{") { json.member("pattern", "^(?:\(pattern))$") }
        if let format { json.member("format", format.rawValue) }
    }

    private static func writeArray(
        _ element: Schema, _ count: ClosedRange<Int>?, _ unique: Bool, to json: inout JSONWriter
    ) {
        json.member("type", "array")
        json.member("items", element)
        if let count {
            if count.lowerBound > 0 { json.member("minItems", count.lowerBound) }
            if count.upperBound < .max { json.member("maxItems", count.upperBound) }
        }
        if unique { json.member("uniqueItems", true) }
    }

    private static func writeObject(
        _ members: [(name: String, schema: Schema)], _ required: [String], _ additional: Schema?,
        to json: inout JSONWriter
    ) {
        json.member("type", "object")
        json.member("properties") { json in
            json.object { for member in members { $0.member(member.name, member.schema) } }
        }
        if !required.isEmpty { json.member("required", required) }
        switch additional {
        case nil: json.member("additionalProperties", false)
        case .any?: break
        case let schema?: json.member("additionalProperties", schema)
        }
    }
}

extension Schema {
    /// Every pattern in this schema, so that a server can refuse to start with one that does not compile.
    var patterns: [String] {
        switch self {
        case .any, .null, .boolean, .integer, .number, .oneOf: []
        case .string(_, let pattern, _): pattern.map { [$0] } ?? []
        case .array(let element, _, _): element.patterns
        case .object(let members, _, let additional):
            members.flatMap(\.schema.patterns) + (additional?.patterns ?? [])
        case .map(let names, let values, _): [names] + values.patterns
        case .anyOf(let schemas): schemas.flatMap(\.patterns)
        }
    }
}

extension RequestBody {
    /// The schemas a body may have to meet, in whatever version.
    var schemas: [Schema] {
        switch self {
        case .none, .stream: []
        case .json(let schema), .document(_, let schema): [schema]
        case .versioned(let schemas): schemas.map(\.schema)
        }
    }
}
