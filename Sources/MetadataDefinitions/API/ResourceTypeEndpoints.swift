import CloudAPI
import CloudCore
import CloudStore

/// Resource types, and which namespaces are for them.
struct ResourceTypeEndpoints: Sendable {
    let parts: MetadataDefinitions.Parts

    var table: [Endpoint] {
        let associations = "/v2/metadefs/namespaces/{namespace}/resource_types"
        return [
            Endpoint(
                .get, "/v2/metadefs/resource_types", "List resource types", access: .rule("list_metadef_resource_types"),
                handler: list),
            Endpoint(
                .get, associations, "List the resource types of a namespace",
                access: .ruleOnResource("list_metadef_resource_types"), handler: listAssociations),
            Endpoint(
                .post, associations, "Associate a namespace with a resource type",
                access: .ruleOnResource("add_metadef_resource_type_association"), body: .json(MetadataSchemas.association),
                success: .created, handler: associate),
            Endpoint(
                .delete, "\(associations)/{resource_type}", "Dissociate a namespace from a resource type",
                access: .ruleOnResource("remove_metadef_resource_type_association"), success: .noContent, handler: dissociate),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let types = try await parts.database.read { try AssociationRecords.resourceTypes(in: $0) }
        return .json { json in json.object { $0.member("resource_types", array: types.map(ResourceTypeView.init)) } }
    }

    @Sendable private func listAssociations(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        let mayShow = request.allows("get_metadef_resource_type", MetadataDefinitions.Parts.target(namespace))
        let found = mayShow ? try await parts.database.read { try AssociationRecords.list(of: namespace.id, in: $0) } : []
        return .json { json in
            json.object { $0.member("resource_type_associations", array: found.map(AssociationView.init)) }
        }
    }

    @Sendable private func associate(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let association = ResourceTypeAssociation(request.body, at: .now)
        try await parts.change(request) { namespace, transaction in
            guard try AssociationRecords.insert(association, to: namespace.id, in: transaction) else {
                throw MetadataError.duplicateAssociation(association.name, namespace: namespace.name)
            }
        }
        return .json { AssociationView(association: association).write(to: &$0) }
    }

    @Sendable private func dissociate(_ request: APIRequest) async throws -> APIResponse {
        let type = request["resource_type"]
        try await parts.change(request) { namespace, transaction in
            guard try AssociationRecords.list(of: namespace.id, in: transaction).contains(where: { $0.name == type }) else {
                throw MetadataError.associationNotFound(type, namespace: namespace.name)
            }
            try namespace.checkUnprotected()
            _ = try AssociationRecords.delete(type, of: namespace.id, in: transaction)
        }
        return .empty()
    }
}
