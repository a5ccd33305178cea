import CloudAPI
import CloudCore

/// Tags of a namespace, one by one and many at once.
struct TagEndpoints: Sendable {
    let parts: MetadataDefinitions.Parts

    /// Says whether new tags join those that are there; they replace them when it is absent.
    private static let appendHeader = HTTPField.Name("X-Openstack-Append")

    var table: [Endpoint] {
        let tags = "/v2/metadefs/namespaces/{namespace}/tags"
        let tag = "\(tags)/{tag_name}"
        return [
            Endpoint(.get, tags, "List the tags of a namespace", access: .ruleOnResource("get_metadef_tags"), handler: list),
            Endpoint(
                .post, tags, "Replace the tags of a namespace, or add several", access: .ruleOnResource("add_metadef_tags"),
                body: .json(MetadataSchemas.tags), success: .created, handler: createMany),
            Endpoint(
                .delete, tags, "Delete all tags of a namespace", access: .ruleOnResource("delete_metadef_tags"),
                success: .noContent, handler: deleteAll),
            Endpoint(.get, tag, "Show a tag", access: .ruleOnResource("get_metadef_tag"), handler: show),
            Endpoint(
                .post, tag, "Create a tag", access: .ruleOnResource("add_metadef_tag"), success: .created, handler: create),
            Endpoint(
                .put, tag, "Rename a tag", access: .ruleOnResource("modify_metadef_tag"), body: .json(MetadataSchemas.tag),
                handler: update),
            Endpoint(
                .delete, tag, "Delete a tag", access: .ruleOnResource("delete_metadef_tag"), success: .noContent, handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let asked = try request.itemPage(defaultSort: [SortKey("created_at", .descending), SortKey("name", .descending)])
        let namespace = try await parts.namespace(for: request)
        return answer(try await parts.items(.tag, of: namespace, asked))
    }

    @Sendable private func createMany(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let now = Timestamp.now
        let tags = (request.body["tags"]?.array ?? []).enumerated().map { position, tag -> MetadataItem in
            .tag(tag["name"]?.string ?? "", at: Timestamp(microseconds: now.microseconds + position))
        }
        let joins = Self.appendHeader.flatMap { request.head.headerFields[$0] }.flatMap { JSON.string($0).lenientBool } ?? false
        try await parts.change(request) { namespace, transaction in
            // As upstream, no tags at all leave those that are there.
            if !joins, !tags.isEmpty { try ItemRecords.deleteAll(.tag, of: namespace.id, in: transaction) }
            for tag in tags {
                guard try ItemRecords.insert(tag, to: namespace.id, in: transaction) else {
                    throw MetadataError.duplicateItem(.tag, tag.name, namespace: namespace.name)
                }
            }
        }
        return answer(tags)
    }

    @Sendable private func deleteAll(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        try parts.require("delete_metadef_namespace", namespace, request)
        try await parts.change(namespace) { namespace, transaction in
            try namespace.checkUnprotected()
            try ItemRecords.deleteAll(.tag, of: namespace.id, in: transaction)
        }
        return .empty()
    }

    private func answer(_ tags: [MetadataItem]) -> APIResponse {
        .json { json in json.object { $0.member("tags", array: tags.map { TagNameView(tag: $0) }) } }
    }

    // MARK: One tag

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let namespace = try await parts.namespace(for: request)
        return answer(try await parts.item(.tag, request["tag_name"], of: namespace))
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let name = request["tag_name"]
        guard name.unicodeScalars.count <= 80 else { throw MetadataError.badRequest("A tag has at most 80 characters.") }
        let tag = MetadataItem.tag(name, at: .now)
        _ = try await parts.add(tag, request)
        return answer(tag)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let wanted = MetadataItem.tag(request.body["name"]?.string ?? "", at: .now)
        return answer(try await parts.replace(request["tag_name"], with: wanted, request).item)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.remove(.tag, request["tag_name"], request)
        return .empty()
    }

    private func answer(_ tag: MetadataItem) -> APIResponse {
        .json { TagView(tag: tag).write(to: &$0) }
    }
}
