import CloudAPI
import CloudCore

extension MetadataNamespace {
    /// The path of the namespace below the service.
    var path: String { "/v2/metadefs/namespaces/\(name)" }
}

/// A namespace as the API shows it, with as much of what is in it as the detail holds.
struct NamespaceView: JSONWritable {
    let detail: NamespaceDetail
    /// The path that links lead to; of the stored name, even where properties are shown under other names.
    private var path: String { detail.namespace.path }

    func write(to json: inout JSONWriter) {
        json.object { json in
            let namespace = detail.namespace
            json.member("namespace", namespace.name)
            if let displayName = namespace.displayName { json.member("display_name", displayName) }
            if let description = namespace.description { json.member("description", description) }
            json.member("visibility", namespace.visibility.rawValue)
            json.member("protected", namespace.isProtected)
            if let owner = namespace.owner { json.member("owner", owner) }
            json.member("created_at", namespace.createdAt.iso8601)
            json.member("updated_at", namespace.updatedAt.iso8601)
            writeContent(to: &json)
            json.member("self", path)
            json.member("schema", "/v2/schemas/metadefs/namespace")
        }
    }

    /// What there is none of has no member.
    private func writeContent(to json: inout JSONWriter) {
        if !detail.associations.isEmpty {
            json.member("resource_type_associations", array: detail.associations.map(AssociationView.init))
        }
        if !detail.properties.isEmpty { json.member("properties", PropertiesView(properties: detail.properties)) }
        if !detail.objects.isEmpty {
            json.member("objects", array: detail.objects.map { ObjectView(object: $0, namespace: detail.namespace) })
        }
        if !detail.tags.isEmpty { json.member("tags", array: detail.tags.map { TagNameView(tag: $0) }) }
    }
}

/// An association of a namespace with a resource type.
struct AssociationView: JSONWritable {
    let association: ResourceTypeAssociation

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", association.name)
            if let prefix = association.prefix { json.member("prefix", prefix) }
            if let target = association.propertiesTarget { json.member("properties_target", target) }
            json.member("created_at", association.createdAt.iso8601)
            json.member("updated_at", association.updatedAt.iso8601)
        }
    }
}

/// A resource type.
struct ResourceTypeView: JSONWritable {
    let type: ResourceType

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", type.name)
            json.member("created_at", type.createdAt.iso8601)
            json.member("updated_at", type.updatedAt.iso8601)
        }
    }
}

/// An object of a namespace.
struct ObjectView: JSONWritable {
    let object: MetadataItem
    let namespace: MetadataNamespace

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", object.name)
            if let description = object.body["description"], !description.isNull { json.member("description", description) }
            json.member("required", object.body["required"] ?? [])
            json.member("properties", object.body["properties"] ?? [:])
            json.member("created_at", object.createdAt.iso8601)
            json.member("updated_at", object.updatedAt.iso8601)
            json.member("self", "\(namespace.path)/objects/\(object.name)")
            json.member("schema", "/v2/schemas/metadefs/object")
        }
    }
}

/// Properties by name.
struct PropertiesView: JSONWritable {
    let properties: [MetadataItem]

    func write(to json: inout JSONWriter) {
        json.object { json in for property in properties { json.member(property.name, JSON.object(property.body)) } }
    }
}

/// A property under its name.
struct PropertyView: JSONWritable {
    let property: MetadataItem

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", property.name)
            for member in property.body where member.name != "name" { json.member(member.name, member.value) }
        }
    }
}

/// A tag.
struct TagView: JSONWritable {
    let tag: MetadataItem

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", tag.name)
            json.member("created_at", tag.createdAt.iso8601)
            json.member("updated_at", tag.updatedAt.iso8601)
        }
    }
}

/// A tag in a list.
struct TagNameView: JSONWritable {
    let tag: MetadataItem

    func write(to json: inout JSONWriter) {
        json.object { $0.member("name", tag.name) }
    }
}
