import CloudAPI
import CloudCore
import CloudStore

/// `/v3/projects/{project_id}/tags`.
extension Identity {
    var projectTagEndpoints: [Endpoint] {
        let (collection, member) = ("/projects/{project_id}/tags", "/projects/{project_id}/tags/{value}")
        return [
            .guarded(.get, collection, "List a project's tags", rule: "identity:list_project_tags") { request, gate in
                try await openProject(request, gate)
                return tagResponse(try await project(id: request["project_id"]), request)
            },
            .guarded(
                .put, collection, "Replace a project's tags", rule: "identity:update_project_tags",
                body: .json(.object([("tags", Shape.tags)], required: ["tags"]))
            ) { request, gate in
                try await openProject(request, gate)
                let tags = request.body["tags"]?.array?.compactMap(\.string) ?? []
                return tagResponse(try await setTags(request["project_id"]) { _ in tags }, request)
            },
            .guarded(.delete, collection, "Delete a project's tags", rule: "identity:delete_project_tags", success: .noContent) { request, gate in
                try await openProject(request, gate)
                _ = try await setTags(request["project_id"]) { _ in [] }
                return .empty()
            },
            .guarded(.get, member, "Check for a project's tag", rule: "identity:get_project_tag", success: .noContent) { request, gate in
                try await openProject(request, gate)
                guard try await project(id: request["project_id"]).tags.contains(request["value"]) else { throw noTag(request) }
                return .empty()
            },
            .guarded(.put, member, "Add a tag to a project", rule: "identity:create_project_tag", success: .created) { request, gate in
                try await openProject(request, gate)
                let tag = request["value"]
                guard (1...255).contains(tag.count), !tag.contains(","), !tag.contains("/") else {
                    throw IdentityError.invalid("A tag has 1 to 255 characters, and no comma or slash among them.")
                }
                _ = try await setTags(request["project_id"]) { $0 + [tag] }
                return .empty(headers: [.location: Links(request).url("/projects/\(request["project_id"])/tags/\(PercentEncoding.encode(tag))")])
            },
            .guarded(.delete, member, "Delete a project's tag", rule: "identity:delete_project_tag", success: .noContent) { request, gate in
                try await openProject(request, gate)
                let missing = noTag(request)
                _ = try await setTags(request["project_id"]) { tags in
                    guard tags.contains(request["value"]) else { throw missing }
                    return tags.filter { $0 != request["value"] }
                }
                return .empty()
            },
        ]
    }

    private func noTag(_ request: APIRequest) -> IdentityError { .notFound("project tag", id: request["value"]) }

    private func tagResponse(_ project: Project, _ request: APIRequest) -> APIResponse {
        .json { json in
            json.object {
                $0.member("tags", project.tags)
                $0.member("links", ["self": request.listURL])
            }
        }
    }

    private func setTags(_ projectID: String, _ change: @escaping @Sendable ([String]) throws -> [String]) async throws -> Project {
        try await database.write { transaction in
            guard var project = try ProjectRecords.find(projectID, transaction) else { throw IdentityError.notFound("project", id: projectID) }
            if project.isImmutable { throw IdentityError.immutable(project.kind, id: projectID, verb: "update") }
            project.tags = Set(try change(project.tags).map(\.trimmed)).sorted()
            guard project.tags.count <= ProjectRules.maximumTags else {
                throw IdentityError.invalid("A project has at most \(ProjectRules.maximumTags) tags.")
            }
            try ProjectRecords.update(project, transaction)
            return project
        }
    }
}
