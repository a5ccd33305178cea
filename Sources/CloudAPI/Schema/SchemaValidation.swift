import CloudCore

extension Schema {
    /// Checks a value.
    /// - Throws: the first violation met, with its place.
    public func validate(_ value: JSON) throws(SchemaViolation) {
        var validator = SchemaValidator(isLenient: false)
        try validator.check(value, self)
    }

    /// Checks a query: each item against the member of its name, where numbers and booleans stand as text. A member
    /// that is a list takes all items of its name, any other each one.
    /// - Throws: the first violation met.
    public func validate(query: QueryItems) throws(SchemaViolation) {
        guard case .object(let members, let required, let additional) = self else { return }
        var validator = SchemaValidator(isLenient: true)
        for name in required where query[name] == nil {
            throw SchemaViolation(path: [], reason: "'\(name)' is a required property", keyword: "required")
        }
        var seen: Set<String> = []
        for item in query.items {
            let known = members.first { $0.name == item.name }?.schema
            guard let schema = known ?? additional else {
                throw SchemaViolation(
                    path: [], reason: "Additional properties are not allowed ('\(item.name)' was unexpected)",
                    keyword: "additionalProperties")
            }
            var value = JSON.string(item.value)
            if case .array = schema {
                guard seen.insert(item.name).inserted else { continue }
                value = .array(query.all(item.name).map { .string($0) })
            }
            try validator.check(value, schema, at: item.name)
        }
    }
}

/// Walks a value along its schema.
struct SchemaValidator {
    /// Whether texts pass for the numbers and booleans they spell, as in queries.
    let isLenient: Bool
    private var path: [String] = []

    init(isLenient: Bool) { self.isLenient = isLenient }

    /// - Parameter value: the value that is wrong; nil where the reason says what is.
    private func violation(_ reason: String, _ keyword: String, _ value: JSON? = nil) -> SchemaViolation {
        SchemaViolation(path: path, reason: reason, keyword: keyword, value: value)
    }

    mutating func check(_ value: JSON, _ schema: Schema, at place: String) throws(SchemaViolation) {
        path.append(place)
        try check(value, schema)
        path.removeLast()
    }

    mutating func check(_ value: JSON, _ schema: Schema) throws(SchemaViolation) {
        switch schema {
        case .any: return
        case .null: guard value.isNull else { throw violation("is not of type 'null'", "type", value) }
        case .boolean(let lenient): try checkBoolean(value, lenient)
        case .integer(let range, let lenient): try checkInteger(value, range, lenient)
        case .number(let range): try checkNumber(value, range)
        case .string(let length, let pattern, let format): try checkString(value, length, pattern, format)
        case .oneOf(let values):
            guard values.contains(value) else {
                throw violation("is not one of [\(values.map(\.text).joined(separator: ", "))]", "enum", value)
            }
        case .array(let element, let count, let unique): try checkArray(value, element, count, unique)
        case .object(let members, let required, let additional):
            try checkObject(value, members, required, additional)
        case .map(let names, let values, let minimum): try checkMap(value, names, values, minimum)
        case .anyOf(let schemas): try checkAny(value, schemas)
        }
    }

    private func checkBoolean(_ value: JSON, _ lenient: Bool) throws(SchemaViolation) {
        if value.bool != nil { return }
        guard lenient || isLenient, value.lenientBool != nil else { throw violation("is not of type 'boolean'", "type", value) }
    }

    private func checkInteger(_ value: JSON, _ range: ClosedRange<Int>?, _ lenient: Bool) throws(SchemaViolation) {
        guard let number = value.int ?? (lenient || isLenient ? value.lenientInt : nil) else {
            throw violation("is not of type 'integer'", "type", value)
        }
        guard let range else { return }
        guard number >= range.lowerBound else { throw violation("is less than the minimum of \(range.lowerBound)", "minimum", value) }
        guard number <= range.upperBound else { throw violation("is greater than the maximum of \(range.upperBound)", "maximum", value) }
    }

