import CloudCore

extension Schema {
    /// A small value that this schema admits: for tests that must get past validation, and for documentation. It is
    /// best effort where a pattern decides.
    public var sample: JSON {
        switch self {
        case .any, .null: .null
        case .boolean: true
        case .integer(let range, _): .int(range.map { min(max($0.lowerBound, 1), $0.upperBound) } ?? 1)
        case .number(let range): .double(range.map { min(max($0.lowerBound, 1), $0.upperBound) } ?? 1)
        case .string(let length, let pattern, let format): .string(Self.text(length, pattern, format))
        case .oneOf(let values): values.first ?? .null
        case .array(let element, let count, _): .array(Array(repeating: element.sample, count: count?.lowerBound ?? 0))
        case .object(let members, let required, _): Self.object(members, required)
        case .map(let names, let values, let minimum): Self.map(names, values, minimum)
        case .anyOf(let schemas): schemas.first?.sample ?? .null
        }
    }

    private static func object(_ members: [(name: String, schema: Schema)], _ required: [String]) -> JSON {
        var object = JSONObject()
        for name in required { object[name] = members.first { $0.name == name }?.schema.sample ?? .null }
        return .object(object)
    }

    private static func map(_ names: String, _ values: Schema, _ minimum: Int) -> JSON {
        var object = JSONObject()
        if minimum > 0 { object[text(nil, names, nil)] = values.sample }
        return .object(object)
    }

    private static func text(_ length: ClosedRange<Int>?, _ pattern: String?, _ format: Format?) -> String {
        if let format { return format.sample }
        let candidates = [
            "sample", "a", "1", "10", "default", "2026-01-31", "192.0.2.1", "192.0.2.0/24",
            "a1b2c3d4-0000-4000-8000-000000000001", "a1b2c3d4000040008000000000000001", "02:00:00:00:00:01", "/", "",
        ]
        let admitted = candidates.first { text in
            (length?.contains(text.count) ?? true) && (pattern.map { PatternCache.matches(text, $0) } ?? true)
        }
        return admitted ?? String(repeating: "a", count: length?.lowerBound ?? 1)
    }
}

extension Schema.Format {
    /// A text of this format.
    var sample: String {
        switch self {
        case .uuid: "a1b2c3d4-0000-4000-8000-000000000001"
        case .uri: "http://192.0.2.1/"
        case .email: "user@example.org"
        case .ipv4, .ip: "192.0.2.1"
        case .ipv6: "2001:db8::1"
        case .cidr: "192.0.2.0/24"
        case .base64: "YWx0bw=="
        case .dateTime: "2026-01-31T12:00:00Z"
        case .mac: "02:00:00:00:00:01"
        }
    }
}
