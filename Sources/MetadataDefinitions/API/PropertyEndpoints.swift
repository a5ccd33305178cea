import CloudAPI
import CloudCore
import CloudStore

/// Properties of a namespace that belong to no object.
struct PropertyEndpoints: Sendable {
    let parts: MetadataDefinitions.Parts

    var table: [Endpoint] {
        let properties = "/v2/metadefs/namespaces/{namespace}/properties"
        let property = "\(properties)/{property_name}"
        return [
            Endpoint(
                .get, properties, "List the properties of a namespace", access: .ruleOnResource("get_metadef_properties"),
                handler: list),
            Endpoint(
                .post, properties, "Create a property", access: .ruleOnResource("add_metadef_property"),
                body: .json(MetadataSchemas.property), success: .created, handler: create),
            Endpoint(.get, property, "Show a property", access: .ruleOnResource("get_metadef_property"), handler: show),
            Endpoint(
                .put, property, "Change a property", access: .ruleOnResource("modify_metadef_property"),
                body: .json(MetadataSchemas.property), handler: update),
            Endpoint(
                .delete, property, "Delete a property", access: .ruleOnResource("remove_metadef_property"), success: .noContent,
                handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        let properties = try await parts.database.read { try ItemRecords.list(.property, of: namespace.id, in: $0) }
        return .json("properties", PropertiesView(properties: properties))
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let property = try property(request)
        _ = try await parts.add(property, request)
        return answer(property)
    }

    /// The property that a request describes.
    private func property(_ request: APIRequest) throws -> MetadataItem {
        try MetadataSchemas.refuseReadOnly(request.body)
        return .property(request.body["name"]?.string ?? "", request.body, at: .now)
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        let name = try await storedName(request, namespace)
        return answer(try await parts.item(.property, name, of: namespace))
    }

    /// The property's name in the namespace, where the request names it as on resources of a type: with the prefix.
    private func storedName(_ request: APIRequest, _ namespace: MetadataNamespace) async throws -> String {
        let name = request["property_name"]
        guard let type = request.query["resource_type"], !type.isEmpty else { return name }
        try parts.require("get_metadef_resource_type", namespace, request)
        let associations = try await parts.database.read { try AssociationRecords.list(of: namespace.id, in: $0) }
        guard let association = associations.first(where: { $0.name == type }) else {
            throw MetadataError.associationNotFound(type, namespace: namespace.name)
        }
        guard let prefix = association.prefix, !prefix.isEmpty, name.hasPrefix(prefix) else {
            throw MetadataError.prefixMissing(property: name, prefix: association.prefix)
        }
        return String(name.dropFirst(prefix.count))
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        answer(try await parts.replace(request["property_name"], with: try property(request), request).item)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.remove(.property, request["property_name"], request)
        return .empty()
    }

    private func answer(_ property: MetadataItem) -> APIResponse {
        .json { PropertyView(property: property).write(to: &$0) }
    }
}
