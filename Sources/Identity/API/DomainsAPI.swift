import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// `/v3/domains`.
extension Identity {
    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name(64)), ("description", .nullable(.string(length: 0...255))), ("enabled", Shape.flag), ("tags", Shape.tags),
        ("options", Shape.immutableOption), ("explicit_domain_id", Shape.identifier),
    ]

    var domainEndpoints: [Endpoint] {
        [
            .guarded(.get, "/domains", "List domains", rule: "identity:list_domains") { request, gate in
                try gate.open(request.domainTarget("target.domain.id"))
                let query = try request.listQuery(FilterColumns(["name": ("p.name", .text), "enabled": ("p.enabled", .flag)]), options)
                let page = try await listDomains(query, only: request.token?.domainID)
                return .listing(Page(elements: page.elements.map(DomainView.init), isFull: page.isFull), request, query)
            },
            .guarded(
                .post, "/domains", "Create a domain", rule: "identity:create_domain",
                body: Shape.resource("domain", Self.fields, required: ["name"]), success: .created
            ) { request, gate in
                try gate.open()
                return .showing(DomainView(try await createDomain(request.body["domain"]?.object ?? [:])), request)
            },
            .guarded(.get, "/domains/{domain_id}", "Show a domain", rule: "identity:get_domain") { request, gate in
                let sought = try await Sought { try await domain(id: request["domain_id"]) }
                try gate.open(sought.found?.target(as: "domain") ?? [:])
                return .showing(DomainView(try sought.get()), request)
            },
            .guarded(
                .patch, "/domains/{domain_id}", "Change a domain", rule: "identity:update_domain",
                body: Shape.resource("domain", Self.fields)
            ) { request, gate in
                // As upstream: what does not exist is 404 to everybody here, and above, where a domain is shown, it is not.
                try gate.open(try await domain(id: request["domain_id"]).target(as: "domain"))
                let fields = ProjectFields(request.body["domain"]?.object ?? [:])
                return .showing(DomainView(try await updateProject(request["domain_id"], fields, isDomain: true)), request)
            },
            .guarded(
                .delete, "/domains/{domain_id}", "Delete a domain with everything in it", rule: "identity:delete_domain",
                success: .noContent
            ) { request, gate in
                try gate.open(try await domain(id: request["domain_id"]).target(as: "domain"))
                try await deleteDomain(request["domain_id"])
                return .empty()
            },
        ]
    }

    static let domainRules = [
        rule(
            "get_domain",
            "\(Check.admin) or (\(Check.systemReader)) or token.domain.id:%(target.domain.id)s or "
                + "token.project.domain.id:%(target.domain.id)s", "Show a domain."),
        rule(
            "list_domains", "\(Check.adminOrSystemReader) or (role:reader and domain_id:%(target.domain.id)s)",
            "List domains."),
        rule("create_domain", Check.admin, .systemOrProject, "Create a domain."),
        rule("update_domain", Check.admin, .systemOrProject, "Change a domain."),
        rule("delete_domain", Check.admin, .systemOrProject, "Delete a domain."),
    ]

    private func createDomain(_ body: JSONObject) async throws -> Project {
        let explicitID = body["explicit_domain_id"]?.string
        if let explicitID, explicitID.count != 32 || !Identifier.isUUID(explicitID) || explicitID != explicitID.lowercased() {
            throw IdentityError.invalid("Domain ID does not conform to required UUID format.")
        }
        let domain = Project(id: explicitID ?? Identifier.hex(), name: "", isDomain: true, description: "")
        return try await createProject(domain, ProjectFields(body))
    }
}