    private func checkNumber(_ value: JSON, _ range: ClosedRange<Double>?) throws(SchemaViolation) {
        guard let number = value.double ?? (isLenient ? value.string.flatMap { Double($0) } : nil), number.isFinite
        else { throw violation("is not of type 'number'", "type", value) }
        guard let range else { return }
        guard number >= range.lowerBound else { throw violation("is less than the minimum of \(range.lowerBound)", "minimum", value) }
        guard number <= range.upperBound else { throw violation("is greater than the maximum of \(range.upperBound)", "maximum", value) }
    }

    private func checkString(
        _ value: JSON, _ length: ClosedRange<Int>?, _ pattern: String?, _ format: Schema.Format?
    ) throws(SchemaViolation) {
        guard let text = value.string else { throw violation("is not of type 'string'", "type", value) }
        if let length {
            let count = text.unicodeScalars.count
            guard count >= length.lowerBound else {
                throw violation("is too short, the minimum length is \(length.lowerBound)", "minLength", value)
            }
            guard count <= length.upperBound else {
                throw violation("is too long, the maximum length is \(length.upperBound)", "maxLength", value)
            }
        }
        if let pattern, !PatternCache.matches(text, pattern) { throw violation("does not match '\(pattern)'", "pattern", value) }
        if let format, !format.admits(text) { throw violation("is not a '\(format.rawValue)'", "format", value) }
    }

    private mutating func checkArray(
        _ value: JSON, _ element: Schema, _ count: ClosedRange<Int>?, _ unique: Bool
    ) throws(SchemaViolation) {
        guard let elements = value.array else { throw violation("is not of type 'array'", "type", value) }
        if let count {
            guard elements.count >= count.lowerBound else {
                throw violation("is too short, the minimum number of items is \(count.lowerBound)", "minItems", value)
            }
            guard elements.count <= count.upperBound else {
                throw violation("is too long, the maximum number of items is \(count.upperBound)", "maxItems", value)
            }
        }
        if unique, Set(elements).count != elements.count { throw violation("has non-unique elements", "uniqueItems", value) }
        for (position, item) in elements.enumerated() { try check(item, element, at: String(position)) }
    }

    private mutating func checkObject(
        _ value: JSON, _ members: [(name: String, schema: Schema)], _ required: [String], _ additional: Schema?
    ) throws(SchemaViolation) {
        guard let object = value.object else { throw violation("is not of type 'object'", "type", value) }
        for name in required where object[name] == nil { throw violation("'\(name)' is a required property", "required") }
        for member in object {
            if let known = members.first(where: { $0.name == member.name })?.schema ?? additional {
                try check(member.value, known, at: member.name)
            } else {
                throw violation("Additional properties are not allowed ('\(member.name)' was unexpected)", "additionalProperties")
            }
        }
    }

    private mutating func checkMap(_ value: JSON, _ names: String, _ values: Schema, _ minimum: Int) throws(SchemaViolation) {
        guard let object = value.object else { throw violation("is not of type 'object'", "type", value) }
        guard object.count >= minimum else { throw violation("does not have enough properties", "minProperties", value) }
        for member in object {
            guard PatternCache.matches(member.name, names) else {
                throw violation("'\(member.name)' does not match any of the regexes: '\(names)'", "additionalProperties")
            }
            try check(member.value, values, at: member.name)
        }
    }

    /// With alternatives, the violation of the one that got deepest says most: of "null or a server", a bad server's
    /// own violation is told, not that it is not null.
    private func checkAny(_ value: JSON, _ schemas: [Schema]) throws(SchemaViolation) {
        var deepest: SchemaViolation?
        for schema in schemas {
            var attempt = self
            do {
                return try attempt.check(value, schema)
            } catch {
                let isDeeper = error.path.count > (deepest?.path.count ?? path.count)
                if deepest == nil || isDeeper { deepest = error }
            }
        }
        guard let deepest, deepest.path.count > path.count || schemas.count == 1 else {
            throw violation("is not valid under any of the given schemas", "anyOf", value)
        }
        throw deepest
    }
}
