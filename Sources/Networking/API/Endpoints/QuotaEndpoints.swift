import CloudAPI
import CloudCore
import CloudStore

// Quotas: decode, authorise, call, encode.
extension NetworkingAPI {
    var quotaEndpoints: [Endpoint] {
        let item = "/v2.0/quotas/{project_id}"
        let own = Access.authenticated(because: "a caller may always see the limits of their own project; others need get_quota")
        return [
            Endpoint(
                .get, "/v2.0/quotas", "List projects with limits of their own", access: .rule("get_quota"), handler: listQuotas),
            Endpoint(
                .get, "/v2.0/quotas/project", "Show the caller's project",
                access: .authenticated(because: "it answers what the token says")
            ) { try Self.callerProject($0, "project") },
            Endpoint(
                .get, "/v2.0/quotas/tenant", "Show the caller's project by its old name",
                access: .authenticated(because: "it answers what the token says")
            ) { try Self.callerProject($0, "tenant") },
            Endpoint(.get, item, "Show a project's limits", access: own, handler: showQuota),
            Endpoint(.get, "\(item)/default", "Show the default limits", access: own, handler: showDefaultQuota),
            Endpoint(.get, "\(item)/details", "Show a project's limits and usage", access: own, handler: showQuotaDetails),
            Endpoint(.get, "\(item)/details.json", "Show a project's limits and usage", access: own, handler: showQuotaDetails),
            Endpoint(
                .put, item, "Set a project's limits", access: .ruleOnResource("update_quota"),
                body: NetworkingSchemas.quotaUpdate, handler: updateQuota),
            Endpoint(
                .delete, item, "Return a project to the default limits", access: .ruleOnResource("delete_quota"),
                success: .noContent, handler: deleteQuota),
        ]
    }

    private static func callerProject(_ request: APIRequest, _ name: String) throws -> APIResponse {
        guard let project = request.token?.projectID else {
            throw NetworkingError(.badRequest, "QuotaMissingTenant", "Tenant-id was missing from quota request.")
        }
        return .json { $0.object { $0.member(name) { $0.object { $0.member("\(name)_id", project) } } } }
    }

    /// Whose limits, if the caller may see them.
    private static func project(_ request: APIRequest) throws -> String {
        let project = request["project_id"]
        if project != request.token?.projectID { try request.require("get_quota", PolicySubject(projectID: project).target) }
        return project
    }

    private func limits(_ own: [String: Int]) -> [String: Int] { options.quotas.merging(own) { $1 } }

    private func listQuotas(_ request: APIRequest) async throws -> APIResponse {
        let all = try await database.read { try QuotaRecords.all(in: $0).map { QuotaSet(project: $0.project, limits: $0.limits) } }
        let visible = all.filter { request.caller.isAdmin || $0.project == request.token?.projectID }
        return .json { json in
            json.object { json in
                json.member("quotas") { json in
                    json.array { json in
                        for set in visible {
                            json.object { json in
                                for (name, limit) in limits(set.limits).sorted(by: { $0.key < $1.key }) { json.member(name, limit) }
                                json.member("project_id", set.project)
                                json.member("tenant_id", set.project)
                            }
                        }
                    }
                }
            }
        }
    }

    private func showQuota(_ request: APIRequest) async throws -> APIResponse {
        let project = try Self.project(request)
        let own = try await database.read { try QuotaRecords.limits(project: project, in: $0) }
        return .json("quota", limits(own))
    }

    private func showDefaultQuota(_ request: APIRequest) async throws -> APIResponse {
        _ = try Self.project(request)
        return .json("quota", options.quotas)
    }

    private func showQuotaDetails(_ request: APIRequest) async throws -> APIResponse {
        let project = try Self.project(request)
        let (own, used) = try await database.read { reader in
            var used: [String: Int] = [:]
            for resource in QuotaResource.allCases {
                used[resource.rawValue] = try QuotaRecords.used(resource, project: project, upTo: Int(Int32.max), in: reader)
            }
            return (try QuotaRecords.limits(project: project, in: reader), used)
        }
        let details = limits(own).map { name, limit in (name, ["limit": limit, "used": used[name] ?? 0, "reserved": 0]) }
        return .json("quota", Dictionary(uniqueKeysWithValues: details))
    }

    private func updateQuota(_ request: APIRequest) async throws -> APIResponse {
        let project = request["project_id"]
        try request.authorize(PolicySubject(projectID: project).target)
        let attributes = Attributes(json: request.body["quota"] ?? .object([:]))
        let force = attributes.flag("force") ?? false
        let wanted = QuotaResource.allCases.compactMap { resource in
            attributes.number(resource.rawValue).map { (resource: resource, limit: $0) }
        }
        let own = try await database.write { transaction in
            for (resource, limit) in wanted {
                if !force, limit >= 0 {
                    let used = try QuotaRecords.used(resource, project: project, upTo: limit + 1, in: transaction)
                    guard used <= limit else {
                        throw NetworkingError.badBody(
                            "Quota limit \(limit) for \(resource.rawValue) must be greater than or equal to already used resources")
                    }
                }
                try QuotaRecords.set(limit, resource.rawValue, project: project, in: transaction)
            }
            return try QuotaRecords.limits(project: project, in: transaction)
        }
        return .json("quota", limits(own))
    }

    private func deleteQuota(_ request: APIRequest) async throws -> APIResponse {
        let project = request["project_id"]
        try request.authorize(PolicySubject(projectID: project).target)
        let existed = try await database.write { try QuotaRecords.reset(project: project, in: $0) }
        guard existed else {
            throw NetworkingError(.notFound, "TenantQuotaNotFound", "Quota for project \(project) could not be found.")
        }
        return .empty()
    }
}

/// A project's own limits.
private struct QuotaSet: Sendable {
    let project: String
    let limits: [String: Int]
}
