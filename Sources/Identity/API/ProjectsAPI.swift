import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The attributes of projects and domains that are not extra.
enum ProjectFieldNames {
    static let known: Set<String> = [
        "id", "name", "domain_id", "description", "enabled", "parent_id", "is_domain", "tags", "options", "links", "extra",
        "explicit_domain_id",
    ]
}

extension Identity.ProjectFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        name = body["name"]?.string
        description = body["description"]
        isEnabled = body["enabled"]?.truth
        options = body["options"]?.object
        tags = body["tags"]?.array?.compactMap(\.string)
        extra = body.extra(besides: ProjectFieldNames.known)
    }
}

/// `/v3/projects`.
extension Identity {
    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name(64)), ("description", Shape.text), ("enabled", Shape.flag), ("tags", Shape.tags),
        ("domain_id", .nullable(Shape.identifier)), ("parent_id", .nullable(Shape.identifier)), ("is_domain", Shape.flag),
        ("options", Shape.immutableOption),
    ]

    var projectEndpoints: [Endpoint] {
        [
            .guarded(.get, "/projects", "List projects", rule: "identity:list_projects", handler: listProjects),
            .guarded(
                .post, "/projects", "Create a project", rule: "identity:create_project",
                body: Shape.resource("project", Self.fields, required: ["name"]), success: .created, handler: createProject),
            .guarded(.get, "/projects/{project_id}", "Show a project", rule: "identity:get_project") { request, gate in
                try await openProject(request, gate)
                return try await showProject(request)
            },
            .guarded(
                .patch, "/projects/{project_id}", "Change a project", rule: "identity:update_project",
                body: Shape.resource("project", Self.fields), handler: updateProject),
            .guarded(
                .delete, "/projects/{project_id}", "Delete a project", rule: "identity:delete_project", success: .noContent
            ) { request, gate in
                try await openProject(request, gate)
                // A domain is a project too, and goes the way domains go.
                if try await project(id: request["project_id"]).isDomain {
                    try await deleteDomain(request["project_id"])
                } else {
                    try await deleteProject(request["project_id"], cascade: request.has(flag: "cascade"))
                }
                return .empty()
            },
            .guarded(.get, "/users/{user_id}/projects", "List a user's projects", rule: "identity:list_user_projects") { request, gate in
                try await openUser(request, gate)
                let user = try await user(id: request["user_id"])
                let query = try request.listQuery(Self.userProjectFilters, options)
                return .listing(try await listProjects(query, ofUser: user.id), request, query)
            },
        ]
    }

    private static let userProjectFilters = FilterColumns([
        "name": ("p.name", .text), "domain_id": ("p.domain_id", .text), "enabled": ("p.enabled", .flag),
    ])

    private static let ofProject = "project_id:%(target.project.id)s"
    private static let domainManager =
        "(\(Check.admin)) or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)"
    static let projectReader =
        "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.project.domain_id)s and "
        + "not None:%(target.project.domain_id)s) or \(ofProject)"

    static let projectRules = [
        rule("get_project", projectReader, "Show a project."),
        rule(
            "list_projects", "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.domain_id)s)",
            "List projects."),
        rule(
            "list_user_projects",
            "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.user.domain_id)s) or "
                + "user_id:%(target.user.id)s", "List a user's projects."),
        rule("create_project", domainManager, "Create a project."),
        rule("update_project", domainManager, "Change a project."),
        rule("delete_project", domainManager, "Delete a project."),
    ]

    static let projectTagRules = [
        rule("list_project_tags", projectReader, "List a project's tags."),
        rule("get_project_tag", projectReader, "Check for a project's tag."),
        rule("update_project_tags", domainManager, "Replace a project's tags."),
        rule("create_project_tag", domainManager, "Add a tag to a project."),
        rule("delete_project_tags", domainManager, "Delete a project's tags."),
        rule("delete_project_tag", domainManager, "Delete a project's tag."),
    ]

    /// Opens the gate for the project in the path; whether it exists shows only to those let through.
    func openProject(_ request: APIRequest, _ gate: Gate) async throws {
        let sought = try await Sought { try await project(id: request["project_id"]) }
        try gate.open(sought.found?.target(as: "project") ?? [:])
    }

    private func listProjects(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open(request.domainTarget("target.domain_id"))
        var query = try request.listQuery(ProjectRecords.filters, options)
        if query["is_domain"] == nil { query = query.filtered("is_domain", "0") }
        let tagFilters = ["tags", "tags-any", "not-tags", "not-tags-any"].compactMap { name in
            request.query[name].map { (name, $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)) }
        }
        let page = try await listProjects(query, tagFilters: tagFilters, inDomain: request.token?.domainID)
        return .listing(page, request, query)
    }

    private func createProject(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open(request.target(ofBody: "project"))
        let body = request.body["project"]?.object ?? [:]
        let isDomain = body["is_domain"]?.truth ?? false
        let domainID = isDomain ? nil : body["domain_id"]?.string ?? request.token?.domainID ?? ProjectRules.defaultDomainID
        let project = Project(
            id: Identifier.hex(), name: "", domainID: domainID,
            parentID: body["parent_id"]?.string ?? body["domain_id"]?.string ?? domainID, isDomain: isDomain, description: "")
        return .showing(try await createProject(project, ProjectFields(body)), request)
    }

    private func updateProject(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try await openProject(request, gate)
        let body = request.body["project"]?.object ?? [:]
        let project = try await project(id: request["project_id"])
        if let id = body["id"], id != .string(project.id) { throw IdentityError.invalid("Cannot change ID") }
        if let domain = body["domain_id"], domain.string != project.domainID { throw IdentityError.invalid("Cannot change Domain ID") }
        if let parent = body["parent_id"], parent.string != project.parentID { throw IdentityError.refused("Update of `parent_id` is not allowed.") }
        if let isDomain = body["is_domain"]?.truth, isDomain != project.isDomain { throw IdentityError.invalid("Update of `is_domain` is not allowed.") }
        let changed = try await updateProject(project.id, ProjectFields(body), isDomain: false)
        return .showing(ChangedView(resource: changed, extra: changed.extra), request)
    }

    /// A project with the part of the hierarchy that the query asks for.
    private func showProject(_ request: APIRequest) async throws -> APIResponse {
        let project = try await project(id: request["project_id"])
        for (list, ids) in [("parents_as_list", "parents_as_ids"), ("subtree_as_list", "subtree_as_ids")]
        where request.has(flag: list) && request.has(flag: ids) {
            throw IdentityError.invalid("Cannot use \(list) and \(ids) query params at the same time.")
        }
        let hierarchy = try await hierarchy(of: project, request)
        let links = Links(request)
        return .json { json in
            json.object { json in
                json.member("project") { json in
                    json.object { json in
                        project.writeMembers(to: &json)
                        for (name, value) in hierarchy { json.member(name, value) }
                        json.member("links", ["self": links.url("/projects/\(project.id)")])
                    }
                }
            }
        }
    }

    private func hierarchy(of project: Project, _ request: APIRequest) async throws -> [(String, JSON)] {
        let branches = ["parents_as_list", "parents_as_ids", "subtree_as_list", "subtree_as_ids"]
        guard branches.contains(where: { request.has(flag: $0) }) else { return [] }
        let links = Links(request)
        let isMine = try await Set(projects(ofUser: request.callerID).map(\.id)).contains
        func wrapped(_ projects: [Project]) async throws -> JSON {
            let projects = projects.filter { isMine($0.id) }
            let limits = request.has(flag: "include_limits") ? try await limits(ofProjects: projects.map(\.id)) : nil
            return .array(try projects.map { project in
                let view = ProjectInHierarchy(project: project, limits: limits.map { $0[project.id] ?? [] })
                var writer = JSONWriter()
                writer.object { $0.member("project", Linked(resource: view, links: links)) }
                return try JSON(parsing: writer.bytes)
            })
        }
        var members: [(String, JSON)] = []
        if request.has(flag: "parents_as_list") || request.has(flag: "parents_as_ids") {
            let parents = try await database.read { try ProjectRecords.ancestors(of: project.id, $0) }
            let ids = parents.reversed().reduce(JSON.null) { .object([$1.id: $0]) }
            members.append(("parents", request.has(flag: "parents_as_ids") ? ids : try await wrapped(parents)))
        }
        if request.has(flag: "subtree_as_list") || request.has(flag: "subtree_as_ids") {
            let subtree = try await database.read { try ProjectRecords.descendants(of: project.id, $0) }
            members.append(("subtree", request.has(flag: "subtree_as_ids") ? Self.idTree(project.id, subtree) : try await wrapped(subtree)))
        }
        return members
    }

    private static func idTree(_ rootID: String, _ projects: [Project]) -> JSON {
        let children = Dictionary(grouping: projects) { $0.parentID ?? "" }
        func tree(_ id: String) -> JSON {
            guard let below = children[id] else { return .null }
            var object = JSONObject()
            for project in below { object[project.id] = tree(project.id) }
            return .object(object)
        }
        return tree(rootID)
    }
}
