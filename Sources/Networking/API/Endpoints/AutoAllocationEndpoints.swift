import CloudAPI
import CloudCore
import CloudStore

// Auto-allocated topologies: decode, authorise, call, encode.
extension NetworkingAPI {
    var autoAllocationEndpoints: [Endpoint] {
        let item = "/v2.0/auto-allocated-topology/{project_id}"
        return [
            Endpoint(
                .get, item, "Show a project's auto-allocated topology, making it when it is missing",
                access: .ruleOnResource("get_auto_allocated_topology"), handler: showAutoAllocation),
            Endpoint(
                .delete, item, "Delete a project's auto-allocated topology",
                access: .ruleOnResource("delete_auto_allocated_topology"), success: .noContent, handler: deleteAutoAllocation),
        ]
    }

    /// Whose topology: clients without a project to name say `None` and mean their own.
    private static func project(_ request: APIRequest) throws -> String {
        let named = request["project_id"]
        let project = named == "None" ? request.token?.projectID ?? "" : named
        try request.authorize(PolicySubject(projectID: project).target)
        return project
    }

    private func showAutoAllocation(_ request: APIRequest) async throws -> APIResponse {
        let (project, visibility, fields) = (try Self.project(request), request.visibility, request.fields ?? [])
        if fields.contains("dry-run") {
            try await database.read { [operations] in try operations.checkAutoAllocation(visibility, in: $0) }
            return Self.answer("dry-run=pass", project)
        }
        guard fields.isSubset(of: ["id", "project_id", "tenant_id"]) else {
            throw NetworkingError.badRequest("auto_allocate", "Unrecognized field")
        }
        let existing = try await database.read { try AutoAllocationRecords.find(project: project, in: $0) }
        if let existing { return Self.answer(existing.networkID, project) }
        let topology = try await database.write { [operations] in
            try operations.autoAllocate(project: project, visibility, in: $0)
        }
        return Self.answer(topology.networkID, project)
    }

    private static func answer(_ id: String, _ project: String) -> APIResponse {
        .json("auto_allocated_topology", ["id": id, "project_id": project, "tenant_id": project])
    }

    private func deleteAutoAllocation(_ request: APIRequest) async throws -> APIResponse {
        let project = try Self.project(request)
        try await database.write { [operations] in try operations.deleteAutoAllocation(project: project, in: $0) }
        return .empty()
    }
}
