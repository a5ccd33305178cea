import CloudAPI
import CloudCore

/// Objects: properties that belong together, under a name.
struct ObjectEndpoints: Sendable {
    let parts: MetadataDefinitions.Parts

    var table: [Endpoint] {
        let objects = "/v2/metadefs/namespaces/{namespace}/objects"
        let object = "\(objects)/{object_name}"
        return [
            Endpoint(
                .get, objects, "List the objects of a namespace", access: .ruleOnResource("get_metadef_objects"), handler: list),
            Endpoint(
                .post, objects, "Create an object", access: .ruleOnResource("add_metadef_object"),
                body: .json(MetadataSchemas.object), success: .created, handler: create),
            Endpoint(.get, object, "Show an object", access: .ruleOnResource("get_metadef_object"), handler: show),
            Endpoint(
                .put, object, "Change an object", access: .ruleOnResource("modify_metadef_object"),
                body: .json(MetadataSchemas.object), handler: update),
            Endpoint(
                .delete, object, "Delete an object", access: .ruleOnResource("delete_metadef_object"), success: .noContent,
                handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let asked = try request.itemPage(defaultSort: ItemPage().sort)
        if request.query["limit"].flatMap({ Int($0) }) == 0 { throw MetadataError.badRequest("limit param must be positive") }
        let namespace = try await parts.namespace(for: request)
        let mayShow = request.allows("get_metadef_object", MetadataDefinitions.Parts.target(namespace))
        let objects = mayShow ? try await parts.items(.object, of: namespace, asked) : []
        return .json {
            $0.object { json in
                json.member("objects", array: objects.map { ObjectView(object: $0, namespace: namespace) })
                json.member("schema", "v2/schemas/metadefs/objects")
            }
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let object = MetadataItem.object(request.body, at: .now)
        return answer(object, try await parts.add(object, request))
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        return answer(try await parts.item(.object, request["object_name"], of: namespace), namespace)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let wanted = MetadataItem.object(request.body, at: .now)
        let (changed, namespace) = try await parts.replace(request["object_name"], with: wanted, request)
        return answer(changed, namespace)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.remove(.object, request["object_name"], request)
        return .empty()
    }

    private func answer(_ object: MetadataItem, _ namespace: MetadataNamespace) -> APIResponse {
        .json { ObjectView(object: object, namespace: namespace).write(to: &$0) }
    }
}
