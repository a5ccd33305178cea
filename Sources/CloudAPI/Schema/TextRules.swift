import CloudCore

/// What texts in a body may hold, whatever their schema says.
enum TextRules {
    /// Refuses a NUL character: no database but SQLite keeps one in a text, and no OpenStack name has one.
    /// - Parameter bytes: the body that `json` was read from. JSON writes a NUL only as `\u0000`, so most bodies are
    ///   known to have none without a walk through their values.
    static func check(_ json: JSON, writtenAs bytes: some Collection<UInt8>) throws(SchemaViolation) {
        guard mayHoldNUL(bytes), let path = pathOfNUL(json) else { return }
        throw SchemaViolation(path: path, reason: "a text must not hold a NUL character")
    }

    private static func mayHoldNUL(_ bytes: some Collection<UInt8>) -> Bool {
        let zeros = Array("u0000".utf8)
        var rest = bytes[...]
        while let backslash = rest.firstIndex(of: UInt8(ascii: "\\")) {
            rest = rest[rest.index(after: backslash)...]
            if rest.starts(with: zeros) { return true }
        }
        return false
    }

    private static func pathOfNUL(_ json: JSON) -> [String]? {
        switch json {
        case .string(let text): text.unicodeScalars.contains("\0") ? [] : nil
        case .array(let elements):
            elements.enumerated().lazy.compactMap { index, element in
                pathOfNUL(element).map { [String(index)] + $0 }
            }.first
        case .object(let object):
            object.members.lazy.compactMap { name, value in
                name.unicodeScalars.contains("\0") ? [] : pathOfNUL(value).map { [name] + $0 }
            }.first
        case .null, .bool, .int, .double: nil
        }
    }
}
