import CloudAPI
import CloudCore
import Foundation

/// One operation of a patch (RFC 6902, as far as image API v2 takes it).
struct ImageChange: Sendable {
    enum Operation: String, Sendable, CaseIterable { case add, replace, remove }

    let operation: Operation
    /// The attribute and, for locations, the position.
    let path: [String]
    /// The new value; null for a removal.
    let value: JSON
    /// Whether it came in the first form, in which adding what is there already is a conflict.
    let isFirstForm: Bool

    /// The attribute.
    var name: String { path[0] }
    /// Whether it is about where the image's bytes are.
    var isAboutLocations: Bool { name == "locations" }
}

/// Patches in both forms: `{"op": "replace", "path": "/name", "value": …}` (v2.1) and
/// `{"replace": "/name", "value": …}` (v2.0).
enum ImagePatch {
    static let firstForm = "application/openstack-images-v2.0-json-patch"
    static let secondForm = "application/openstack-images-v2.1-json-patch"

    /// What a patch looks like in either form.
    static let schema: Schema = .array(
        .object(
            [
                ("op", .oneOf(ImageChange.Operation.allCases.map { .string($0.rawValue) })), ("path", .string()), ("value", .any),
                ("add", .string()), ("replace", .string()), ("remove", .string()),
            ], additional: .any))

    /// A request's operations.
    /// - Throws: 400 for what is malformed, 403 for attributes that clients can't change, 415 without a media type.
    static func parse(_ request: APIRequest) throws -> [ImageChange] {
        let type = request.head.headerFields[.contentType]?.prefix { $0 != ";" }.lowercased() ?? ""
        guard type == firstForm || type == secondForm else {
            throw Fault(
                .unsupportedMediaType, "Image PATCH expects Content-Type one of: \(firstForm), \(secondForm)",
                headers: [.acceptPatch: "\(firstForm), \(secondForm)"])
        }
        return try (request.body.array ?? []).map { try change($0, isFirstForm: type == firstForm) }
    }

    private static func change(_ json: JSON, isFirstForm: Bool) throws -> ImageChange {
        let (operation, pointer) = try isFirstForm ? first(json) : second(json)
        let path = try decode(pointer)
        // Locations are a list, to which one can be added or taken away at its position.
        let depth = path[0] == "locations" && operation != .replace ? 2 : 1
        guard path.count == depth else {
            throw ImageError.badRequest("Invalid JSON pointer for this resource: '/\(path.joined(separator: "/"))'")
        }
        try ImageSchemas.checkMayChange(path[0])
        guard operation != .remove else {
            return ImageChange(operation: .remove, path: path, value: .null, isFirstForm: isFirstForm)
        }
        guard let value = json["value"] else {
            throw ImageError.badRequest("Operation \"\(operation.rawValue)\" requires a member named \"value\".")
        }
        try ImageSchemas.check(path[0], depth == 2 ? .array([value]) : value)
        return ImageChange(operation: operation, path: path, value: value, isFirstForm: isFirstForm)
    }

    private static func first(_ json: JSON) throws -> (ImageChange.Operation, String) {
        let named = ImageChange.Operation.allCases.filter { json[$0.rawValue] != nil }
        guard named.count == 1, let path = json[named[0].rawValue]?.string else {
            throw ImageError.badRequest(
                "Operation objects must contain exactly one member named \"add\", \"remove\", or \"replace\".")
        }
        return (named[0], path)
    }

    private static func second(_ json: JSON) throws -> (ImageChange.Operation, String) {
        guard let operation = json["op"]?.string.flatMap(ImageChange.Operation.init) else {
            throw ImageError.badRequest(
                "Unable to find `op` in JSON Schema change. It must be one of the following: add, remove, replace.")
        }
        guard let path = json["path"]?.string else { throw ImageError.badRequest("Unable to find 'path' in JSON Schema change") }
        return (operation, path)
    }

    /// The parts of a JSON pointer, unescaped.
    private static func decode(_ pointer: String) throws -> [String] {
        func malformed(_ why: String) -> ImageError { .badRequest("Pointer `\(pointer)` \(why)") }
        guard pointer.hasPrefix("/") else { throw malformed("does not start with \"/\".") }
        guard pointer.wholeMatch(of: /(?:[^~]|~[01])*/) != nil else {
            throw malformed("contains \"~\" not part of a recognized escape sequence.")
        }
        let parts = pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(\.trimmingBlanks)
        guard parts.allSatisfy({ !$0.isEmpty }) else { throw malformed("does not contains valid token.") }
        return parts.map { $0.replacing("~1", with: "/").replacing("~0", with: "~").trimmingBlanks }
    }
}

extension HTTPField.Name {
    /// The media types of patches that a resource takes (RFC 5789).
    static let acceptPatch = HTTPField.Name("Accept-Patch") ?? .accept
}
