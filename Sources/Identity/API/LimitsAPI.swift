import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// `/v3/limits`.
extension Identity {
    private static let valueFields = LimitShape.value("resource_limit")

    /// A limit belongs to a project or to a domain, never to both.
    private static func limitSchema(of owner: String) -> Schema {
        .object(
            [(owner, Shape.identifier)] + LimitShape.resource + valueFields,
            required: [owner, "service_id", "resource_name", "resource_limit"])
    }

    var limitEndpoints: [Endpoint] {
        [
            .guarded(.get, "/limits", "List limits", rule: "identity:list_limits") { request, gate in
                try request.check(query: LimitShape.filters + [("project_id", Shape.identifier), ("domain_id", Shape.identifier)])
                try gate.open()
                let query = try request.listQuery(LimitRecords.filters, options)
                return .listing(try await listLimits(query, visible: request.visibleLimits), request, query)
            },
            .guarded(
                .post, "/limits", "Create limits", rule: "identity:create_limits",
                body: LimitShape.batch("limits", .anyOf([Self.limitSchema(of: "project_id"), Self.limitSchema(of: "domain_id")])),
                success: .created
            ) { request, gate in
                try gate.open()
                return .created(try await createLimits((request.body["limits"]?.array ?? []).map(LimitDraft.init(body:))), request)
            },
            .guarded(.get, "/limits/model", "Show the enforcement model", rule: "identity:get_limit_model") { request, gate in
                try gate.open()
                let model = options.enforcementModel
                return .json("model", ["name": model.rawValue, "description": model.summary])
            },
            .guarded(.get, "/limits/{limit_id}", "Show a limit", rule: "identity:get_limit") { request, gate in
                let sought = try await Sought { try await limit(id: request["limit_id"]) }
                try gate.open(try await target(sought.found))
                return .showing(try sought.get(), request)
            },
            .guarded(
                .patch, "/limits/{limit_id}", "Change a limit", rule: "identity:update_limit",
                body: .json(.object([("limit", .object(Self.valueFields))], required: ["limit"]))
            ) { request, gate in
                // As upstream: what does not exist is 404 to everybody here, and above, where a limit is shown, it is not.
                try gate.open(try await target(limit(id: request["limit_id"])))
                let body = request.body["limit"]?.object ?? [:]
                let changed = try await updateLimit(
                    request["limit_id"], value: body["resource_limit"]?.int, description: body["description"].map(\.string))
                return .showing(changed, request)
            },
            .guarded(.delete, "/limits/{limit_id}", "Delete a limit", rule: "identity:delete_limit", success: .noContent) { request, gate in
                try gate.open(try await target(limit(id: request["limit_id"])))
                try await deleteLimit(request["limit_id"])
                return .empty()
            },
        ]
    }

    static let limitRules = [
        rule("get_limit_model", "", "Show the enforcement model."),
        rule(
            "get_limit",
            "\(Check.admin) or (\(Check.systemReader)) or (domain_id:%(target.limit.domain.id)s or "
                + "domain_id:%(target.limit.project.domain_id)s) or (project_id:%(target.limit.project_id)s and not "
                + "None:%(target.limit.project_id)s)", "Show a limit."),
        rule("list_limits", "", "List limits."),
        rule("create_limits", Check.admin, .systemOrProject, "Create limits."),
        rule("update_limit", Check.admin, .systemOrProject, "Change a limit."),
        rule("delete_limit", Check.admin, .systemOrProject, "Delete a limit."),
    ]

    /// What rules can say about a limit. What a limit does not have is left out, so that it equals nothing.
    private func target(_ limit: Limit?) async throws -> PolicyTarget {
        switch limit?.owner {
        case nil: return [:]
        case .domain(let id): return ["target.limit.domain.id": .string(id), "target.limit.domain_id": .string(id)]
        case .project(let id):
            var target: PolicyTarget = ["target.limit.project_id": .string(id)]
            target["target.limit.project.domain_id"] = try await Sought { try await project(id: id) }.found.map { .string($0.effectiveDomainID) }
            return target
        }
    }
}

extension APIRequest {
    /// Administrators, services and the system's readers see every limit, others those of their token's scope.
    fileprivate var visibleLimits: LimitRecords.Visibility {
        guard let token else { return .nothing }
        if token.isSystemScoped || !Set(token.roles).isDisjoint(with: ["admin", "service"]) { return .everything }
        if let domain = token.domainID { return .domain(domain) }
        return token.projectID.map { .project($0) } ?? .nothing
    }
}

extension Identity.LimitDraft {
    fileprivate init(body: JSON) {
        let owner = body["project_id"]?.string.map { Limit.Owner.project($0) } ?? .domain(body["domain_id"]?.string ?? "")
        self.init(
            resource: LimitedResource(body: body), owner: owner, value: body["resource_limit"]?.int ?? 0,
            description: body["description"]?.string)
    }
}

extension Limit: ResourceView {
    static let singular = "limit"
    static let collection = "limits"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("project_id", owner.projectID)
        json.member("domain_id", owner.domainID)
        resource.writeMembers(to: &json)
        json.member("resource_limit", value)
        json.member("description", description)
    }
}
