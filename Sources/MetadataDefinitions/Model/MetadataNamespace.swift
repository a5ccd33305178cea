import CloudCore

/// A namespace: definitions that belong together, and who may see them.
struct MetadataNamespace: Sendable, Hashable {
    /// Who sees a namespace beside its owner and administrators.
    enum Visibility: String, Sendable { case `public`, `private` }

    let id: String
    /// Its name, unique in the cloud, such as `OS::Compute::Watchdog`.
    var name: String
    var displayName: String?
    var description: String?
    var visibility: Visibility = .private
    /// Whether it and what is in it are safe from being deleted.
    var isProtected = false
    /// The project that owns it; one without an owner is for everyone.
    var owner: String?
    let createdAt: Timestamp
    var updatedAt: Timestamp
}

/// What a namespace can be used for: resources of a type.
struct ResourceTypeAssociation: Sendable, Hashable {
    /// The resource type, by its name in Heat where it has one: `OS::Nova::Flavor`.
    let name: String
    /// What the namespace's property names begin with on resources of this type, its separator included: `hw:`.
    var prefix: String?
    /// Which of a resource's several kinds of metadata is meant.
    var propertiesTarget: String?
    let createdAt: Timestamp
    var updatedAt: Timestamp
}

/// A resource type that namespaces are associated with.
struct ResourceType: Sendable, Hashable {
    let name: String
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

/// One thing in a namespace under a name of its own.
struct MetadataItem: Sendable, Hashable {
    /// The kinds of things; each kind has its own names.
    enum Kind: String, Sendable, CaseIterable { case object, property, tag }

    let kind: Kind
    var name: String
    /// An object's description, required names and properties; a property's schema; nothing for a tag.
    var body: JSONObject
    let createdAt: Timestamp
    var updatedAt: Timestamp
}

/// A namespace with everything in it.
struct NamespaceDetail: Sendable {
    var namespace: MetadataNamespace
    var associations: [ResourceTypeAssociation] = []
    var objects: [MetadataItem] = []
    var properties: [MetadataItem] = []
    var tags: [MetadataItem] = []

    /// The same with every property named as on resources of a type; unchanged when the type has no prefix here.
    func named(forResourceType type: String) -> NamespaceDetail {
        guard let prefix = associations.first(where: { $0.name == type })?.prefix, !prefix.isEmpty else { return self }
        var named = self
        named.properties = properties.map { property in
            var property = property
            property.name = prefix + property.name
            return property
        }
        named.objects = objects.map { object in
            var object = object
            object.body["properties"] = object.body["properties"]?.object.map { .object(Self.prefixed($0, prefix)) }
            object.body["required"] = object.body["required"]?.array.map { .array($0.map { .string(prefix + ($0.string ?? "")) }) }
            return object
        }
        return named
    }

    private static func prefixed(_ object: JSONObject, _ prefix: String) -> JSONObject {
        var prefixed = JSONObject()
        for member in object { prefixed[prefix + member.name] = member.value }
        return prefixed
    }
}
