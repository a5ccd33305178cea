import CloudAPI
import CloudCore

/// The texts that oslo's strict bool_from_string takes for a truth value.
enum LenientBoolean {
    static func parse(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true", "on", "y", "yes": true
        case "0", "f", "false", "off", "n", "no": false
        default: nil
        }
    }
}

extension JSON {
    /// A whole number that may come as its decimal text.
    func lenientInt(_ name: String) -> Int? { self[name]?.int ?? self[name]?.string.flatMap { Int($0) } }
    /// A truth value that may come as text.
    func lenientBool(_ name: String) -> Bool? { self[name]?.bool ?? self[name]?.string.flatMap(LenientBoolean.parse) }
}

extension String {
    /// The same without white space at its ends.
    var trimmed: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

/// Values as Cinder checks them (cinder.api.validation.parameter_types).
enum FieldSchemas {
    /// A name or description, which may be missing, of at most 255 characters beside white space at its ends.
    static let text: Schema = .nullable(.string(pattern: #"\s*(?:\S(?:[\s\S]{0,253}\S)?)?\s*"#))
    /// A UUID, or null.
    static let optionalID: Schema = .nullable(.string(format: .uuid))
    /// A size in GiB, as a number or its digits.
    static let size: Schema = .anyOf([.integer(1...Int(Int32.max)), .string(pattern: "0*[1-9][0-9]{0,9}")])
    /// Truth values as Cinder spells them.
    static let boolean: Schema = .anyOf([
        .boolean(),
        .oneOf(
            [
                "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t", "False", "FALSE", "false", "0", "OFF",
                "Off", "off", "NO", "No", "no", "n", "f",
            ].map { .string($0) }),
    ])
    /// Names and values of metadata and extra specs.
    static let metadata: Schema = .map(names: #"[a-zA-Z0-9\-_:. /]{1,255}"#, values: .string(length: 0...255))
    /// The same of image metadata, whose values may be long.
    static let imageMetadata: Schema = .map(names: #"[a-zA-Z0-9\-_:. /]{1,255}"#, values: .string(length: 0...65535))
    /// A name that may be empty.
    static let optionalName: Schema = .nullable(.string(length: 0...255))
}
