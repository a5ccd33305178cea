import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/OS-EP-FILTER/endpoint_groups`.
extension Identity {
    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name()), ("description", Shape.text),
        ("filters", filters),
    ]

    private static let filters: Schema = .object([
        ("interface", .oneOf(["admin", "internal", "public"])), ("service_id", .string(length: 1...255)),
        ("region_id", .nullable(.string(length: 0...255))),
    ])

    /// In a change, what is null stays: clients send all they know of.
    private static let changes: [(name: String, schema: Schema)] = [
        ("name", .nullable(Shape.name())), ("description", Shape.text), ("filters", .nullable(filters)),
    ]

    private static let groups = endpointFilterPath + "/endpoint_groups"

    var endpointGroupEndpoints: [Endpoint] {
        [
            .guarded(.get, Self.groups, "List endpoint groups", rule: "identity:list_endpoint_groups") { request, gate in
                try gate.open()
                let query = try request.listQuery(EndpointGroupRecords.filters, options)
                return .listing(try await listEndpointGroups(query), request, query)
            },
            .guarded(
                .post, Self.groups, "Create an endpoint group", rule: "identity:create_endpoint_group",
                body: .json(.object([("endpoint_group", .object(Self.fields, required: ["name", "filters"]))], required: ["endpoint_group"])),
                success: .created
            ) { request, gate in
                try gate.open()
                let body = request.body["endpoint_group"]?.object ?? [:]
                var group = EndpointGroup(id: Identifier.hex(), name: "", filters: [:])
                group.apply(body)
                guard !group.filters.isEmpty else { throw IdentityError.invalid("filters field is required and cannot be empty") }
                return .showing(try await createEndpointGroup(group), request)
            },
            .guarded(
                .get, Self.groups + "/{endpoint_group_id}", "Show an endpoint group", rule: "identity:get_endpoint_group"
            ) { request, gate in
                try gate.open()
                return .showing(try await endpointGroup(id: request["endpoint_group_id"]), request)
            },
            .guarded(
                .patch, Self.groups + "/{endpoint_group_id}", "Change an endpoint group", rule: "identity:update_endpoint_group",
                body: .json(.object([("endpoint_group", .object(Self.changes))], required: ["endpoint_group"]))
            ) { request, gate in
                try gate.open()
                let body = request.body["endpoint_group"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'endpoint_group': nothing to change.") }
                return .showing(try await updateEndpointGroup(request["endpoint_group_id"]) { $0.apply(body) }, request)
            },
            .guarded(
                .delete, Self.groups + "/{endpoint_group_id}", "Delete an endpoint group", rule: "identity:delete_endpoint_group",
                success: .noContent
            ) { request, gate in
                try gate.open()
                try await deleteEndpointGroup(request["endpoint_group_id"])
                return .empty()
            },
            .guarded(
                .get, Self.groups + "/{endpoint_group_id}/endpoints", "List the endpoints of a group",
                rule: "identity:list_endpoints_associated_with_endpoint_group"
            ) { request, gate in
                try gate.open()
                return .listing(try await endpoints(ofGroup: request["endpoint_group_id"]), request)
            },
        ]
    }

    /// Endpoint groups chosen for projects.
    var projectEndpointGroupEndpoints: [Endpoint] {
        let projects = Self.groups + "/{endpoint_group_id}/projects"
        return [
            .guarded(
                .get, projects, "List the projects an endpoint group is chosen for",
                rule: "identity:list_projects_associated_with_endpoint_group"
            ) { request, gate in
                try gate.open()
                return .listing(try await self.projects(ofEndpointGroup: request["endpoint_group_id"]), request)
            },
            .guarded(
                .get, projects + "/{project_id}", "Show the choice of an endpoint group for a project",
                rule: "identity:get_endpoint_group_in_project"
            ) { request, gate in
                try gate.open()
                let (group, project) = (request["endpoint_group_id"], request["project_id"])
                try await checkEndpointGroup(group, ofProject: project)
                return .json("project_endpoint_group", Self.association(group, project, Links(request)))
            },
            .guarded(
                .put, projects + "/{project_id}", "Choose an endpoint group for a project",
                rule: "identity:add_endpoint_group_to_project", success: .noContent
            ) { request, gate in
                try gate.open()
                try await addEndpointGroup(request["endpoint_group_id"], toProject: request["project_id"])
                return .empty()
            },
            .guarded(
                .delete, projects + "/{project_id}", "Take an endpoint group from a project's choice",
                rule: "identity:remove_endpoint_group_from_project", success: .noContent
            ) { request, gate in
                try gate.open()
                try await removeEndpointGroup(request["endpoint_group_id"], fromProject: request["project_id"])
                return .empty()
            },
            .guarded(
                .get, Self.endpointFilterPath + "/projects/{project_id}/endpoint_groups", "List the endpoint groups chosen for a project",
                rule: "identity:list_endpoint_groups_for_project"
            ) { request, gate in
                try gate.open()
                return .listing(try await endpointGroups(ofProject: request["project_id"]), request)
            },
        ]
    }

    static let endpointGroupRules = [
        rule("create_endpoint_group", Check.admin, .systemOrProject, "Create an endpoint group."),
        rule("list_endpoint_groups", Check.adminOrSystemReader, .systemOrProject, "List endpoint groups."),
        rule("get_endpoint_group", Check.adminOrSystemReader, .systemOrProject, "Show an endpoint group."),
        rule("update_endpoint_group", Check.admin, .systemOrProject, "Change an endpoint group."),
        rule("delete_endpoint_group", Check.admin, .systemOrProject, "Delete an endpoint group."),
        rule(
            "list_projects_associated_with_endpoint_group", Check.adminOrSystemReader, .systemOrProject,
            "List the projects an endpoint group is chosen for."),
        rule(
            "list_endpoints_associated_with_endpoint_group", Check.adminOrSystemReader, .systemOrProject,
            "List the endpoints of a group."),
        rule(
            "get_endpoint_group_in_project", Check.adminOrSystemReader, .systemOrProject,
            "Show the choice of an endpoint group for a project."),
        rule(
            "list_endpoint_groups_for_project", Check.adminOrSystemReader, .systemOrProject,
            "List the endpoint groups chosen for a project."),
        rule("add_endpoint_group_to_project", Check.admin, .systemOrProject, "Choose an endpoint group for a project."),
        rule("remove_endpoint_group_from_project", Check.admin, .systemOrProject, "Take an endpoint group from a project's choice."),
    ]

    private static func association(_ group: String, _ project: String, _ links: Links) -> JSON {
        [
            "endpoint_group_id": .string(group), "project_id": .string(project),
            "links": ["self": .string(links.url("\(groups)/\(group)/projects/\(project)"))],
        ]
    }
}

extension EndpointGroup {
    fileprivate mutating func apply(_ body: JSONObject) {
        if let text = body["name"]?.string { name = text }
        if let text = body["description"] { description = text.string }
        if let chosen = body["filters"]?.object { filters = chosen }
    }
}

extension EndpointGroup: ResourceView {
    static let singular = "endpoint_group"
    static let collection = "endpoint_groups"

    var linkedPaths: [(name: String, path: String)] { [("self", "/OS-EP-FILTER/endpoint_groups/\(id)")] }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("description", description)
        json.member("filters", JSON.object(filters))
    }
}
