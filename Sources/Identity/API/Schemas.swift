import CloudAPI
import CloudCore

/// The shapes of Identity's request bodies, as Keystone's schemas have them.
enum Shape {
    /// Text with something in it besides white space.
    static func name(_ longest: Int = 255) -> Schema { .string(length: 1...longest, pattern: #"[\s\S]*\S[\s\S]*"#) }
    static let identifier: Schema = .string(length: 1...64, pattern: "[a-zA-Z0-9-]+")
    static let text: Schema = .nullable(.string(length: 0...65_535))
    static let flag: Schema = .boolean(lenient: true)
    static let tags: Schema = .array(.string(length: 1...255, pattern: "[^,/]*"), count: 0...ProjectRules.maximumTags, unique: true)
    static let immutableOption: Schema = .object([("immutable", .nullable(.boolean()))])

    /// `{"user": {…}}` and its kin: the resource's known fields, and any others.
    static func resource(_ name: String, _ fields: [(name: String, schema: Schema)], required: [String] = []) -> RequestBody {
        .json(.object([(name, .object(fields, required: required, additional: .any))], required: [name]))
    }
}

extension JSON {
    /// A truth value as Keystone's lenient schema admits it.
    var truth: Bool? { lenientBool }
}

extension JSONObject {
    /// The members that the API does not know, with names that Keystone would accept as attributes.
    func extra(besides known: Set<String>) -> JSONObject {
        var extra = JSONObject()
        for member in self where !known.contains(member.name) {
            extra[member.name.replacing(":", with: "_").replacing("-", with: "_")] = member.value
        }
        return extra
    }
}
