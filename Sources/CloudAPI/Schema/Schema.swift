import CloudCore

/// What a request may say: the part of JSON Schema (draft 2020-12) that OpenStack's services use, as Swift values.
/// It validates requests and stands in the OpenAPI document.
public indirect enum Schema: Sendable {
    /// Anything at all.
    case any
    /// JSON null.
    case null
    /// true or false. With `lenient`, also the texts that oslo's strict bool_from_string admits.
    case boolean(lenient: Bool = false)
    /// A whole number. With `lenient`, also its decimal text.
    case integer(ClosedRange<Int>? = nil, lenient: Bool = false)
    /// Any number.
    case number(ClosedRange<Double>? = nil)
    /// Text with a length in characters, a pattern it must match as a whole, and a format.
    case string(length: ClosedRange<Int>? = nil, pattern: String? = nil, format: Format? = nil)
    /// One of these values.
    case oneOf([JSON])
    /// A list.
    case array(Schema, count: ClosedRange<Int>? = nil, unique: Bool = false)
    /// An object: its known members, those that must be there, and what others may be (nil: there may be none).
    case object([(name: String, schema: Schema)], required: [String] = [], additional: Schema? = nil)
    /// An object used as a map: the pattern of its names and the schema of its values.
    /// It has so many members at least.
    case map(names: String, values: Schema, minimum: Int = 0)
    /// What any of these admit.
    case anyOf([Schema])

    /// The formats that are checked.
    public enum Format: String, Sendable {
        case uuid, uri, email, ipv4, ipv6, cidr, base64
        case dateTime = "date-time"
        case mac = "mac-address"
        /// An IPv4 or IPv6 address.
        case ip = "ip-address"
    }

    /// A schema or null.
    public static func nullable(_ schema: Schema) -> Schema { .anyOf([schema, .null]) }
    /// A resource's name: 1 to 255 characters.
    public static let name: Schema = .string(length: 1...255)
    /// A UUID in either form.
    public static let uuid: Schema = .string(format: .uuid)
}

/// Where and why a value breaks its schema.
public struct SchemaViolation: Error, Sendable, Hashable {
    /// The place, as names and positions from the root.
    public let path: [String]
    /// What is wrong there, for the user.
    public let reason: String
    /// The keyword of JSON Schema that the value breaks, such as `maxLength`; empty for rules beyond JSON Schema.
    public let keyword: String
    /// The value; nil where the reason names what is wrong by itself.
    public let value: JSON?

    /// A violation.
    public init(path: [String], reason: String, keyword: String = "", value: JSON? = nil) {
        (self.path, self.reason, self.keyword, self.value) = (path, reason, keyword, value)
    }
}

extension SchemaViolation: CustomStringConvertible {
    /// The place and the reason in one sentence.
    public var description: String {
        guard !path.isEmpty else { return "Invalid input: \(reason)." }
        return "Invalid input for field/attribute \(path.joined(separator: ".")): \(reason)."
    }
}
