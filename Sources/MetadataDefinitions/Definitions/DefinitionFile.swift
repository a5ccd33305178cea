import CloudAPI
import CloudCore

/// A namespace's definitions outside the store: a JSON file in the format that Glance's own definitions come in.
public struct DefinitionFile: Sendable {
    /// What is wrong with a file.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// The file and the reason, for the operator.
        public let description: String
    }

    /// The file's name, with its suffix.
    public let name: String
    let json: JSON

    /// Reads a file.
    /// - Throws: `Failure` for text that is no JSON, or describes no namespace.
    public init(name: String, text: String) throws(Failure) {
        do {
            try self.init(name: name, json: try JSON(parsing: text))
        } catch let error as JSONError {
            throw Failure(description: "\(name): \(error.description)")
        } catch let error as SchemaViolation {
            throw Failure(description: "\(name): \(error.description)")
        } catch {
            throw Failure(description: "\(name): \(error)")
        }
    }

    private init(name: String, json: JSON) throws {
        (self.name, self.json) = (name, Self.withoutNulls(json))
        try MetadataSchemas.namespace.validate(self.json)
    }

    /// A file to be written.
    init(_ detail: NamespaceDetail, name: String) { (self.name, json) = (name, detail.fileJSON) }

    /// The file of definitions that come with the program.
    init(_ namespace: DefinedNamespace) { (name, json) = ("\(namespace.name).json", namespace.json) }

    /// The file's text.
    public var text: String { json.text + "\n" }

    /// Files that Glance exported write null for what is not there; the API's schema leaves it out.
    private static func withoutNulls(_ json: JSON) -> JSON {
        guard var object = json.object else { return json }
        for member in object where member.value.isNull { object[member.name] = nil }
        for list in ["resource_type_associations", "objects", "tags"] {
            object[list] = object[list].map { value in value.array.map { .array($0.map(withoutNulls)) } ?? value }
        }
        return .object(object)
    }
}

extension MetadataDefinitions {
    /// The definitions that come with the program.
    public static var builtInDefinitions: [DefinitionFile] {
        (GuestDefinitions.all + HostDefinitions.all + ImageDefinitions.all).map { DefinitionFile($0) }
    }
}

extension NamespaceDetail {
    /// The namespace in the format of files; its owner and its times stay behind.
    fileprivate var fileJSON: JSON {
        var json: JSONObject = ["namespace": .string(namespace.name)]
        json["display_name"] = namespace.displayName.map { .string($0) }
        json["description"] = namespace.description.map { .string($0) }
        json["visibility"] = .string(namespace.visibility.rawValue)
        json["protected"] = .bool(namespace.isProtected)
        json["resource_type_associations"] = .array(associations.map { association in
            var json: JSONObject = ["name": .string(association.name)]
            json["prefix"] = association.prefix.map { .string($0) }
            json["properties_target"] = association.propertiesTarget.map { .string($0) }
            return .object(json)
        })
        var members = JSONObject()
        for property in properties { members[property.name] = .object(property.body) }
        json["properties"] = .object(members)
        json["objects"] = .array(objects.map { object in
            var json: JSONObject = ["name": .string(object.name)]
            for member in object.body { json[member.name] = member.value }
            return .object(json)
        })
        json["tags"] = .array(tags.map { ["name": .string($0.name)] })
        return .object(json)
    }
}
