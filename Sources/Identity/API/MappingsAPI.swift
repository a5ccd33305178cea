import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/OS-FEDERATION/mappings`.
extension Identity {
    private static let mappingPath = "/OS-FEDERATION/mappings/{mapping_id}"
    /// What the rules may be depends on the version they name, so that the whole is judged later.
    private static let mappingBody: RequestBody = .json(.object(
        [("mapping", .object([("rules", .array(.any)), ("schema_version", .nullable(.string()))], additional: .any))],
        required: ["mapping"], additional: .any))

    var mappingEndpoints: [Endpoint] {
        [
            .ruled(.get, "/OS-FEDERATION/mappings", "List mappings", rule: "identity:list_mappings") { request in
                .listing(try await listMappings(), request)
            },
            .ruled(
                .put, Self.mappingPath, "Create a mapping", rule: "identity:create_mapping", body: Self.mappingBody, success: .created
            ) { request in
                .showing(try await createMapping(request["mapping_id"], request.body["mapping"] ?? .null), request)
            },
            .ruled(.get, Self.mappingPath, "Show a mapping", rule: "identity:get_mapping") { request in
                .showing(try await mapping(id: request["mapping_id"]), request)
            },
            .ruled(
                .patch, Self.mappingPath, "Replace a mapping's rules", rule: "identity:update_mapping", body: Self.mappingBody
            ) { request in
                .showing(try await updateMapping(request["mapping_id"], request.body["mapping"] ?? .null), request)
            },
            .ruled(
                .delete, Self.mappingPath, "Delete a mapping", rule: "identity:delete_mapping", success: .noContent
            ) { request in
                try await deleteMapping(request["mapping_id"])
                return .empty()
            },
        ]
    }

    static let mappingRules = [
        rule("create_mapping", Check.admin, .systemOrProject, "Create a mapping."),
        rule("get_mapping", Check.adminOrSystemReader, .systemOrProject, "Show a mapping."),
        rule("list_mappings", Check.adminOrSystemReader, .systemOrProject, "List mappings."),
        rule("delete_mapping", Check.admin, .systemOrProject, "Delete a mapping."),
        rule("update_mapping", Check.admin, .systemOrProject, "Replace a mapping's rules."),
    ]
}

extension FederationMapping: ResourceView {
    static let singular = "mapping"
    static let collection = "mappings"

    var linkedPaths: [(name: String, path: String)] {
        [("self", "/OS-FEDERATION/mappings/\(PercentEncoding.encode(id))")]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("rules", rules)
        json.member("schema_version", schemaVersion.rawValue)
    }
}
