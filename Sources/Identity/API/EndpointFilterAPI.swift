import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/OS-EP-FILTER`: the endpoints chosen for projects.
extension Identity {
    static let endpointFilterPath = "/OS-EP-FILTER"

    var endpointFilterEndpoints: [Endpoint] {
        let chosen = Self.endpointFilterPath + "/projects/{project_id}/endpoints"
        return [
            .guarded(.get, chosen, "List the endpoints chosen for a project", rule: "identity:list_endpoints_for_project") { request, gate in
                try gate.open()
                return .listing(try await endpoints(ofProject: request["project_id"]), request)
            },
            .guarded(
                .get, chosen + "/{endpoint_id}", "Check whether an endpoint is chosen for a project",
                rule: "identity:check_endpoint_in_project", success: .noContent
            ) { request, gate in
                try gate.open()
                try await checkEndpoint(request["endpoint_id"], ofProject: request["project_id"])
                return .empty()
            },
            .guarded(
                .put, chosen + "/{endpoint_id}", "Choose an endpoint for a project", rule: "identity:add_endpoint_to_project",
                success: .noContent
            ) { request, gate in
                try gate.open()
                try await addEndpoint(request["endpoint_id"], toProject: request["project_id"])
                return .empty()
            },
            .guarded(
                .delete, chosen + "/{endpoint_id}", "Take an endpoint from a project's choice",
                rule: "identity:remove_endpoint_from_project", success: .noContent
            ) { request, gate in
                try gate.open()
                try await removeEndpoint(request["endpoint_id"], fromProject: request["project_id"])
                return .empty()
            },
            .guarded(
                .get, Self.endpointFilterPath + "/endpoints/{endpoint_id}/projects", "List the projects an endpoint is chosen for",
                rule: "identity:list_projects_for_endpoint"
            ) { request, gate in
                try gate.open()
                return .listing(try await projects(ofEndpoint: request["endpoint_id"]), request)
            },
        ]
    }

    static let endpointFilterRules = [
        rule("list_projects_for_endpoint", Check.adminOrSystemReader, .systemOrProject, "List the projects an endpoint is chosen for."),
        rule("add_endpoint_to_project", Check.admin, .systemOrProject, "Choose an endpoint for a project."),
        rule("check_endpoint_in_project", Check.adminOrSystemReader, .systemOrProject, "Check whether an endpoint is chosen for a project."),
        rule("list_endpoints_for_project", Check.adminOrSystemReader, .systemOrProject, "List the endpoints chosen for a project."),
        rule("remove_endpoint_from_project", Check.admin, .systemOrProject, "Take an endpoint from a project's choice."),
    ]
}
